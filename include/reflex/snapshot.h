#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex {

/// Whose vectors a snapshot holds, and how many.
struct SnapshotEmbedder {
  std::string id;  ///< SHA-256 of the model's id in hexadecimal; empty: of no embedder that is known here.
  std::uint32_t dimension = 0;
  std::uint64_t vectors = 0;

  friend bool operator==(const SnapshotEmbedder&, const SnapshotEmbedder&) = default;
};

/// What a snapshot says of itself (docs/snapshots.md).
struct SnapshotInfo {
  std::string name;             ///< Of the file, without folder; set by whoever knows it.
  std::uint64_t bytes = 0;      ///< Size of the file.
  std::uint32_t format = 0;     ///< 0: known by name only, as where it lies in a remote target.
  std::int64_t created_ms = 0;  ///< Wall clock when the read transaction began, milliseconds since 1970.
  std::string program;          ///< What wrote it, for a person.
  Digest secret_mark;           ///< Tells two tenant secrets apart without telling them; all zero: none was named.
  std::string wrapped_secret;   ///< The tenant secret as base/seal.h wraps it; empty: not inside.
  std::uint64_t entries = 0, vectors = 0, notes = 0;
  std::uint64_t damaged = 0;  ///< Entries of the store that were left out because their checksum was wrong.
  std::vector<SnapshotEmbedder> embedders;
};

/// What came of a load.
struct SnapshotLoaded {
  SnapshotInfo snapshot;
  std::uint64_t entries = 0, vectors = 0, notes = 0;  ///< From the file.
  std::uint64_t vectors_dropped = 0;                  ///< Of another embedder; their entries are there.
  std::uint64_t expired = 0;                          ///< Left out: stale by now.
  std::uint64_t left_out = 0;                         ///< Left out: beyond the store's limit.
  std::uint64_t kept = 0;                             ///< Stored while the load ran; they win over the file's.
};

/// Called with entries done and in all, about every 64 KiB of file; false: give up (kCancelled). May be empty.
using SnapshotStep = std::function<bool(std::uint64_t done, std::uint64_t total)>;

/// What a save is told.
struct SnapshotSaving {
  std::filesystem::path file;  ///< Made whole or not at all; its folder exists. One of this name is replaced.
  std::string program;
  Digest secret_mark{};
  std::string wrapped_secret = {};  ///< At most 64 KiB.
  /// Whose vector these bytes are; `vectors` is not looked at. Empty: nobody knows.
  std::function<SnapshotEmbedder(std::string_view vector)> describe = {};
  SnapshotStep progress = {};
};

/// What a load is told.
struct SnapshotLoading {
  std::filesystem::path file;
  /// False: the vector is of an embedder that is not in use, drop it. Empty: keep all.
  std::function<bool(std::string_view vector)> keep_vector = {};
  SnapshotStep progress = {};
};

/// A store that can be copied to a file and replaced by one, while it is used. Both calls block; one load at a time (kBusy).
class SnapshotStore {
 public:
  virtual ~SnapshotStore() = default;
  /// Everything committed, from one read transaction; what a purge hides, what expired and what is damaged is left out.
  /// Returns: kIo, kFull, kCancelled, kUnavailable, kTimeout.
  virtual Result<SnapshotInfo> SaveSnapshot(const SnapshotSaving& saving) = 0;
  /// Replaces every entry by those of the file; entries stored and erased while it runs, notes, and purges win over the file. After
  /// an error the store is as it was. Returns: kNotFound, kCorrupt, kNewerFormat, kUnsupported (no snapshot), kBusy, kCancelled
  /// (also: the store was cleared meanwhile), kIo, kFull, kUnavailable.
  virtual Result<SnapshotLoaded> LoadSnapshot(const SnapshotLoading& loading) = 0;
};

}  // namespace reflex
