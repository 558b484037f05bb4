#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "reflex/entry_store.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/types.h"
#include "store/counters.h"
#include "store/environment.h"
#include "store/read_marks.h"
#include "store/rules.h"
#include "store/write_queue.h"

namespace reflex::store {

// Everything that is read from the store's file; what is pending is the caller's. Each call is one short read transaction.
// Thread-safe. Returns of all that give a Result: kIo, kBusy, kCorrupt, kInternal.
class FileReader {
 public:
  FileReader(const Visibility& visibility, WriteQueue& queue, StoreCounters& counters, ReadMarks& marks, Logger& logger)
      : visibility_(visibility), queue_(queue), counters_(counters), marks_(marks), logger_(logger) {}

  // The entry, checked against its checksum, or null; a damaged one is counted and queued for erasure.
  Result<EntryPtr> Find(Environment& environment, const Digest& key, const RuleBook::View& rules);
  // Without reply and layout, and without the check.
  Result<EntryPtr> FindHead(Environment& environment, const Digest& key, const RuleBook::View& rules);
  // The first with this label that is neither hidden nor pending.
  Result<EntryPtr> FindHeadByLabel(Environment& environment, std::uint64_t label, const RuleBook::View& rules);

  // Members of a scope that are not pending, in order, at most `limit`; only those of `canonical` if it is given.
  Result<std::vector<ScopeMember>> FindMembers(Environment& environment, const Digest& scope, const Digest* canonical,
                                               std::size_t limit);
  // The next members of all scopes behind the row `after`, which moves on; `last` where none is left.
  struct MemberSlice {
    std::vector<std::pair<Digest, ScopeMember>> members;
    bool last = false;
  };
  Result<MemberSlice> ReadMembers(Environment& environment, std::string& after);

  Result<std::string> FindVector(Environment& environment, const Digest& key);
  bool ReadVectorByLabel(Environment& environment, std::uint64_t label, const std::function<void(std::string_view)>& read);

  // Nothing where there is no such note.
  Result<std::optional<std::string>> FindNote(Environment& environment, std::string_view key);
  struct NoteSlice {
    std::vector<std::pair<std::string, std::string>> notes;
    bool last = false;
  };
  // The next notes behind the key `after`, or from `prefix` on where it is empty.
  Result<NoteSlice> ReadNotes(Environment& environment, std::string_view prefix, const std::string& after);

  // Hands the rows of the rule table to the book.
  Result<void> LoadRules(Environment& environment, RuleBook& rules);

  // Heads in order of key, a slice of them, behind the key `after`.
  struct Condemned {
    Digest key;
    std::uint64_t checksum = 0;
  };
  struct Slice {
    std::vector<std::pair<Entry, KeyRecord>> heads;
    std::vector<Condemned> broken;
    bool last = false;
  };
  Result<Slice> ReadHeads(Environment& environment, std::optional<Digest>& after);

 private:
  int FindRecord(ReadLease& lease, Environment& environment, const Digest& key, std::optional<KeyRecord>& record);
  bool IsThere(ReadLease& lease, Environment& environment, const Digest& key);
  EntryPtr Damaged(const Digest& key, std::uint64_t checksum);
  void Collect(ReadLease& lease, const Digest& key, std::string_view record_bytes, Slice& slice) const;

  const Visibility& visibility_;
  WriteQueue& queue_;
  StoreCounters& counters_;
  ReadMarks& marks_;
  Logger& logger_;
};

}  // namespace reflex::store
