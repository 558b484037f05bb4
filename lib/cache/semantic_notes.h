#pragma once

#include <string>
#include <string_view>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::cache {

// Pairs of question and entry that must never match again: notes of the store, "semantic/blocked/" and the digest of scope,
// canonical question and entry key. Thread-safe as the store is.
class BlockedPairs {
 public:
  explicit BlockedPairs(EntryStore& store) : store_(store) {}

  // `canonical`: the canonical text of the question that was answered. Returns as EntryStore::PutNote.
  Result<void> Block(const Digest& scope, std::string_view canonical, const Digest& entry);
  // True also when the store cannot say: a pair that may be blocked is not served.
  bool Has(const Digest& scope, std::string_view canonical, const Digest& entry) const;

 private:
  static std::string Key(const Digest& scope, std::string_view canonical, const Digest& entry);
  EntryStore& store_;
};

}  // namespace reflex::cache
