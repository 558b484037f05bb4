#include "reflex/lmdb_store.h"

#include <unistd.h>

#include <atomic>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <lmdb.h>

#include "base/mutex.h"
#include "store/environment.h"
#include "store/opener.h"
#include "store/record.h"
#include "store/store_folder.h"
#include "store/writer.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kLimitBytesMin = 4ull << 20;
constexpr std::uint64_t kLimitBytesMax = 64ull << 40;
constexpr std::uint64_t kEraseSliceEntries = 256;
constexpr std::chrono::seconds kEraseCommitLimit{30};
constexpr std::chrono::seconds kOpenRetry{1};

std::string_view View(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }

Result<void> Validate(const LmdbOptions& options) {
  const auto bad = [](std::string what) { return Fail(ErrorCode::kInvalidArgument, std::move(what)); };
  if (options.path.empty()) return bad("the store needs a folder");
  if (options.limit_bytes < kLimitBytesMin || options.limit_bytes > kLimitBytesMax) {
    return bad("the store's limit must be 4 MiB to 64 TiB, not " + std::to_string(options.limit_bytes) + " bytes");
  }
  if (options.free_space_percent > 90) return bad("the free part of the file system must be 0 to 90 percent");
  if (options.commit_interval < std::chrono::milliseconds(1) || options.commit_interval > std::chrono::seconds(60)) {
    return bad("the store's commit interval must be 1 ms to 60 s");
  }
  if (options.queue_bytes < 64 * 1024 || options.queue_entries < 1) return bad("the store's queue must hold 64 KiB and an entry");
  if (options.zstd_level < 0 || options.zstd_level > 19) return bad("the store's zstd level must be 0 to 19");
  return {};
}

std::uint64_t PhysicalBytes() {
  const long pages = ::sysconf(_SC_PHYS_PAGES);
  const long page_bytes = ::sysconf(_SC_PAGESIZE);
  return pages > 0 && page_bytes > 0 ? static_cast<std::uint64_t>(pages) * static_cast<std::uint64_t>(page_bytes) : 0;
}

}  // namespace

class LmdbStore::Impl {
 public:
  Impl(const LmdbOptions& options, Clock& clock, Logger& logger, StoreFolder folder)
      : options_(options),
        clock_(clock),
        logger_(logger),
        folder_(std::move(folder)),
        queue_({options.queue_bytes, options.queue_entries, options.commit == CommitMode::kEachWrite}),
        physical_bytes_(PhysicalBytes()) {
    trouble_.Set("the store's file is being checked", false);
    thread_ = std::thread([this] { Run(); });
  }
  ~Impl() {
    {
      base::MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.NotifyAll();
    queue_.Stop();
    thread_.join();
  }

  Result<void> WaitOpen();
  Result<EntryPtr> Find(const Digest& key);
  Result<void> Put(EntryPtr entry);
  Result<void> Clear();
  Result<std::uint64_t> EraseIf(const Condemn& condemn);
  StoreStats Stats() const;
  WriteQueue& queue() { return queue_; }
  const Trouble& trouble() const { return trouble_; }
  bool FindsInPlace() const { return static_cast<std::uint64_t>(counters_.file_bytes.Value()) < physical_bytes_ / 2; }

 private:
  struct Condemned {
    Digest key;
    std::uint64_t checksum = 0;
  };
  struct Slice {
    std::vector<std::pair<Entry, std::uint64_t>> heads;  // With their checksums.
    std::vector<Condemned> broken;
    bool last = false;
  };

  void Run();
  bool OpenWhenPossible();
  void SetOpened(Result<void> opened);
  Result<EntryPtr> FindInFile(Environment& environment, const Digest& key);
  int ReadPieces(const ReadLease& lease, const KeyRecord& record, std::uint64_t bytes_max, std::string& bytes) const;
  EntryPtr Damaged(const Digest& key, std::uint64_t checksum);
  Result<Slice> ReadHeads(Environment& environment, std::optional<Digest>& after);
  void ReadHead(const ReadLease& lease, const Digest& key, std::string_view record_bytes, Slice& slice) const;

  const LmdbOptions options_;
  Clock& clock_;
  Logger& logger_;
  StoreFolder folder_;
  WriteQueue queue_;
  Visibility visibility_;
  StoreCounters counters_;
  ReadMarks marks_;
  Trouble trouble_;
  const std::uint64_t physical_bytes_;

  // Owned by the thread; readers see it once it is published, release to acquire, and until the thread has ended.
  std::unique_ptr<Environment> owned_;
  std::atomic<Environment*> environment_{nullptr};
  base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<Result<void>> opened_ GUARDED_BY(mutex_);
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::atomic<bool> failed_{false};
  std::thread thread_;
};

void LmdbStore::Impl::SetOpened(Result<void> opened) {
  base::MutexLock lock(mutex_);
  opened_ = std::move(opened);
  changed_.NotifyAll();
}

// Tries again each second while the disk has no room for the file: the store then comes by itself.
bool LmdbStore::Impl::OpenWhenPossible() {
  for (;;) {
    auto environment = OpenEnvironment(options_, folder_, clock_, logger_);
    if (environment) {
      owned_ = std::move(*environment);
      return true;
    }
    const bool full = environment.error().code == ErrorCode::kFull;
    trouble_.Set(environment.error().message + ": the store is not open", true);
    logger_.Log(full ? LogLevel::kWarning : LogLevel::kError, "store_open_failed error=\"" + environment.error().message + "\"");
    if (!full) {
      folder_.UnmarkOpening();
      failed_.store(true, std::memory_order_relaxed);
      SetOpened(std::unexpected(std::move(environment).error()));
      return false;
    }
    SetOpened({});
    base::MutexLock lock(mutex_);
    if (!stopping_) changed_.WaitFor(mutex_, kOpenRetry);
    if (stopping_) return false;
  }
}

void LmdbStore::Impl::Run() {
  if (!OpenWhenPossible()) {
    // Nobody will ever write: let go of what was queued, so that nothing waits for it.
    while (queue_.Wait(options_.commit_interval, kOpenRetry)) {
      queue_.Fail(queue_.Take(options_.queue_bytes), Error{ErrorCode::kUnavailable, "the store is not open"});
    }
    return;
  }
  visibility_.floor.store(owned_->floor(), std::memory_order_release);
  {
    Writer writer({options_, clock_, logger_, folder_, *owned_, queue_, visibility_, counters_, marks_, trouble_});
    logger_.Log(LogLevel::kInfo, "store_opened path=" + options_.path.string() + " entries=" + std::to_string(owned_->entries()));
    trouble_.Clear();
    environment_.store(owned_.get(), std::memory_order_release);
    SetOpened({});
    writer.Run();
  }
  environment_.store(nullptr, std::memory_order_release);
  owned_.reset();
  folder_.MarkClosed();
}

Result<void> LmdbStore::Impl::WaitOpen() {
  const auto deadline = std::chrono::steady_clock::now() + options_.check_wait;
  base::MutexLock lock(mutex_);
  while (!opened_) {
    const auto left = deadline - std::chrono::steady_clock::now();
    if (left <= left.zero()) {
      logger_.Log(LogLevel::kWarning, "store_check_goes_on path=" + options_.path.string());
      return {};
    }
    changed_.WaitFor(mutex_, left);
  }
  return *opened_;
}

Result<EntryPtr> LmdbStore::Impl::Find(const Digest& key) {
  if (auto pending = queue_.Pending(key)) return std::move(*pending);
  if (!visibility_.FileVisible()) return EntryPtr();
  Environment* environment = environment_.load(std::memory_order_acquire);
  if (environment == nullptr) {
    if (failed_.load(std::memory_order_relaxed)) return Fail(ErrorCode::kUnavailable, "the store is not open");
    return EntryPtr();
  }
  return FindInFile(*environment, key);
}

Result<EntryPtr> LmdbStore::Impl::FindInFile(Environment& environment, const Digest& key) {
  std::string bytes;
  KeyRecord record;
  {
    const ReadLease lease(environment);
    if (lease.error() != 0) return std::unexpected(LmdbError("cannot read the store", lease.error()));
    MDB_val name{key.bytes.size(), const_cast<std::uint8_t*>(key.bytes.data())}, data{};
    int code = mdb_get(lease.txn(), environment.keys(), &name, &data);
    if (code == MDB_NOTFOUND) return EntryPtr();
    if (code != 0) return std::unexpected(LmdbError("cannot read the store", code));
    const auto parsed = DecodeKeyRecord(View(data));
    if (!parsed) return Damaged(key, 0);
    record = *parsed;
    if (!visibility_.Visible(record.first_id)) return EntryPtr();
    code = ReadPieces(lease, record, record.bytes, bytes);
    if (code != 0 && code != MDB_NOTFOUND) return std::unexpected(LmdbError("cannot read the store", code));
  }
  if (bytes.size() != record.bytes || Checksum(bytes) != record.checksum) return Damaged(key, record.checksum);
  auto entry = DecodeEntry(bytes);
  // The checksum covers the key inside; comparing it keeps a damaged key table from answering for another entry.
  if (!entry || entry->key != key) return Damaged(key, record.checksum);
  marks_.Set(record.first_id);
  return std::make_shared<const Entry>(std::move(*entry));
}

int LmdbStore::Impl::ReadPieces(const ReadLease& lease, const KeyRecord& record, std::uint64_t bytes_max,
                                std::string& bytes) const {
  std::uint64_t id = record.first_id;
  MDB_val key{sizeof id, &id}, data{};
  int code = mdb_cursor_get(lease.values(), &key, &data, MDB_SET_KEY);
  for (std::uint32_t piece = 0; code == 0; code = mdb_cursor_get(lease.values(), &key, &data, MDB_NEXT)) {
    std::uint64_t found;
    std::memcpy(&found, key.mv_data, sizeof found);
    if (found != record.first_id + piece || bytes.size() + data.mv_size > record.bytes) return MDB_NOTFOUND;
    if (piece == 0) bytes.reserve(record.pieces == 1 || bytes_max < record.bytes ? data.mv_size : record.bytes);
    bytes.append(View(data));
    if (++piece == record.pieces || bytes.size() >= bytes_max) return 0;
  }
  return code;
}

EntryPtr LmdbStore::Impl::Damaged(const Digest& key, std::uint64_t checksum) {
  counters_.corrupt_values.Add();
  logger_.Log(LogLevel::kWarning, "store_value_damaged action=erase");
  queue_.EraseDamaged(key, checksum);
  return nullptr;
}

Result<void> LmdbStore::Impl::Put(EntryPtr entry) {
  const std::uint64_t bytes = entry->MemoryBytes();
  if (bytes > std::min(options_.entry_bytes_max, options_.limit_bytes / 8)) {
    counters_.puts_dropped.Add();
    return Fail(ErrorCode::kTooLarge, "an entry of " + std::to_string(bytes) + " bytes is too large for the store");
  }
  if (failed_.load(std::memory_order_relaxed) || trouble_.refuses_puts()) {
    counters_.puts_dropped.Add();
    const bool failed = failed_.load(std::memory_order_relaxed);
    return Fail(failed ? ErrorCode::kUnavailable : ErrorCode::kFull, "the store takes no entries: " + trouble_.text());
  }
  auto queued = queue_.Put(std::move(entry), visibility_.clears_asked.load(std::memory_order_acquire));
  if (!queued) counters_.puts_dropped.Add();
  return queued;
}

Result<void> LmdbStore::Impl::Clear() {
  const std::uint64_t number = visibility_.clears_asked.fetch_add(1, std::memory_order_acq_rel) + 1;
  queue_.Clear(number);
  return {};
}

void LmdbStore::Impl::ReadHead(const ReadLease& lease, const Digest& key, std::string_view record_bytes, Slice& slice) const {
  const auto record = DecodeKeyRecord(record_bytes);
  if (!record) return slice.broken.push_back({key, 0});
  if (!visibility_.Visible(record->first_id)) return;
  std::string bytes;
  for (std::uint64_t want = 1;; want = bytes.size() + 1) {
    bytes.clear();
    if (ReadPieces(lease, *record, want, bytes) != 0) return slice.broken.push_back({key, record->checksum});
    auto head = DecodeEntryHead(bytes);
    if (head && head->key == key) return slice.heads.emplace_back(std::move(*head), record->checksum), void();
    const bool more = !head && head.error().code == ErrorCode::kTooLarge && bytes.size() < record->bytes;
    if (!more) return slice.broken.push_back({key, record->checksum});
  }
}

// One slice in key order, in a read transaction of its own.
Result<LmdbStore::Impl::Slice> LmdbStore::Impl::ReadHeads(Environment& environment, std::optional<Digest>& after) {
  Slice slice;
  const ReadLease lease(environment);
  MDB_cursor* cursor = nullptr;
  int code = lease.error() != 0 ? lease.error() : mdb_cursor_open(lease.txn(), environment.keys(), &cursor);
  if (code != 0) return std::unexpected(LmdbError("cannot read the store", code));
  MDB_val name{}, data{};
  if (after) {
    name = {after->bytes.size(), after->bytes.data()};
    const Digest from = *after;
    code = mdb_cursor_get(cursor, &name, &data, MDB_SET_RANGE);
    if (code == 0 && View(name) == std::string_view(reinterpret_cast<const char*>(from.bytes.data()), from.bytes.size())) {
      code = mdb_cursor_get(cursor, &name, &data, MDB_NEXT);
    }
  } else {
    code = mdb_cursor_get(cursor, &name, &data, MDB_FIRST);
  }
  for (std::uint64_t i = 0; code == 0 && i < kEraseSliceEntries; ++i) {
    if (const auto key = DecodeKey(View(name))) {
      after = *key;
      ReadHead(lease, *key, View(data), slice);
    }
    code = mdb_cursor_get(cursor, &name, &data, MDB_NEXT);
  }
  mdb_cursor_close(cursor);
  slice.last = code != 0;
  if (code != 0 && code != MDB_NOTFOUND) return std::unexpected(LmdbError("cannot read the store", code));
  return slice;
}

Result<std::uint64_t> LmdbStore::Impl::EraseIf(const Condemn& condemn) {
  Environment* environment = environment_.load(std::memory_order_acquire);
  if (environment == nullptr) return Fail(ErrorCode::kUnavailable, "the store is not open yet");
  // What is still queued becomes part of the file first, so that one pass sees everything put before this call.
  if (auto flushed = queue_.Flush(kEraseCommitLimit); !flushed && flushed.error().code == ErrorCode::kTimeout) {
    return std::unexpected(std::move(flushed).error());
  }
  std::uint64_t erased = 0;
  std::optional<Digest> after;
  for (bool last = !visibility_.FileVisible(); !last;) {
    REFLEX_TRY(const Slice slice, ReadHeads(*environment, after));
    for (const auto& [head, checksum] : slice.heads) {
      if (!condemn(head)) continue;
      REFLEX_CHECK(queue_.EraseSame(head.key, checksum));
      ++erased;
    }
    for (const Condemned& broken : slice.broken) REFLEX_CHECK(queue_.EraseSame(broken.key, broken.checksum));
    last = slice.last;
  }
  REFLEX_CHECK(queue_.Flush(kEraseCommitLimit));
  return erased;
}

StoreStats LmdbStore::Impl::Stats() const {
  StoreStats stats;
  stats.entries = static_cast<std::uint64_t>(counters_.entries.Value());
  stats.used_bytes = static_cast<std::uint64_t>(counters_.used_bytes.Value());
  stats.limit_bytes = options_.limit_bytes;
  stats.file_bytes = static_cast<std::uint64_t>(counters_.file_bytes.Value());
  stats.puts = counters_.puts.Value();
  stats.puts_dropped = counters_.puts_dropped.Value();
  stats.commits = counters_.commits.Value();
  stats.evictions = counters_.evictions.Value();
  stats.expirations = counters_.expirations.Value();
  stats.corrupt_values = counters_.corrupt_values.Value();
  stats.write_errors = counters_.write_errors.Value();
  stats.queue_bytes = queue_.bytes();
  return stats;
}

Result<std::unique_ptr<LmdbStore>> LmdbStore::Open(const LmdbOptions& options, Clock& clock, Logger& logger) {
  REFLEX_CHECK(Validate(options));
  REFLEX_TRY(StoreFolder folder, StoreFolder::Open(options.path));
  auto impl = std::make_unique<Impl>(options, clock, logger, std::move(folder));
  REFLEX_CHECK(impl->WaitOpen());
  return std::unique_ptr<LmdbStore>(new LmdbStore(std::move(impl)));
}

LmdbStore::LmdbStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LmdbStore::~LmdbStore() = default;

Result<EntryPtr> LmdbStore::Find(const Digest& key) { return impl_->Find(key); }
bool LmdbStore::FindsInPlace() const { return impl_->FindsInPlace(); }
Result<void> LmdbStore::Put(EntryPtr entry) { return impl_->Put(std::move(entry)); }
Result<void> LmdbStore::Erase(const Digest& key) { return impl_->queue().Erase(key); }
Result<void> LmdbStore::Clear() { return impl_->Clear(); }
Result<std::uint64_t> LmdbStore::EraseIf(const Condemn& condemn) { return impl_->EraseIf(condemn); }
Result<void> LmdbStore::Flush(std::chrono::milliseconds limit) { return impl_->queue().Flush(limit); }
Result<std::vector<ScopeMember>> LmdbStore::FindScope(const Digest&, std::size_t) { return std::vector<ScopeMember>(); }
Result<std::vector<Digest>> LmdbStore::FindCanonical(const Digest&, const Digest&, std::size_t) { return std::vector<Digest>(); }
Result<EntryPtr> LmdbStore::FindHead(const Digest& key) { return impl_->Find(key); }
Result<EntryPtr> LmdbStore::FindHeadByLabel(std::uint64_t) { return EntryPtr(); }
Result<void> LmdbStore::PutVector(const Digest&, std::string) { return Fail(ErrorCode::kUnavailable, "no vectors yet"); }
Result<std::string> LmdbStore::FindVector(const Digest&) { return std::string(); }
bool LmdbStore::ReadVectorByLabel(std::uint64_t, const std::function<void(std::string_view)>&) { return false; }
Result<void> LmdbStore::VisitScopes(const VisitMember&) { return {}; }
void LmdbStore::SetOnRemoved(OnRemoved) {}
Result<void> LmdbStore::Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) {
  REFLEX_TRY(const std::uint64_t erased, impl_->EraseIf([&](const Entry& head) { return rule.Matches(head); }));
  if (removed) removed(erased);
  return {};
}
Result<std::uint64_t> LmdbStore::CountPurge(const PurgeRule&) { return Fail(ErrorCode::kUnavailable, "no counting yet"); }
Result<void> LmdbStore::PutNote(std::string_view, std::string) { return Fail(ErrorCode::kUnavailable, "no notes yet"); }
Result<std::string> LmdbStore::FindNote(std::string_view) { return Fail(ErrorCode::kUnavailable, "no notes yet"); }
Result<void> LmdbStore::EraseNote(std::string_view) { return Fail(ErrorCode::kUnavailable, "no notes yet"); }
Result<void> LmdbStore::VisitNotes(std::string_view, const VisitNote&) { return {}; }
StoreStats LmdbStore::Stats() const { return impl_->Stats(); }
StoreHealth LmdbStore::Health() const { return {impl_->trouble().text()}; }

}  // namespace reflex::store
