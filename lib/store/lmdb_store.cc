#include "reflex/lmdb_store.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "store/environment.h"
#include "store/environment_slot.h"
#include "store/file_reader.h"
#include "store/limits.h"
#include "store/opener.h"
#include "store/record.h"
#include "store/restoring.h"
#include "store/rules.h"
#include "store/snapshot_build.h"
#include "store/snapshot_merge.h"
#include "store/snapshot_save.h"
#include "store/store_folder.h"
#include "store/writer.h"

namespace reflex::store {
namespace {

constexpr std::uint64_t kLimitBytesMin = 4ull << 20;
constexpr std::uint64_t kLimitBytesMax = 64ull << 40;
constexpr std::chrono::seconds kEraseCommitLimit{30};
constexpr std::chrono::seconds kOpenRetry{1};

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

// Of a store that is being closed: `left` is in force no longer, and whoever asked for it has to ask again.
void LogLost(Logger& logger, const std::vector<WriteOp>& left) {
  if (left.empty()) return;
  std::uint64_t erasures = 0, notes = 0, purges = 0, clears = 0;
  for (const WriteOp& op : left) {
    erasures += op.kind == WriteOp::Kind::kErase || op.kind == WriteOp::Kind::kEraseSame ? 1 : 0;
    notes += op.kind == WriteOp::Kind::kEraseNote ? 1 : 0;
    purges += op.kind == WriteOp::Kind::kPurge ? 1 : 0;
    clears += op.kind == WriteOp::Kind::kClear ? 1 : 0;
  }
  logger.Log(LogLevel::kError, "store_erasures_lost entries=" + std::to_string(erasures) + " notes=" + std::to_string(notes) +
                                   " purges=" + std::to_string(purges) + " clears=" + std::to_string(clears));
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
        reader_(visibility_, queue_, counters_, marks_, logger),
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
  Result<std::vector<ScopeMember>> FindMembers(const Digest& scope, const Digest* canonical, std::size_t limit);
  Result<EntryPtr> FindHead(const Digest& key);
  Result<EntryPtr> FindHeadByLabel(std::uint64_t label);
  Result<void> PutVector(const Digest& key, std::string bytes);
  Result<std::string> FindVector(const Digest& key);
  bool ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read);
  Result<void> VisitScopes(const VisitMember& visit);
  Result<void> Purge(const PurgeRule& rule, RuleBook::Removed removed);
  Result<std::uint64_t> CountPurge(const PurgeRule& rule);
  Result<void> PutNote(std::string_view key, std::string value);
  Result<std::string> FindNote(std::string_view key);
  Result<void> EraseNote(std::string_view key);
  Result<void> VisitNotes(std::string_view prefix, const VisitNote& visit);
  void SetOnRemoved(OnRemoved on_removed) { listener_.Set(std::move(on_removed)); }
  Result<SnapshotInfo> SaveSnapshot(const SnapshotSaving& saving);
  Result<SnapshotLoaded> LoadSnapshot(const SnapshotLoading& loading);
  StoreStats Stats() const;
  Result<void> Erase(const Digest& key);
  WriteQueue& queue() { return queue_; }
  StoreHealth Health() const {
    base::MutexLock lock(mutex_);
    return {trouble_.text(), !opened_};
  }
  bool FindsInPlace() const { return static_cast<std::uint64_t>(counters_.file_bytes.Value()) < physical_bytes_ / 2; }

 private:
  using VisitHead = std::function<Result<void>(const Entry& head, const KeyRecord& record)>;

  void Run();
  bool OpenWhenPossible();
  void SetOpened(Result<void> opened);
  // A built file that is to replace the store's. Of the caller who waits for `done`, but for the moment of the swap.
  struct Replacement {
    std::unique_ptr<Environment> environment;
    std::uint64_t first_id = 0;  // Of entries that are still to be brought over.
    std::uint64_t clears = 0;
    Result<void> done;
    bool is_done = false;
    std::uint64_t kept = 0;
  };
  bool TakeReplacement();
  Result<void> Swap(Replacement& replacement);
  Result<SnapshotLoaded> Load(const SnapshotLoading& loading);
  Result<void> AskSwap(Replacement& replacement);
  Merge::Parts MergeParts(Environment& from, Environment& to) {
    return {from, to, visibility_, counters_, marks_, options_.zstd_level};
  }

  // The file for a reader: none when it is to be seen as empty. Returns: kUnavailable.
  Result<EnvironmentSlot::Use> OpenFile();
  Result<void> RefusesPuts();
  Result<void> VisitHeads(const VisitHead& visit);

  const LmdbOptions options_;
  Clock& clock_;
  Logger& logger_;
  StoreFolder folder_;
  WriteQueue queue_;
  Visibility visibility_;
  StoreCounters counters_;
  ReadMarks marks_;
  Trouble trouble_;
  RuleBook rules_;
  Listener listener_;
  FileReader reader_;
  const std::uint64_t physical_bytes_;

  // Owned by the thread; readers see it once it is published, release to acquire, and until the thread has ended.
  std::unique_ptr<Environment> owned_;
  EnvironmentSlot environment_;
  Restoring restoring_;
  mutable base::Mutex mutex_;
  base::CondVar changed_;
  std::optional<Result<void>> opened_ GUARDED_BY(mutex_);
  Replacement* replacement_ GUARDED_BY(mutex_) = nullptr;
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
  if (auto loaded = reader_.LoadRules(*owned_, rules_); !loaded) {
    logger_.Log(LogLevel::kError, "store_purges_lost error=\"" + loaded.error().message + "\"");
  }
  bool opened = false;
  std::vector<WriteOp> left;
  do {
    Writer writer(
        {options_, clock_, logger_, folder_, *owned_, queue_, visibility_, counters_, marks_, trouble_, rules_, listener_});
    // After the writer has counted, so that the store never shows as empty when it is not.
    if (!std::exchange(opened, true)) {
      logger_.Log(LogLevel::kInfo, "store_opened path=" + options_.path.string() + " entries=" + std::to_string(owned_->entries()));
      trouble_.Clear();
      environment_.Set(owned_.get());
      SetOpened({});
    }
    writer.Run(std::move(left));
    left = writer.Leave();
  } while (TakeReplacement());
  LogLost(logger_, left);
  environment_.Set(nullptr);
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

Result<EnvironmentSlot::Use> LmdbStore::Impl::OpenFile() {
  if (!visibility_.FileVisible()) return EnvironmentSlot::Use(nullptr, nullptr);
  EnvironmentSlot::Use use = environment_.Look();
  if (!use && failed_.load(std::memory_order_relaxed)) return Fail(ErrorCode::kUnavailable, "the store is not open");
  return use;
}

Result<EntryPtr> LmdbStore::Impl::Find(const Digest& key) {
  const RuleBook::View rules = rules_.Look();
  if (auto pending = queue_.Pending(key)) {
    if (pending->entry != nullptr && rules.HidesPending(*pending->entry, pending->order)) return EntryPtr();
    return std::move(pending->entry);
  }
  REFLEX_TRY(const EnvironmentSlot::Use environment, OpenFile());
  return environment ? reader_.Find(*environment, key, rules) : EntryPtr();
}

Result<EntryPtr> LmdbStore::Impl::FindHead(const Digest& key) {
  const RuleBook::View rules = rules_.Look();
  if (const auto pending = queue_.Pending(key)) {
    if (pending->entry == nullptr || rules.HidesPending(*pending->entry, pending->order)) return EntryPtr();
    return HeadOf(*pending->entry);
  }
  REFLEX_TRY(const EnvironmentSlot::Use environment, OpenFile());
  return environment ? reader_.FindHead(*environment, key, rules) : EntryPtr();
}

Result<EntryPtr> LmdbStore::Impl::FindHeadByLabel(std::uint64_t label) {
  const RuleBook::View rules = rules_.Look();
  EntryPtr lowest;
  for (const auto& [key, pending] : queue_.PendingByLabel(label)) {
    if (pending.entry == nullptr || rules.HidesPending(*pending.entry, pending.order)) continue;
    lowest = HeadOf(*pending.entry);
    break;
  }
  REFLEX_TRY(const EnvironmentSlot::Use environment, OpenFile());
  if (!environment) return lowest;
  REFLEX_TRY(EntryPtr stored, reader_.FindHeadByLabel(*environment, label, rules));
  if (stored != nullptr && (lowest == nullptr || stored->key < lowest->key)) lowest = std::move(stored);
  return lowest;
}

Result<std::vector<ScopeMember>> LmdbStore::Impl::FindMembers(const Digest& scope, const Digest* canonical, std::size_t limit) {
  std::vector<ScopeMember> members;
  if (scope == Digest{} || limit == 0) return members;
  // What is pending first: what the writer commits meanwhile is then found in the file.
  members = queue_.PendingMembers(scope, canonical, limit);
  REFLEX_TRY(const EnvironmentSlot::Use environment, OpenFile());
  if (!environment) return members;
  REFLEX_TRY(const std::vector<ScopeMember> stored, reader_.FindMembers(*environment, scope, canonical, limit));
  if (members.empty()) return stored;
  members.insert(members.end(), stored.begin(), stored.end());
  std::sort(members.begin(), members.end(),
            [](const ScopeMember& a, const ScopeMember& b) { return std::tie(a.canonical, a.key) < std::tie(b.canonical, b.key); });
  members.erase(std::unique(members.begin(), members.end()), members.end());
  if (members.size() > limit) members.resize(limit);
  return members;
}

Result<void> LmdbStore::Impl::RefusesPuts() {
  const bool failed = failed_.load(std::memory_order_relaxed);
  if (!failed && !trouble_.refuses_puts()) return {};
  counters_.puts_dropped.Add();
  return Fail(failed ? ErrorCode::kUnavailable : ErrorCode::kFull, "the store takes no entries: " + trouble_.text());
}

Result<void> LmdbStore::Impl::Put(EntryPtr entry) {
  const std::uint64_t bytes = entry->MemoryBytes();
  if (bytes > std::min(options_.entry_bytes_max, options_.limit_bytes / 8)) {
    counters_.puts_dropped.Add();
    return Fail(ErrorCode::kTooLarge, "an entry of " + std::to_string(bytes) + " bytes is too large for the store");
  }
  REFLEX_CHECK(RefusesPuts());
  auto queued = queue_.Put(std::move(entry), visibility_.clears_asked.load(std::memory_order_acquire));
  if (!queued) counters_.puts_dropped.Add();
  return queued;
}

Result<void> LmdbStore::Impl::Clear() {
  restoring_.Spoil("the store was cleared while the snapshot was loaded; nothing of it is kept");
  const std::uint64_t number = visibility_.clears_asked.fetch_add(1, std::memory_order_acq_rel) + 1;
  queue_.Clear(number);
  return {};
}

Result<void> LmdbStore::Impl::PutVector(const Digest& key, std::string bytes) {
  REFLEX_CHECK(CheckVector(bytes));
  REFLEX_CHECK(RefusesPuts());
  auto queued = queue_.PutVector(key, std::move(bytes));
  if (!queued) counters_.puts_dropped.Add();
  return queued;
}

Result<std::string> LmdbStore::Impl::FindVector(const Digest& key) {
  if (const auto pending = queue_.Pending(key); pending && pending->entry == nullptr) return std::string();
  REFLEX_TRY(const EnvironmentSlot::Use environment, OpenFile());
  return environment ? reader_.FindVector(*environment, key) : std::string();
}

bool LmdbStore::Impl::ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) {
  const auto environment = OpenFile();
  return environment && *environment && reader_.ReadVectorByLabel(**environment, label, read);
}

Result<void> LmdbStore::Impl::VisitScopes(const VisitMember& visit) {
  std::string after;
  for (bool last = false; !last;) {
    if (!visibility_.FileVisible()) return {};
    const EnvironmentSlot::Use environment = environment_.Look();
    if (!environment) return Fail(ErrorCode::kUnavailable, "the store is not open yet");
    REFLEX_TRY(const auto slice, reader_.ReadMembers(*environment, after));
    for (const auto& [scope, member] : slice.members) {
      if (!visit(scope, member)) return {};
    }
    last = slice.last;
  }
  return {};
}

// What is still queued becomes part of the file first, so that one pass sees everything put before this call.
Result<void> LmdbStore::Impl::VisitHeads(const VisitHead& visit) {
  if (!environment_.Look()) return Fail(ErrorCode::kUnavailable, "the store is not open yet");
  if (auto flushed = queue_.Flush(kEraseCommitLimit); !flushed && flushed.error().code == ErrorCode::kTimeout) {
    return std::unexpected(std::move(flushed).error());
  }
  std::optional<Digest> after;
  for (bool last = !visibility_.FileVisible(); !last;) {
    const EnvironmentSlot::Use environment = environment_.Look();
    if (!environment) return Fail(ErrorCode::kUnavailable, "the store is not open");
    REFLEX_TRY(const FileReader::Slice slice, reader_.ReadHeads(*environment, after));
    for (const auto& [head, record] : slice.heads) REFLEX_CHECK(visit(head, record));
    for (const auto& broken : slice.broken) REFLEX_CHECK(queue_.EraseSame(broken.key, broken.checksum));
    last = slice.last;
  }
  return {};
}

Result<std::uint64_t> LmdbStore::Impl::EraseIf(const Condemn& condemn) {
  restoring_.Spoil("entries were erased by a condition while the snapshot was loaded; load it again");
  std::uint64_t erased = 0;
  REFLEX_CHECK(VisitHeads([&](const Entry& head, const KeyRecord& record) -> Result<void> {
    if (!condemn(head)) return {};
    ++erased;
    return queue_.EraseSame(head.key, record.checksum);
  }));
  REFLEX_CHECK(queue_.Flush(kEraseCommitLimit));
  return erased;
}

Result<void> LmdbStore::Impl::Purge(const PurgeRule& rule, RuleBook::Removed removed) {
  if (failed_.load(std::memory_order_relaxed)) return Fail(ErrorCode::kUnavailable, "the store is not open");
  restoring_.Purged(rule);
  const std::uint64_t order = queue_.NextOrder();
  REFLEX_TRY(const std::uint64_t id, rules_.Add(rule, order, std::move(removed)));
  queue_.Purge(id, order);
  return {};
}

Result<std::uint64_t> LmdbStore::Impl::CountPurge(const PurgeRule& rule) {
  const RuleBook::View rules = rules_.Look();
  std::uint64_t count = 0;
  REFLEX_CHECK(VisitHeads([&](const Entry& head, const KeyRecord& record) -> Result<void> {
    if (rule.Matches(head) && !rules.HidesStored(head, record.first_id)) ++count;
    return {};
  }));
  return count;
}

Result<void> LmdbStore::Impl::PutNote(std::string_view key, std::string value) {
  REFLEX_CHECK(CheckNote(key, value));
  REFLEX_CHECK(RefusesPuts());
  const auto notes = static_cast<std::uint64_t>(counters_.notes.Value()) + queue_.pending_notes();
  const auto bytes = static_cast<std::uint64_t>(counters_.note_bytes.Value());
  // Calls that come together may pass the bounds by one each.
  if ((notes >= kNotesMax || bytes > options_.limit_bytes / 8) && !FindNote(key)) {
    return Fail(ErrorCode::kFull, notes >= kNotesMax ? "the store holds 200,000 notes, the most it may"
                                                     : "the notes take an eighth of the store, the most they may");
  }
  auto queued = queue_.PutNote(key, std::move(value));
  if (!queued) counters_.puts_dropped.Add();
  return queued;
}

Result<std::string> LmdbStore::Impl::FindNote(std::string_view key) {
  std::optional<std::string> value;
  if (auto pending = queue_.PendingNote(key)) {
    value = std::move(*pending);
  } else {
    // A Clear on its way is about entries: notes stay.
    const EnvironmentSlot::Use environment = environment_.Look();
    if (!environment) return Fail(ErrorCode::kUnavailable, "the store is not open");
    REFLEX_TRY(value, reader_.FindNote(*environment, key));
  }
  if (!value) return Fail(ErrorCode::kNotFound, "there is no such note");
  return std::move(*value);
}

Result<void> LmdbStore::Impl::EraseNote(std::string_view key) {
  REFLEX_CHECK(CheckNote(key, {}));
  if (failed_.load(std::memory_order_relaxed)) return Fail(ErrorCode::kUnavailable, "the store is not open");
  return queue_.EraseNote(key);
}

Result<void> LmdbStore::Impl::VisitNotes(std::string_view prefix, const VisitNote& visit) {
  // What is pending first, as in FindMembers; from there on the two are merged in order of key.
  const auto pending = queue_.PendingNotes(prefix);
  auto next = pending.begin();
  std::string after;
  for (bool last = false; !last;) {
    const EnvironmentSlot::Use environment = environment_.Look();
    if (!environment) return Fail(ErrorCode::kUnavailable, "the store is not open");
    REFLEX_TRY(const FileReader::NoteSlice slice, reader_.ReadNotes(*environment, prefix, after));
    for (const auto& [key, value] : slice.notes) {
      for (; next != pending.end() && next->first < key; ++next) {
        if (next->second && !visit(next->first, *next->second)) return {};
      }
      const bool replaced = next != pending.end() && next->first == key;
      if (!replaced && !visit(key, value)) return {};
      after = key;
    }
    // Damaged rows may have made a slice empty before the end; there is no key to go on from.
    last = slice.last || slice.notes.empty();
  }
  for (; next != pending.end(); ++next) {
    if (next->second && !visit(next->first, *next->second)) return {};
  }
  return {};
}

Result<void> LmdbStore::Impl::Erase(const Digest& key) {
  restoring_.Erased(key);
  return queue_.Erase(key);
}

Result<SnapshotInfo> LmdbStore::Impl::SaveSnapshot(const SnapshotSaving& saving) {
  if (auto flushed = queue_.Flush(kEraseCommitLimit); !flushed && flushed.error().code == ErrorCode::kTimeout) {
    return std::unexpected(std::move(flushed).error());
  }
  const RuleBook::View rules = rules_.Look();
  const EnvironmentSlot::Use environment = environment_.Look();
  if (!environment) return Fail(ErrorCode::kUnavailable, "the store is not open");
  return SaveEnvironment(*environment, visibility_, rules, saving, clock_.WallMs());
}

Result<SnapshotLoaded> LmdbStore::Impl::LoadSnapshot(const SnapshotLoading& loading) {
  if (!restoring_.Begin()) return Fail(ErrorCode::kBusy, "another snapshot is being loaded");
  auto loaded = Load(loading);
  restoring_.End();
  return loaded;
}

Result<SnapshotLoaded> LmdbStore::Impl::Load(const SnapshotLoading& loading) {
  // What is stored from here on counts as stored meanwhile.
  if (auto flushed = queue_.Flush(kEraseCommitLimit); !flushed && flushed.error().code == ErrorCode::kTimeout) {
    return std::unexpected(std::move(flushed).error());
  }
  Replacement replacement;
  replacement.clears = visibility_.clears_asked.load();
  SnapshotLoaded loaded;
  {
    const EnvironmentSlot::Use environment = environment_.Look();
    if (!environment) return Fail(ErrorCode::kUnavailable, "the store is not open");
    REFLEX_TRY(replacement.first_id, NextIdOf(*environment));
    replacement.first_id = std::max(replacement.first_id, visibility_.floor.load());
    REFLEX_TRY(Built built, BuildEnvironment(loading, {options_.path, options_.limit_bytes, options_.free_space_percent,
                                                       replacement.first_id, clock_.WallMs()}));
    replacement.environment = std::move(built.environment);
    loaded = std::move(built.loaded);
    // Most of what came meanwhile now, so that the store's thread has little left to do at the swap.
    Merge merge(MergeParts(*environment, *replacement.environment));
    auto next_id = merge.Entries(replacement.first_id, rules_.Look());
    if (!next_id) {
      replacement.environment.reset();
      RemoveBuild(options_.path);
      return std::unexpected(std::move(next_id).error());
    }
    replacement.first_id = *next_id;
    replacement.kept = merge.kept();
  }
  auto swapped = AskSwap(replacement);
  if (!swapped) {
    replacement.environment.reset();
    RemoveBuild(options_.path);
    return std::unexpected(std::move(swapped).error());
  }
  loaded.kept = replacement.kept;
  // Of the old file now, which nobody may use any more when it closes.
  environment_.WaitUnused();
  const OnRemoved gone = listener_.Get();
  const EnvironmentSlot::Use now = environment_.Look();
  if (gone && now) {
    if (auto told = TellGone(*replacement.environment, *now, gone); !told) {
      logger_.Log(LogLevel::kWarning, "store_index_stale error=\"" + told.error().message + "\"");
    }
  }
  logger_.Log(LogLevel::kInfo, "store_restored entries=" + std::to_string(loaded.entries) + " kept=" + std::to_string(loaded.kept));
  return loaded;
}

// Has the store's thread swap, and waits for it.
Result<void> LmdbStore::Impl::AskSwap(Replacement& replacement) {
  {
    base::MutexLock lock(mutex_);
    replacement_ = &replacement;
  }
  queue_.Interrupt();
  base::MutexLock lock(mutex_);
  while (!replacement.is_done) changed_.Wait(mutex_);
  return std::move(replacement.done);
}

// On the store's thread, between two writers. False where none is wanted: the store is being closed.
bool LmdbStore::Impl::TakeReplacement() {
  Replacement* replacement = nullptr;
  {
    base::MutexLock lock(mutex_);
    replacement = replacement_;
  }
  if (replacement == nullptr) return false;
  auto done = Swap(*replacement);
  // A writer begins with what the file says; rules that were half carried out begin again.
  if (auto read = owned_->Reread(); !read) {
    logger_.Log(LogLevel::kError, "store_reread_failed error=\"" + read.error().message + "\"");
  }
  counters_.entries.Set(static_cast<std::int64_t>(owned_->entries()));
  for (const auto& [id, order] : rules_.Restart()) queue_.Purge(id, order);
  queue_.Resume();
  base::MutexLock lock(mutex_);
  replacement_ = nullptr;
  replacement->done = std::move(done);
  replacement->is_done = true;
  changed_.NotifyAll();
  return true;
}

Result<void> LmdbStore::Impl::Swap(Replacement& replacement) {
  REFLEX_TRY(const Restoring::Taken taken, restoring_.Take());
  if (visibility_.clears_asked.load() != replacement.clears) return Fail(ErrorCode::kCancelled, "the store was cleared meanwhile");
  const RuleBook::View rules = rules_.Look();
  Merge merge(MergeParts(*owned_, *replacement.environment));
  REFLEX_CHECK(merge.Entries(replacement.first_id, rules));
  REFLEX_CHECK(merge.Erasures(taken.erased, rules));
  REFLEX_CHECK(merge.Notes());
  // Before the new file shows: what a purge took out of the old one must not be seen again.
  for (const PurgeRule& rule : taken.purged) REFLEX_CHECK(rules_.Add(rule, queue_.NextOrder(), {}));
  REFLEX_CHECK(PutInPlace(options_.path, *replacement.environment, options_.commit != CommitMode::kOff));
  replacement.kept += merge.kept();
  std::swap(owned_, replacement.environment);
  environment_.Set(owned_.get());
  return {};
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
Result<void> LmdbStore::Erase(const Digest& key) { return impl_->Erase(key); }
Result<void> LmdbStore::Clear() { return impl_->Clear(); }
Result<std::uint64_t> LmdbStore::EraseIf(const Condemn& condemn) { return impl_->EraseIf(condemn); }
Result<void> LmdbStore::Flush(std::chrono::milliseconds limit) { return impl_->queue().Flush(limit); }
Result<std::vector<ScopeMember>> LmdbStore::FindScope(const Digest& scope, std::size_t limit) {
  return impl_->FindMembers(scope, nullptr, limit);
}
Result<std::vector<Digest>> LmdbStore::FindCanonical(const Digest& scope, const Digest& canonical, std::size_t limit) {
  REFLEX_TRY(const std::vector<ScopeMember> members, impl_->FindMembers(scope, &canonical, limit));
  std::vector<Digest> keys;
  keys.reserve(members.size());
  for (const ScopeMember& member : members) keys.push_back(member.key);
  return keys;
}
Result<EntryPtr> LmdbStore::FindHead(const Digest& key) { return impl_->FindHead(key); }
Result<EntryPtr> LmdbStore::FindHeadByLabel(std::uint64_t label) { return impl_->FindHeadByLabel(label); }
Result<void> LmdbStore::PutVector(const Digest& key, std::string bytes) { return impl_->PutVector(key, std::move(bytes)); }
Result<std::string> LmdbStore::FindVector(const Digest& key) { return impl_->FindVector(key); }
bool LmdbStore::ReadVectorByLabel(std::uint64_t label, const std::function<void(std::string_view)>& read) {
  return impl_->ReadVectorByLabel(label, read);
}
Result<void> LmdbStore::VisitScopes(const VisitMember& visit) { return impl_->VisitScopes(visit); }
void LmdbStore::SetOnRemoved(OnRemoved on_removed) { impl_->SetOnRemoved(std::move(on_removed)); }
Result<void> LmdbStore::Purge(const PurgeRule& rule, std::function<void(std::uint64_t)> removed) {
  return impl_->Purge(rule, std::move(removed));
}
Result<std::uint64_t> LmdbStore::CountPurge(const PurgeRule& rule) { return impl_->CountPurge(rule); }
Result<void> LmdbStore::PutNote(std::string_view key, std::string value) { return impl_->PutNote(key, std::move(value)); }
Result<std::string> LmdbStore::FindNote(std::string_view key) { return impl_->FindNote(key); }
Result<void> LmdbStore::EraseNote(std::string_view key) { return impl_->EraseNote(key); }
Result<void> LmdbStore::VisitNotes(std::string_view prefix, const VisitNote& visit) { return impl_->VisitNotes(prefix, visit); }
Result<SnapshotInfo> LmdbStore::SaveSnapshot(const SnapshotSaving& saving) { return impl_->SaveSnapshot(saving); }
Result<SnapshotLoaded> LmdbStore::LoadSnapshot(const SnapshotLoading& loading) { return impl_->LoadSnapshot(loading); }
StoreStats LmdbStore::Stats() const { return impl_->Stats(); }
StoreHealth LmdbStore::Health() const { return impl_->Health(); }

}  // namespace reflex::store
