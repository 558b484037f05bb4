#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "reflex/result.h"
#include "reflex/snapshot.h"
#include "reflex/types.h"

namespace reflex::store {

// The file of a snapshot; docs/snapshots.md has its bytes. Numbers are little-endian on every machine.
constexpr std::uint32_t kSnapshotFormat = 1;

// One entry as it lies in the file: the bytes of the store's value table (docs/store.md), pieces put together, and the vector.
struct SnapshotRow {
  std::string_view entry;
  std::string_view vector;  // Empty: none.
};

// Writes one file: Begin, then AddEntry in rising order of key, then AddNote in rising order of key, then Finish. It grows under
// the name `file` + ".part" and has its own name only when all of it is on the disk; without Finish the part goes with the object.
// Not thread-safe. Returns of all: kIo, kFull, kInternal (zstd).
class SnapshotWriter {
 public:
  // Of `info`: created_ms, program, secret_mark, wrapped_secret.
  static Result<std::unique_ptr<SnapshotWriter>> Begin(const std::filesystem::path& file, const SnapshotInfo& info);
  ~SnapshotWriter();
  SnapshotWriter(const SnapshotWriter&) = delete;
  SnapshotWriter& operator=(const SnapshotWriter&) = delete;

  Result<void> AddEntry(const SnapshotRow& row);
  Result<void> AddNote(std::string_view key, std::string_view value);
  // Of `info`: damaged, embedders. Returns what the file says, as ReadSnapshotInfo would.
  Result<SnapshotInfo> Finish(const SnapshotInfo& info);

 private:
  struct State;
  explicit SnapshotWriter(std::unique_ptr<State> state);
  Result<void> WriteBlock();

  std::unique_ptr<State> state_;
};

// Reads one file from front to end, checking each block before it gives a row of it. Any bytes are safe to read. What it gave is
// proved to be all of the file only when Next has returned nothing. Not thread-safe.
class SnapshotReader {
 public:
  // Returns: kNotFound, kIo; kUnsupported where it is no snapshot, kNewerFormat, kCorrupt. The message is a sentence with the path.
  static Result<std::unique_ptr<SnapshotReader>> Open(const std::filesystem::path& file);
  ~SnapshotReader();
  SnapshotReader(const SnapshotReader&) = delete;
  SnapshotReader& operator=(const SnapshotReader&) = delete;

  // What the file says of itself, from its two ends.
  const SnapshotInfo& info() const;

  struct Item {
    bool is_note = false;
    SnapshotRow row;              // An entry; its key is read already:
    Digest key;                   //
    std::string_view name, text;  // A note.
  };
  // The next entry or note; views live until the next call. Nothing at the end, after counts and the checksum of the whole file
  // were found right. Returns: kCorrupt, kIo.
  Result<std::optional<Item>> Next();

 private:
  struct State;
  explicit SnapshotReader(std::unique_ptr<State> state);
  Result<bool> NextBlock();
  Result<void> CheckEnd();

  std::unique_ptr<State> state_;
};

// Both ends of the file, without what lies between. Returns: as SnapshotReader::Open.
Result<SnapshotInfo> ReadSnapshotInfo(const std::filesystem::path& file);

// Reads all of it, down to each entry's own bytes. Returns: as SnapshotReader, and kCancelled.
Result<SnapshotInfo> VerifySnapshot(const std::filesystem::path& file, const SnapshotStep& progress);

}  // namespace reflex::store
