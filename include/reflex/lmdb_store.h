#pragma once

#include <memory>

#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/lmdb_options.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/snapshot.h"

namespace reflex::store {

// Entries in an LMDB file, so that a restart keeps them. The bytes on disk are in docs/store.md.
//
// Operation: Put goes into a bounded queue and is seen by Find from there; the store's one thread commits the queue each
// interval, removes what expired, and evicts by age with a second chance for what was read, all in slices. A file that was not
// closed cleanly, or changed since, is checked before LMDB may touch it; a damaged one is set aside with a warning in the log and
// an empty one begun. While a long check runs, or the disk has no room for the file, the store is open but finds nothing (Health
// says so) and keeps queueing.
// Concurrency: all functions from any thread. Find takes the lock of one shard of the pending table for a moment, and none for
// the file. The destructor commits what is queued.
// Limitations: the file is mapped, so it must be on a local file system, and one whose disk cannot read it any more ends the
// process (SIGBUS); after two such starts in a row the third sets the file aside.
class LmdbStore final : public EntryStore, public SnapshotStore {
 public:
  // `clock` and `logger` outlive the store. Returns: kInvalidArgument for an option out of range; kBusy when another process has
  // the folder; kNewerFormat for the file of a newer version, which is left as it is; kIo.
  static Result<std::unique_ptr<LmdbStore>> Open(const LmdbOptions& options, Clock& clock, Logger& logger);
  ~LmdbStore() override;

  Result<EntryPtr> Find(const Digest& key) override;
  bool FindsInPlace() const override;
  Result<void> Put(EntryPtr entry) override;
  Result<void> Erase(const Digest& key) override;
  Result<void> Clear() override;
  // Also returns: kUnavailable while the file is being checked; kFull and kIo from the writer; kTimeout.
  Result<std::uint64_t> EraseIf(const Condemn& condemn) override;
  Result<void> Flush(std::chrono::milliseconds limit) override;
  Result<std::vector<ScopeMember>> FindScope(const Digest& scope, std::size_t limit) override;
  Result<std::vector<Digest>> FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) override;
  Result<EntryPtr> FindHead(const Digest& key) override;
  Result<EntryPtr> FindHeadByLabel(std::uint64_t label) override;
  Result<void> PutVector(const Digest& key, std::string bytes) override;
  Result<std::string> FindVector(const Digest& key) override;
  bool ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) override;
  Result<void> VisitScopes(const VisitMember& visit) override;
  void SetOnRemoved(OnRemoved on_removed) override;
  Result<void> Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) override;
  Result<std::uint64_t> CountPurge(const PurgeRule& rule) override;
  Result<void> PutNote(std::string_view key, std::string value) override;
  Result<std::string> FindNote(std::string_view key) override;
  Result<void> EraseNote(std::string_view key) override;
  Result<void> VisitNotes(std::string_view prefix, const VisitNote& visit) override;
  // The file is copied while it is used: pages that are freed meanwhile are reused only afterwards.
  Result<SnapshotInfo> SaveSnapshot(const SnapshotSaving& saving) override;
  // Builds a second file in the folder `loading` beside the first, so the disk must hold both; then the store's thread swaps them.
  Result<SnapshotLoaded> LoadSnapshot(const SnapshotLoading& loading) override;
  StoreStats Stats() const override;
  StoreHealth Health() const override;

 private:
  class Impl;
  explicit LmdbStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace reflex::store
