#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/types.h"
#include "store/counters.h"
#include "store/environment.h"
#include "store/read_marks.h"
#include "store/record.h"

namespace reflex::store {

// Where the writer is; put back when a transaction fails.
struct WriterPosition {
  std::uint64_t next_id = 1;
  std::uint64_t floor = 0;
  // Entries below the floor that are still to be reclaimed; they do not count.
  std::uint64_t condemned = 0;
  // Bytes left on the last page of the value table, as far as appending goes: the next piece is cut to fill them.
  std::uint64_t tail_room = 0;
  // Number of the next row in the rule table.
  std::uint64_t next_rule = 1;
};

// What the writer carries from one transaction to the next.
struct WriterState : WriterPosition {
  explicit WriterState(int zstd_level) : encoder(zstd_level) {}

  EntryEncoder encoder;
};

// The changes of one write transaction, written for a page size of 4 KiB and correct for any. Functions return LMDB's codes,
// 0 for done; after any other code the transaction must be aborted.
// Finish comes last. Not thread-safe; lives as long as its transaction.
class Batch {
 public:
  Batch(Environment& environment, WriteTransaction& transaction, WriterState& state, StoreCounters& counters, ReadMarks& marks)
      : environment_(environment), transaction_(transaction), state_(state), counters_(counters), marks_(marks) {}

  // Stores or replaces.
  int Put(const Entry& entry);
  // Removes if it is there and, where a checksum is given, has it.
  int Erase(const Digest& key, std::optional<std::uint64_t> checksum);
  // Puts the floor above everything stored so far.
  int Clear();
  // Removes at most `max` entries that expired by `now_ms`.
  int Expire(std::int64_t now_ms, std::uint64_t max);
  // Removes the oldest entry, or gives it a second chance behind the newest if it was read lately and `may_spare`.
  struct Eviction {
    std::uint64_t bytes = 0;  // About what the entry takes of the file; 0 when the table is empty.
    bool spared = false;
  };
  int EvictOldest(bool may_spare, Eviction& eviction);
  // Removes the oldest entry if it lies below the floor; `found` says whether there was one.
  int ReclaimOldest(bool& found);

  // Keeps the bytes if there is such an entry.
  int PutVector(const Digest& key, std::string_view bytes);
  int PutNote(std::string_view key, std::string_view value);
  int EraseNote(std::string_view key);
  int PutRule(std::uint64_t number, const StoredRule& rule);
  int EraseRule(std::uint64_t number);
  // Looks at the next entries in order of id, from `position` on and below `end`, and removes those that `condemn` asks for: at
  // most `look_max` of the one and `remove_max` of the other. Moves `position` on; `last` says that nothing is left.
  using Condemn = std::function<bool(const Entry& head, std::uint64_t first_id)>;
  struct Slice {
    std::uint64_t position = 0;
    std::uint64_t end = 0;
    std::uint64_t look_max = 0;
    std::uint64_t remove_max = 0;
  };
  int Sweep(const Slice& slice, const Condemn& condemn, std::uint64_t& position, bool& last);

  // Writes what is kept back for the end: the rows of the scope table, in order of key, so that neighbours share a page's change.
  int Finish();

  // Entries with a scope that this batch took out of it; one that was put back is among them.
  struct Removed {
    Digest scope;
    Digest key;
  };
  const std::vector<Removed>& removed() const { return removed_; }

  // What a value of so many bytes takes of the file, its rows in the other tables included.
  static std::uint64_t FileBytes(std::uint64_t bytes, bool scoped);
  // The same for a vector or a note.
  static std::uint64_t RowBytes(std::uint64_t bytes);

 private:
  struct Oldest {
    std::uint64_t id = 0;
    Digest key;
    std::optional<KeyRecord> record;  // Empty for a piece that belongs to no entry.
  };

  int FindRecord(const Digest& key, std::optional<KeyRecord>& record);
  int FindPlace(const KeyRecord& record, std::optional<ScopePlace>& place);
  // The entry and all that is kept for it.
  int Remove(const Digest& key, const KeyRecord& record);
  // The entry, but neither its place in a scope nor its vector: it is about to be written again.
  int RemoveEntry(const Digest& key, const KeyRecord& record);
  int RemoveVector(const Digest& key);
  int RemovePieces(std::uint64_t first_id, std::uint32_t pieces);
  int Append(const Digest& key, std::string_view bytes, std::int64_t expires_ms, std::uint64_t checksum);
  int FindOldest(Oldest& oldest);
  int MoveToNewest(const Oldest& oldest);
  std::uint64_t NextPieceBytes(std::uint64_t left);

  Environment& environment_;
  WriteTransaction& transaction_;
  WriterState& state_;
  StoreCounters& counters_;
  ReadMarks& marks_;
  struct PlaceChange {
    std::string row;
    std::size_t order = 0;
    bool there = false;  // Afterwards.
  };
  void SetPlace(const Digest& key, const ScopePlace& place, bool there);

  std::vector<PlaceChange> places_;
  std::vector<Removed> removed_;
};

}  // namespace reflex::store
