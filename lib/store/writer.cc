#include "store/writer.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

#include <lmdb.h>

#include "store/limits.h"

namespace reflex::store {
namespace {

constexpr std::int64_t kRetryNs = 1'000'000'000;
constexpr std::int64_t kReaderCheckNs = 10'000'000'000;
constexpr std::chrono::milliseconds kIdle{1000};
// Entries expired or reclaimed beside the writes of one transaction, so that neither delays the next commit for long.
constexpr std::uint64_t kSliceEntries = 512;
// What removing or replacing one entry rewrites in the tables beside that of values, at most and with luck less.
constexpr std::uint64_t kChangePages = 5;
// Entries a purge looks at in one transaction: some milliseconds.
constexpr std::uint64_t kSweepLooks = 4096;
// Pages freed by a transaction can be used again two later; after as many without room there is none.
constexpr std::uint64_t kStallsMax = 3;
constexpr std::uint64_t kEvictBytesMin = 4u << 20;

// What one transaction takes from the queue: small against the limit, because pages freed by a transaction can be used again
// only two later.
std::uint64_t BatchBytes(std::uint64_t limit_bytes) { return std::clamp<std::uint64_t>(limit_bytes / 32, 256u << 10, 16u << 20); }

// Kept free for erasures and eviction, which write before they free.
std::uint64_t ReservePages(std::uint64_t limit_bytes) { return std::clamp<std::uint64_t>(limit_bytes / 4096 / 32, 16, 256); }

}  // namespace

std::string Trouble::text() const {
  base::MutexLock lock(mutex_);
  return text_;
}

void Trouble::Set(std::string text, bool refuse_puts) {
  refuses_puts_.store(refuse_puts, std::memory_order_relaxed);
  base::MutexLock lock(mutex_);
  text_ = std::move(text);
}

void Listener::Set(EntryStore::OnRemoved on_removed) {
  base::MutexLock lock(mutex_);
  on_removed_ = std::move(on_removed);
}

EntryStore::OnRemoved Listener::Get() const {
  base::MutexLock lock(mutex_);
  return on_removed_;
}

Writer::Writer(const Parts& parts) : parts_(parts), state_(parts.options.zstd_level) {
  state_.next_id = parts_.environment.next_id();
  state_.floor = parts_.environment.floor();
  state_.next_rule = parts_.environment.next_rule();
  CountPages();
}

void Writer::Run(std::vector<WriteOp> before) {
  retained_ = std::move(before);
  FirstCommit();
  for (;;) {
    // A pause between slices leaves the disk to others.
    const auto idle = more_to_maintain_ ? std::chrono::milliseconds(5) : kIdle;
    const bool behind = !deferred_.empty();
    if (!behind && !parts_.queue.Wait(parts_.options.commit_interval, idle)) break;
    Cycle(behind ? std::vector<WriteOp>() : parts_.queue.Take(BatchBytes(parts_.options.limit_bytes)));
  }
  // Interrupted, the next writer has what is left. Stopped, nobody has: its next try is now.
  if (retained_.empty() || parts_.queue.interrupted()) return;
  retry_at_ns_ = parts_.clock.SteadyNs();
  Cycle({});
}

std::vector<WriteOp> Writer::Leave() {
  std::vector<WriteOp> left = std::exchange(retained_, {});
  std::ranges::move(std::exchange(deferred_, {}), std::back_inserter(left));
  return left;
}

// The opening marker stands until LMDB has shown that it can read and write this file.
void Writer::FirstCommit() {
  std::uint64_t starts = 0;
  WriteTransaction transaction(parts_.environment);
  int code = transaction.error();
  if (code == 0) code = GetNumber(transaction.txn(), parts_.environment.main(), kStartsName, starts);
  if (code == MDB_NOTFOUND || code == MDB_CORRUPTED) code = 0;
  if (code == 0) code = PutNumber(transaction.txn(), parts_.environment.main(), kStartsName, starts + 1);
  if (code == 0) code = transaction.Commit();
  if (code != 0) {
    Retreat({}, code);
  } else {
    Publish({});
  }
  // Also after an error: the process lived through it.
  parts_.folder.UnmarkOpening();
}

std::uint64_t Writer::ReserveBytes() const { return ReservePages(parts_.options.limit_bytes) * pages_.page_bytes; }

bool Writer::Spend(std::uint64_t bytes) {
  if (usable_bytes_ < bytes + ReserveBytes()) return false;
  usable_bytes_ -= bytes;
  return true;
}

// A change in the tables beside that of values rewrites pages, but none twice in one transaction.
bool Writer::SpendChange() {
  const std::uint64_t bytes = std::min(change_bytes_, kChangePages * pages_.page_bytes);
  if (!Spend(bytes)) return false;
  change_bytes_ -= bytes;
  return true;
}

std::uint64_t Writer::NeedBytes(const std::vector<WriteOp>& ops) const {
  std::uint64_t bytes = 0;
  for (const WriteOp& op : ops) {
    if (op.entry != nullptr) bytes += Batch::FileBytes(op.entry_bytes, HasScope(*op.entry));
    if (!op.bytes.empty()) bytes += Batch::RowBytes(op.name.size() + op.bytes.size());
  }
  return bytes;
}

void Writer::Cycle(std::vector<WriteOp> ops) {
  const std::int64_t now_ns = parts_.clock.SteadyNs();
  if (retry_at_ns_ != 0 && now_ns < retry_at_ns_ && ops.empty()) return;
  if (now_ns - readers_checked_ns_ > kReaderCheckNs) {
    readers_checked_ns_ = now_ns;
    parts_.environment.ForgetDeadReaders();
  }
  std::vector<WriteOp> all = std::exchange(retained_, {});
  std::ranges::move(std::exchange(deferred_, {}), std::back_inserter(all));
  std::ranges::move(ops, std::back_inserter(all));
  // A long reader elsewhere may have ended since the last commit.
  if (space_.usable_pages < ReservePages(parts_.options.limit_bytes) * 4) CountPages();
  space_ = ComputeSpace(pages_, parts_.options.limit_bytes, GrowableBytes(parts_.options.path, parts_.options.free_space_percent));
  usable_bytes_ = space_.usable_pages * pages_.page_bytes;
  change_bytes_ = (pages_.index + 16) * pages_.page_bytes;
  clears_applied_ = parts_.visibility.clears_done.load(std::memory_order_relaxed);
  put_ = placed_ = dropped_ = 0;
  applied_.clear();
  const WriterPosition before = state_;
  const bool was_reclaiming = reclaiming_;
  Pass pass_before = pass_;
  std::vector<Batch::Removed> removed;
  WriteTransaction transaction(parts_.environment);
  int code = transaction.error();
  if (code == 0) {
    Batch batch(parts_.environment, transaction, state_, parts_.counters, parts_.marks);
    code = Maintain(batch, transaction, NeedBytes(all));
    if (code == 0) code = Apply(batch, transaction, all);
    if (code == 0) code = batch.Finish();
    if (code == 0) code = transaction.Commit();
    removed = batch.removed();
  }
  if (code == 0) {
    // Before the queue lets go of what was written: an entry that was put back shows there.
    TellRemoved(removed);
    return Publish(std::move(all));
  }
  static_cast<WriterPosition&>(state_) = before;
  reclaiming_ = was_reclaiming;
  pass_ = std::move(pass_before);
  Retreat(std::move(all), code);
}

int Writer::Maintain(Batch& batch, const WriteTransaction& transaction, std::uint64_t need_bytes) {
  more_to_maintain_ = false;
  if (usable_bytes_ < 2 * ReserveBytes()) return 0;
  const std::uint64_t slice = std::min(kSliceEntries, space_.usable_pages / (2 * kChangePages));
  const std::uint64_t expired = parts_.counters.expirations.Value();
  if (const int code = batch.Expire(parts_.clock.WallMs(), slice); code != 0) return code;
  more_to_maintain_ = parts_.counters.expirations.Value() - expired >= slice && slice > 0;
  for (std::uint64_t i = 0; i < slice; ++i) {
    bool found = false;
    if (const int code = batch.ReclaimOldest(found); code != 0) return code;
    if (!found) {
      reclaiming_ = false;
      break;
    }
    if (i + 1 == slice) more_to_maintain_ = true;
  }
  if (const int code = Sweep(batch, slice); code != 0) return code;
  return Evict(batch, transaction, need_bytes);
}

int Writer::Sweep(Batch& batch, std::uint64_t remove_max) {
  if (pass_.rules.empty()) {
    pass_ = {};
    pass_.rules = parts_.rules.BeginPass();
    for (const RuleBook::AtWork& rule : pass_.rules) {
      pass_.done.push_back({rule.id, 0});
      pass_.end = std::max(pass_.end, rule.until_id);
    }
  }
  if (pass_.rules.empty()) return 0;
  std::uint64_t affordable = 0;
  while (affordable < remove_max && SpendChange()) ++affordable;
  more_to_maintain_ = true;
  if (affordable == 0) return 0;
  const auto condemn = [&](const Entry& head, std::uint64_t first_id) {
    bool condemned = false;
    for (std::size_t i = 0; i < pass_.rules.size(); ++i) {
      if (first_id >= pass_.rules[i].until_id || !pass_.rules[i].rule.Matches(head)) continue;
      condemned = true;
      ++pass_.done[i].removed;
    }
    return condemned;
  };
  const Batch::Slice slice{pass_.position, pass_.end, kSweepLooks, affordable};
  if (const int code = batch.Sweep(slice, condemn, pass_.position, pass_.finished); code != 0) return code;
  if (!pass_.finished) return 0;
  for (const RuleBook::AtWork& rule : pass_.rules) {
    if (const int code = batch.EraseRule(rule.number); code != 0) return code;
  }
  return 0;
}

int Writer::Evict(Batch& batch, const WriteTransaction& transaction, std::uint64_t need_bytes) {
  // Twice the need, so that a store above its limit shrinks; spared entries get a quarter, so that it always does.
  std::uint64_t budget = std::max<std::uint64_t>(2 * need_bytes, kEvictBytesMin);
  std::uint64_t spare_budget = budget / 4;
  const std::uint64_t need_pages = need_bytes / pages_.page_bytes + 1;
  for (std::uint64_t i = 0; budget > 0; ++i) {
    if (i % 16 == 0 && transaction.LivePages() + need_pages <= space_.live_target_pages) return 0;
    if (!SpendChange()) return 0;
    Batch::Eviction eviction;
    if (const int code = batch.EvictOldest(spare_budget > 0 && pass_.rules.empty(), eviction); code != 0) return code;
    if (eviction.bytes == 0) return 0;
    std::uint64_t& from = eviction.spared ? spare_budget : budget;
    from -= std::min(from, eviction.bytes);
    if (eviction.spared && !Spend(eviction.bytes)) return 0;
  }
  more_to_maintain_ = true;
  return 0;
}

int Writer::ApplyPut(Batch& batch, const WriteOp& op) {
  // Asked for before a Clear, or replaced while it waited: nobody is to see it.
  if (op.clears < parts_.visibility.clears_asked.load(std::memory_order_acquire) || parts_.queue.Superseded(op)) return 0;
  if (!Place(Batch::FileBytes(op.entry_bytes, HasScope(*op.entry)))) return 0;
  ++put_;
  return batch.Put(*op.entry);
}

int Writer::ApplyClear(Batch& batch, const WriteOp& op) {
  clears_applied_ = std::max(clears_applied_, op.clears);
  more_to_maintain_ = true;
  reclaiming_ = true;
  return batch.Clear();
}

int Writer::ApplyPurge(Batch& batch, const WriteOp& op) {
  const auto rule = parts_.rules.Find(op.rule);
  if (!rule) return 0;
  const auto earlier = std::ranges::find(applied_, op.rule, &AppliedRule::id);
  std::uint64_t number = earlier != applied_.end() ? earlier->number : rule->number;
  if (number == 0) number = state_.next_rule++;
  applied_.push_back({op.rule, op.order, number, state_.next_id});
  more_to_maintain_ = true;
  return batch.PutRule(number, {rule->rule, state_.next_id});
}

// Room for what an operation writes. Without it the operation waits for the next transaction, or is dropped when several had none.
bool Writer::Place(std::uint64_t bytes) {
  if (Spend(bytes) && SpendChange()) {
    ++placed_;
    return true;
  }
  defer_ = placed_ > 0 || stalls_ < kStallsMax;
  if (!defer_) ++dropped_;
  return false;
}

int Writer::ApplyOne(Batch& batch, const WriteOp& op) {
  switch (op.kind) {
    case WriteOp::Kind::kPut: return ApplyPut(batch, op);
    // Also with a later Put of the key waiting: that one may be given up, or not be written any more.
    case WriteOp::Kind::kErase: return batch.Erase(op.key, {});
    case WriteOp::Kind::kEraseSame: return batch.Erase(op.key, op.checksum);
    case WriteOp::Kind::kClear: return ApplyClear(batch, op);
    case WriteOp::Kind::kVector: return Place(Batch::RowBytes(op.bytes.size())) ? batch.PutVector(op.key, op.bytes) : 0;
    case WriteOp::Kind::kNote:
      return Place(Batch::RowBytes(op.name.size() + op.bytes.size())) ? batch.PutNote(op.name, op.bytes) : 0;
    case WriteOp::Kind::kEraseNote: return batch.EraseNote(op.name);
    case WriteOp::Kind::kPurge: return ApplyPurge(batch, op);
  }
  return 0;
}

int Writer::Apply(Batch& batch, WriteTransaction& transaction, std::vector<WriteOp>& ops) {
  defer_ = false;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (const int code = ApplyOne(batch, ops[i]); code != 0) return code;
    if (!defer_) continue;
    const auto rest = ops.begin() + static_cast<std::ptrdiff_t>(i);
    std::move(rest, ops.end(), std::back_inserter(deferred_));
    ops.erase(rest, ops.end());
    break;
  }
  if (placed_ > 0) {
    stalls_ = 0;
  } else if (defer_) {
    ++stalls_;
  }
  // Pages freed by the last commit become usable with the next, so there must be one even if everything was dropped; unless it is
  // a reader that holds them, when writing would only use up what is left.
  // After a failed commit a real write has to show that the disk is well again.
  if (((dropped_ > 0 || defer_) && !pages_.pinned) || retry_at_ns_ != 0)
    return PutNumber(transaction.txn(), parts_.environment.main(), kFloorName, state_.floor);
  return 0;
}

void Writer::CountPages() {
  auto pages = parts_.environment.CountPages();
  if (pages) pages_ = *pages;
  parts_.counters.used_bytes.Set(static_cast<std::int64_t>(pages_.live * pages_.page_bytes));
  parts_.counters.file_bytes.Set(static_cast<std::int64_t>(parts_.environment.file_bytes()));
  const ReadLease lease(parts_.environment);
  MDB_stat stat;
  if (lease.error() == 0 && mdb_stat(lease.txn(), parts_.environment.keys(), &stat) == 0) {
    parts_.counters.entries.Set(
        static_cast<std::int64_t>(stat.ms_entries - std::min<std::uint64_t>(stat.ms_entries, state_.condemned)));
  }
  parts_.counters.note_bytes.Set(static_cast<std::int64_t>(pages_.notes * pages_.page_bytes));
  if (lease.error() == 0 && mdb_stat(lease.txn(), parts_.environment.notes(), &stat) == 0) {
    parts_.counters.notes.Set(static_cast<std::int64_t>(stat.ms_entries));
  }
}

void Writer::PublishRules() {
  for (const AppliedRule& rule : applied_) parts_.rules.Applied(rule.id, rule.order, rule.number, rule.until_id);
  applied_.clear();
  if (!pass_.finished) return;
  const Pass pass = std::exchange(pass_, {});
  parts_.rules.Finish(pass.done);
}

void Writer::TellRemoved(const std::vector<Batch::Removed>& removed) const {
  if (removed.empty()) return;
  const EntryStore::OnRemoved on_removed = parts_.listener.Get();
  if (!on_removed) return;
  for (const Batch::Removed& one : removed) {
    const auto pending = parts_.queue.Pending(one.key);
    const bool is_back = pending && pending->entry != nullptr && pending->entry->scope == one.scope;
    if (!is_back) on_removed(one.scope, one.key);
  }
}

void Writer::Publish(std::vector<WriteOp> ops) {
  parts_.visibility.floor.store(state_.floor, std::memory_order_release);
  parts_.visibility.reclaiming.store(reclaiming_, std::memory_order_release);
  if (clears_applied_ > parts_.visibility.clears_done.load(std::memory_order_relaxed)) {
    parts_.visibility.clears_done.store(clears_applied_, std::memory_order_release);
  }
  retry_at_ns_ = 0;
  CountPages();
  PublishRules();
  parts_.counters.puts.Add(put_);
  parts_.counters.puts_dropped.Add(dropped_);
  if (!ops.empty()) parts_.counters.commits.Add();
  if (dropped_ > 0) {
    parts_.trouble.Set(space_.disk_low ? "the file system is nearly full: some answers are not stored"
                                       : "a long reader keeps the store's pages in use: some answers are not stored",
                       false);
    parts_.queue.Fail(ops, Error{ErrorCode::kFull, "the store has no room for all of it"});
    return;
  }
  parts_.trouble.Clear();
  parts_.queue.Finish(ops);
}

// A commit failed and changed nothing. Puts are given up, what must not be lost is kept, and the next try comes in a second.
void Writer::Retreat(std::vector<WriteOp> ops, int code) {
  const Error error = LmdbError("cannot write the store in " + parts_.options.path.string(), code);
  parts_.counters.write_errors.Add();
  parts_.logger.Log(LogLevel::kWarning, "store_write_failed error=\"" + error.message + "\"");
  std::ranges::move(std::exchange(deferred_, {}), std::back_inserter(ops));
  std::vector<WriteOp> done;
  for (WriteOp& op : ops) {
    const bool may_be_lost = op.kind == WriteOp::Kind::kPut || op.kind == WriteOp::Kind::kVector || op.kind == WriteOp::Kind::kNote;
    (may_be_lost ? done : retained_).push_back(std::move(op));
  }
  parts_.counters.puts_dropped.Add(done.size());
  more_to_maintain_ = false;
  retry_at_ns_ = parts_.clock.SteadyNs() + kRetryNs;
  parts_.trouble.Set(error.message + ": answers are not stored", true);
  parts_.queue.GiveUp(done, retained_, error);
}

}  // namespace reflex::store
