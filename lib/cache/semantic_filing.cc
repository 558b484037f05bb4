#include "cache/semantic_filing.h"

#include <algorithm>
#include <exception>
#include <string>
#include <utility>

#include "cache/semantic_limits.h"
#include "verify/reading.h"

namespace reflex::cache {
namespace {

std::int64_t Nanoseconds(std::chrono::nanoseconds duration) { return duration.count(); }

}  // namespace

VectorFiling::VectorFiling(Parts parts) : desk_(std::make_shared<Desk>(std::move(parts))) {
  desk_->parts.store.SetOnRemoved([weak = std::weak_ptr(desk_)](const Digest& scope, const Digest& key) {
    if (const auto desk = weak.lock()) Removed(desk, scope, key);
  });
}

VectorFiling::~VectorFiling() {
  base::MutexLock lock(desk_->mutex);
  desk_->closing.store(true, std::memory_order_release);
  while (desk_->running) desk_->idle.Wait(desk_->mutex);
}

void VectorFiling::Stored(const Digest& scope, const Digest& key, std::shared_ptr<const SimilarVector> vector) {
  {
    base::MutexLock lock(desk_->mutex);
    if (desk_->fresh.size() < kFreshMax) {
      const std::size_t bytes = vector != nullptr ? vector->record.size() + vector->text.size() * sizeof(float) : 0;
      const bool fits = desk_->fresh_bytes + bytes <= kFreshBytesMax;
      desk_->fresh.push_back({scope, key, fits ? std::move(vector) : nullptr, fits ? bytes : 0});
      desk_->fresh_bytes += desk_->fresh.back().bytes;
    } else if (desk_->backlog.size() < kBacklogMax) {
      desk_->backlog.push_back({scope, key});
    }
    desk_->wanting.store(true, std::memory_order_release);
  }
  Nudge(desk_);
}

void VectorFiling::StartLoading() {
  if (desk_->parts.index->shared()) return;
  {
    base::MutexLock lock(desk_->mutex);
    desk_->load_again = desk_->load_wanted;
    desk_->load_wanted = true;
    desk_->loading.store(true, std::memory_order_release);
    desk_->wanting.store(true, std::memory_order_release);
  }
  Nudge(desk_);
}

// The store's thread: only what has a vector is of interest, and a local index knows that at once.
void VectorFiling::Removed(const std::shared_ptr<Desk>& desk, const Digest& scope, const Digest& key) {
  if (desk->closing.load(std::memory_order_acquire)) return;
  if (!desk->parts.index->shared() && desk->parts.index->Count(scope) == 0) return;
  bool queued = false;
  {
    base::MutexLock lock(desk->mutex);
    queued = desk->removals.size() < kRemovalsMax;
    if (queued) {
      desk->removals.push_back({scope, key});
      desk->wanting.store(true, std::memory_order_release);
    }
  }
  if (queued) {
    Nudge(desk);
  } else {
    desk->parts.index->Remove(scope, LabelOf(key));
  }
}

void VectorFiling::Nudge(const std::shared_ptr<Desk>& desk) {
  if (!desk->wanting.load(std::memory_order_acquire)) return;
  {
    base::MutexLock lock(desk->mutex);
    if (desk->submitted || desk->closing.load(std::memory_order_relaxed) || !desk->HasWork()) return;
    if (desk->not_before_ns != 0 && desk->parts.clock.SteadyNs() < desk->not_before_ns) return;
    desk->submitted = true;
  }
  // Not under the lock: a `background` that runs the job at once is allowed. No memory for a job is as no room for it.
  try {
    if (desk->parts.background([desk] { RunJob(desk); })) return;
  } catch (const std::exception&) {
  }
  base::MutexLock lock(desk->mutex);
  desk->submitted = false;
}

void VectorFiling::RunJob(const std::shared_ptr<Desk>& desk) {
  {
    base::MutexLock lock(desk->mutex);
    if (desk->closing.load(std::memory_order_relaxed)) return;
    desk->running = true;
  }
  bool pause = true;
  try {
    pause = Work(*desk);
  } catch (const std::exception& error) {
    // Without memory: what was in hand is lost, the rest goes on after the pause.
    if (!std::exchange(desk->complained, true)) {
      desk->parts.logger.Log(LogLevel::kError, "semantic_filing_failed error=\"" + std::string(error.what()) + "\"");
    }
  }
  {
    base::MutexLock lock(desk->mutex);
    desk->running = false;
    desk->submitted = false;
    desk->not_before_ns = pause ? desk->parts.clock.SteadyNs() + Nanoseconds(kPause) : 0;
    desk->wanting.store(desk->HasWork(), std::memory_order_release);
    desk->idle.NotifyAll();
  }
  if (!pause) Nudge(desk);
}

bool VectorFiling::Work(Desk& desk) {
  const std::size_t slice = desk.parts.embedder.quick() ? kSliceQuick : kSliceModel;
  WorkOffRemovals(desk);
  return WorkOffLoad(desk) || WorkOffFresh(desk, slice) || WorkOffBacklog(desk, slice);
}

void VectorFiling::WorkOffRemovals(Desk& desk) {
  std::vector<Removal> removals;
  {
    base::MutexLock lock(desk.mutex);
    removals.swap(desk.removals);
  }
  for (const Removal& removal : removals) desk.parts.index->Remove(removal.scope, LabelOf(removal.key));
}

bool VectorFiling::WorkOffFresh(Desk& desk, std::size_t slice) {
  // What is stored while a load runs would be taken for a scope that has just grown.
  if (desk.loading.load(std::memory_order_acquire)) return false;
  for (std::size_t i = 0; i < slice && !desk.closing.load(std::memory_order_acquire); ++i) {
    Fresh item;
    {
      base::MutexLock lock(desk.mutex);
      if (desk.fresh.empty()) return false;
      item = std::move(desk.fresh.front());
      desk.fresh.pop_front();
      desk.fresh_bytes -= item.bytes;
    }
    Waiting rest{item.scope, item.key};
    const Filed filed = FileFresh(desk, item, rest.unsized);
    if (filed == Filed::kDone) continue;
    if (filed == Filed::kLater) ++rest.attempts;
    PushBacklog(desk, rest);
    return true;
  }
  return false;
}

bool VectorFiling::WorkOffBacklog(Desk& desk, std::size_t slice) {
  for (std::size_t i = 0; i < slice && !desk.closing.load(std::memory_order_acquire); ++i) {
    Waiting item;
    {
      base::MutexLock lock(desk.mutex);
      if (desk.backlog.empty()) return false;
      item = desk.backlog.front();
      desk.backlog.pop_front();
      if (item.key == Digest{}) {
        EndPass(desk, item.scope);
        continue;
      }
    }
    const Filed filed =
        item.unsized ? FileFresh(desk, {item.scope, item.key, nullptr}, item.unsized) : Embed(desk, item.scope, item.key);
    if (filed == Filed::kDone) continue;
    if (filed == Filed::kLater) ++item.attempts;
    if (filed == Filed::kAway) CountKept(desk, item.scope);
    if (item.attempts < kAttemptsMax) PushBacklog(desk, item);
    return true;
  }
  return false;
}

void VectorFiling::PushBacklog(Desk& desk, Waiting item) {
  base::MutexLock lock(desk.mutex);
  if (desk.backlog.size() < kBacklogMax) desk.backlog.push_back(item);
}

VectorFiling::Filed VectorFiling::FileFresh(Desk& desk, const Fresh& item, bool& unsized) {
  const auto large = IsLarge(desk, item.scope);
  unsized = !large;
  if (!large) return AfterStoreFailure(large.error().code);
  if (!*large) return Filed::kDone;
  if (item.vector == nullptr) return Embed(desk, item.scope, item.key);
  const auto stored = desk.parts.store.PutVector(item.key, item.vector->record);
  if (!stored) return AfterStoreFailure(stored.error().code);
  return AddToIndex(desk, item.scope, item.key, item.vector->text, nullptr);
}

// Whether the scope's entries have vectors. Sees to it that those have one that came before it was so large.
Result<bool> VectorFiling::IsLarge(Desk& desk, const Digest& scope) {
  const Parts& parts = desk.parts;
  REFLEX_TRY(const auto members, parts.store.FindScope(scope, parts.scan_max + 1));
  if (members.size() <= parts.scan_max) {
    base::MutexLock lock(desk.mutex);
    desk.barren.erase(scope);
    return false;
  }
  if (!IsBarren(desk, scope) && parts.index->Count(scope) < parts.scan_max) REFLEX_CHECK(GrowScope(desk, scope));
  return true;
}

// Counts one entry more that was stored. Before the index is asked: for a shared one that is a call.
bool VectorFiling::IsBarren(Desk& desk, const Digest& scope) {
  base::MutexLock lock(desk.mutex);
  const auto found = desk.barren.find(scope);
  if (found == desk.barren.end()) return false;
  if (--found->second > 0) return true;
  desk.barren.erase(found);
  return false;
}

Result<void> VectorFiling::GrowScope(Desk& desk, const Digest& scope) {
  {
    base::MutexLock lock(desk.mutex);
    if (desk.growing.contains(scope)) return {};
  }
  REFLEX_TRY(const auto members, desk.parts.store.FindScope(scope, kGrownMax));
  base::MutexLock lock(desk.mutex);
  if (desk.backlog.size() + members.size() >= kBacklogMax) return {};
  for (const ScopeMember& member : members) desk.backlog.push_back({scope, member.key});
  desk.backlog.push_back({scope, Digest{}});
  desk.growing[scope] = {members.size()};
  return {};
}

// A scope of which hardly a member could be embedded (too long for the model, not one known word) would be gone over again with
// the next entry stored, and the next.
void VectorFiling::EndPass(Desk& desk, const Digest& scope) {
  const auto pass = desk.growing.find(scope);
  if (pass == desk.growing.end()) return;
  if (pass->second.kept < desk.parts.scan_max) {
    if (desk.barren.size() >= kBarrenMax) desk.barren.erase(desk.barren.begin());
    desk.barren[scope] = std::max<std::size_t>(1, pass->second.members);
  }
  desk.growing.erase(pass);
}

void VectorFiling::CountKept(Desk& desk, const Digest& scope) {
  base::MutexLock lock(desk.mutex);
  if (const auto pass = desk.growing.find(scope); pass != desk.growing.end()) ++pass->second.kept;
}

VectorFiling::Filed VectorFiling::AfterFailure(ErrorCode code) {
  switch (code) {
    case ErrorCode::kBusy:
    case ErrorCode::kTimeout:
    case ErrorCode::kProtocol: return Filed::kLater;
    case ErrorCode::kUnavailable:
    case ErrorCode::kClosed: return Filed::kAway;
    default: return Filed::kDone;
  }
}

// Of a store a failure to read or a lack of room may pass as well.
VectorFiling::Filed VectorFiling::AfterStoreFailure(ErrorCode code) {
  return code == ErrorCode::kFull || code == ErrorCode::kIo ? Filed::kLater : AfterFailure(code);
}

VectorFiling::Filed VectorFiling::Embed(Desk& desk, const Digest& scope, const Digest& key) {
  const Parts& parts = desk.parts;
  const auto head = parts.store.FindHead(key);
  if (!head) return AfterStoreFailure(head.error().code);
  if (*head == nullptr || (*head)->scope != scope) return Filed::kDone;
  if (const auto kept = parts.store.FindVector(key)) {
    std::vector<float> vector(desk.maker.dimension);
    if (ReadText(*kept, desk.maker, vector)) return AddToIndex(desk, scope, key, vector, *head);
  } else if (const Filed after = AfterStoreFailure(kept.error().code); after != Filed::kDone) {
    return after;
  }
  const verify::Reading reading = verify::Read((*head)->question);
  const bool with_words = !parts.embedder.quick() && parts.embedder.has_words();
  const auto spans = with_words ? verify::TokenSpans(reading) : std::vector<TextSpan>();
  const auto embedding = parts.embedder.Embed(reading.prepared, spans, kEmbedLimit);
  if (!embedding) return AfterFailure(embedding.error().code);
  desk.embedded.Add();
  const auto stored = parts.store.PutVector(key, WriteRecord(desk.maker, *embedding, spans, with_words));
  if (!stored) return AfterStoreFailure(stored.error().code);
  return AddToIndex(desk, scope, key, embedding->text, *head);
}

// `known`: the entry, where it was read before; else null.
VectorFiling::Filed VectorFiling::AddToIndex(Desk& desk, const Digest& scope, const Digest& key, std::span<const float> vector,
                                             EntryPtr known) {
  VectorIndex& index = *desk.parts.index;
  VectorFacts facts;
  if (index.shared()) {
    if (known == nullptr) {
      auto head = desk.parts.store.FindHead(key);
      if (!head) return AfterStoreFailure(head.error().code);
      known = std::move(*head);
    }
    if (known == nullptr) return Filed::kDone;
    facts = {known->created_ms, known->expires_ms, known->model, known->name_space, known->tags};
  }
  const auto added = index.Add(scope, LabelOf(key), vector, facts);
  // A shared index whose queue is full asks for the whole scope again.
  if (added || (index.shared() && added.error().code == ErrorCode::kFull)) CountKept(desk, scope);
  // A text without a known word has no direction; the index says so.
  if (!added) return Filed::kDone;
  // The entry may have gone meanwhile, and its removal been worked off before there was anything to remove.
  const auto head = desk.parts.store.FindHead(key);
  if (head && *head == nullptr) index.Remove(scope, LabelOf(key));
  return Filed::kDone;
}

}  // namespace reflex::cache
