#include "cache/semantic_notes.h"

#include "base/digest.h"

namespace reflex::cache {
namespace {

std::string_view View(const Digest& digest) { return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()}; }

}  // namespace

std::string BlockedPairs::Key(const Digest& scope, std::string_view canonical, const Digest& entry) {
  base::Sha256 hash;
  hash.UpdateField(View(scope));
  hash.UpdateField(canonical);
  hash.UpdateField(View(entry));
  return "semantic/blocked/" + std::string(View(hash.Finish()));
}

Result<void> BlockedPairs::Block(const Digest& scope, std::string_view canonical, const Digest& entry) {
  return store_.PutNote(Key(scope, canonical, entry), "1");
}

bool BlockedPairs::Has(const Digest& scope, std::string_view canonical, const Digest& entry) const {
  const auto note = store_.FindNote(Key(scope, canonical, entry));
  return note.has_value() || note.error().code != ErrorCode::kNotFound;
}

}  // namespace reflex::cache
