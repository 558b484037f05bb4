#include "remote/qdrant_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "base/mutex.h"
#include "remote/json_numbers.h"
#include "remote/qdrant_queue.h"
#include "remote/qdrant_wire.h"

namespace reflex::remote {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// After a failed write or a failed step of making the collection.
constexpr nanoseconds kRetryPause = milliseconds(200);
// Between two deletions of what has expired; numbers for Stats are as old.
constexpr nanoseconds kUpkeepEvery = std::chrono::seconds(60);

Result<void> Check(const QdrantOptions& options, std::uint32_t dimension) {
  const auto refuse = [](const std::string& what) -> Result<void> { return Fail(ErrorCode::kInvalidArgument, "qdrant." + what); };
  const auto is_plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  };
  if (options.collection.empty() || options.collection.size() > 100 || !std::ranges::all_of(options.collection, is_plain)) {
    return refuse("collection = \"" + options.collection + "\" is not allowed; allowed: 1 to 100 letters, digits, -, _ and .");
  }
  if (dimension == 0 || dimension > 65'535) return refuse("… needs an embedder of 1 to 65,535 dimensions");
  if (options.oversampling < 1 || options.oversampling > 16) return refuse("oversampling must be 1 to 16");
  if (options.batch_max == 0 || options.batch_max > 1'000) return refuse("batch_max must be 1 to 1000");
  if (options.queue_max == 0) return refuse("queue_max must be at least 1");
  return {};
}

// Errors after which the same call may succeed later.
bool MayPass(const Error& error) { return error.code != ErrorCode::kInvalidArgument && error.code != ErrorCode::kTooLarge; }

Service::Judge Judge(Result<void> (*read)(std::string_view)) {
  return [read](const ServiceReply& reply) { return read(reply.body); };
}

Result<void> CheckDirection(std::span<const float> vector, std::uint32_t dimension) {
  if (vector.size() != dimension) {
    return Fail(ErrorCode::kInvalidArgument,
                "the vector has " + std::to_string(vector.size()) + " numbers, the index takes " + std::to_string(dimension));
  }
  const bool finite = std::ranges::all_of(vector, [](float value) { return std::isfinite(value); });
  const bool zero = std::ranges::all_of(vector, [](float value) { return value == 0; });
  if (!finite || zero) return Fail(ErrorCode::kInvalidArgument, finite ? "the vector is all zero" : "the vector is not finite");
  return {};
}

}  // namespace

struct QdrantIndex::Desk {
  Desk(QdrantOptions o, const std::string& model_id, std::uint32_t dimension, Parts p)
      : options(std::move(o)),
        place(qdrant::Place::Of(options.collection, model_id, dimension)),
        parts(std::move(p)),
        queue(options.queue_max, options.queue_bytes_max),
        written(parts.metrics.AddCounter("reflex_qdrant_writes_total", "Adds, removes and purges that Qdrant has done.")),
        lost(parts.metrics.AddCounter("reflex_qdrant_writes_lost_total", "Those it refused, and those the queue had no room for.")),
        refused(parts.metrics.AddCounter("reflex_qdrant_points_refused_total",
                                         "Points Qdrant returned that are not of the query's scope, tenant, embedder or time.")),
        depth(parts.metrics.AddGauge("reflex_qdrant_queue", "Writes that wait for Qdrant.")) {}

  std::int64_t Now() const { return parts.clock.SteadyNs(); }
  bool ready() const { return prepared.load(std::memory_order_acquire); }

  Result<void> Prepare(nanoseconds limit);
  // What a failure of a call means for the collection: a missing one is made again.
  void Learn(const Error& error);
  bool WriteOne();
  void Upkeep();
  void Trouble(std::string text) {
    base::MutexLock lock(mutex);
    trouble = std::move(text);
  }

  const QdrantOptions options;
  const qdrant::Place place;
  const Parts parts;
  qdrant::WriteQueue queue;
  base::Counter& written;
  base::Counter& lost;
  base::Counter& refused;
  base::Gauge& depth;
  std::atomic<bool> prepared{false};        // Release: the collection is there and fits.
  std::atomic<std::int64_t> not_before{0};  // SteadyNs; with the flags below it orders nothing.
  std::atomic<std::int64_t> upkeep_at{0};   // SteadyNs.
  std::atomic<std::uint64_t> vectors{0};

  mutable base::Mutex mutex;
  base::CondVar idle;
  bool submitted GUARDED_BY(mutex) = false;
  bool running GUARDED_BY(mutex) = false;
  bool closing GUARDED_BY(mutex) = false;
  std::string trouble GUARDED_BY(mutex);

  static void Nudge(const std::shared_ptr<Desk>& desk);
  static void RunJob(const std::shared_ptr<Desk>& desk);
};

// Describe; where there is none, Create (another gateway may be faster) and Describe again; then the fields.
Result<void> QdrantIndex::Desk::Prepare(nanoseconds limit) {
  Service& service = parts.service;
  const auto fits = [place = place](const ServiceReply& reply) -> Result<void> {
    // A collection of another kind is no failure of the service: it is judged below.
    const auto read = qdrant::ReadDescription(reply.body, place);
    if (!read && read.error().code == ErrorCode::kProtocol) return read;
    return {};
  };
  auto described = service.Call(qdrant::Describe(place), limit, fits);
  if (!described && described.error().code == ErrorCode::kInvalidArgument) {
    const auto made = service.Call(qdrant::Create(place), limit, Judge(qdrant::ReadDone));
    // 409: it is there by now. Anything else shows in the next description.
    if (!made && MayPass(made.error())) return std::unexpected(made.error());
    described = service.Call(qdrant::Describe(place), limit, fits);
    if (!described && !made) return std::unexpected(made.error());
  }
  if (!described) return std::unexpected(described.error());
  REFLEX_CHECK(qdrant::ReadDescription(described->body, place));
  for (std::size_t field = 0; field < qdrant::kFields; ++field) {
    const auto indexed = service.Call(qdrant::IndexField(place, field), limit, Judge(qdrant::ReadDone));
    if (!indexed) return std::unexpected(indexed.error());
  }
  prepared.store(true, std::memory_order_release);
  Trouble({});
  parts.logger.Log(LogLevel::kInfo, "qdrant_ready collection=" + place.collection);
  return {};
}

// Qdrant answers a refusal (400 to 499) where the collection has gone, and nothing else of ours is ever refused for good but a
// vector of another size: both are settled by looking at the collection again.
void QdrantIndex::Desk::Learn(const Error& error) {
  if (error.code != ErrorCode::kInvalidArgument) return;
  if (prepared.exchange(false, std::memory_order_acq_rel)) {
    parts.logger.Log(LogLevel::kWarning, "qdrant_refused error=\"" + error.message + "\"");
  }
}

// False when there is nothing to write, or it has to wait.
bool QdrantIndex::Desk::WriteOne() {
  qdrant::WriteQueue::Batch batch = queue.Take(options.batch_max);
  if (batch.empty()) return false;
  ServiceCall call;
  if (std::holds_alternative<qdrant::Point>(batch.front())) {
    std::vector<qdrant::Point> points;
    for (auto& write : batch) points.push_back(std::get<qdrant::Point>(write));
    call = qdrant::Upsert(place, points);
  } else if (std::holds_alternative<qdrant::PointName>(batch.front())) {
    std::vector<qdrant::PointName> names;
    for (auto& write : batch) names.push_back(std::get<qdrant::PointName>(write));
    call = qdrant::Delete(place, names);
  } else {
    call = qdrant::DeletePurged(place, std::get<PurgeRule>(batch.front()));
  }
  const std::size_t count = batch.size();
  auto done = parts.service.Call(call, options.write_time_limit, Judge(qdrant::ReadDone));
  if (!done && !MayPass(done.error())) {
    // Perhaps the collection has gone: looked at, or made again, and the batch tried once more.
    Learn(done.error());
    if (const auto again = Prepare(options.write_time_limit); again) {
      done = parts.service.Call(std::move(call), options.write_time_limit, Judge(qdrant::ReadDone));
    }
  }
  const bool hopeless = !done && ready() && !MayPass(done.error());
  if (done || hopeless) {
    queue.Done(std::move(batch), hopeless);
    (hopeless ? lost : written).Add(count);
    return true;
  }
  queue.Back(std::move(batch));
  not_before.store(Now() + kRetryPause.count(), std::memory_order_relaxed);
  return false;
}

void QdrantIndex::Desk::Upkeep() {
  if (Now() < upkeep_at.load(std::memory_order_relaxed)) return;
  upkeep_at.store(Now() + kUpkeepEvery.count(), std::memory_order_relaxed);
  const std::int64_t now_ms = parts.clock.WallMs();
  static_cast<void>(parts.service.Call(qdrant::DeleteExpired(place, now_ms), options.write_time_limit, Judge(qdrant::ReadDone)));
  const auto counted = parts.service.Call(qdrant::CountAll(place), options.write_time_limit);
  if (!counted) return;
  if (const auto number = qdrant::ReadCount(counted->body)) vectors.store(*number, std::memory_order_relaxed);
}

void QdrantIndex::Desk::RunJob(const std::shared_ptr<Desk>& desk) {
  {
    base::MutexLock lock(desk->mutex);
    if (desk->closing) return;
    desk->running = true;
  }
  bool more = false;
  Result<void> prepared;
  if (!desk->ready()) prepared = desk->Prepare(desk->options.write_time_limit);
  if (prepared) {
    desk->Upkeep();
    more = desk->WriteOne();
  } else {
    desk->Trouble(prepared.error().message);
    desk->not_before.store(desk->Now() + kRetryPause.count(), std::memory_order_relaxed);
  }
  desk->depth.Set(static_cast<std::int64_t>(desk->queue.size()));
  {
    base::MutexLock lock(desk->mutex);
    desk->running = desk->submitted = false;
    desk->idle.NotifyAll();
  }
  if (more) Nudge(desk);
}

void QdrantIndex::Desk::Nudge(const std::shared_ptr<Desk>& desk) {
  const std::int64_t now = desk->Now();
  const bool due = now >= desk->upkeep_at.load(std::memory_order_relaxed);
  if (desk->ready() && !due && desk->queue.size() == 0) return;
  if (now < desk->not_before.load(std::memory_order_relaxed)) return;
  {
    base::MutexLock lock(desk->mutex);
    if (desk->submitted || desk->closing) return;
    desk->submitted = true;
  }
  // Not under the lock: a `background` that runs the job at once is allowed.
  if (desk->parts.background([desk] { RunJob(desk); })) return;
  base::MutexLock lock(desk->mutex);
  desk->submitted = false;
}

QdrantIndex::QdrantIndex(std::shared_ptr<Desk> desk) : desk_(std::move(desk)) {}

Result<std::unique_ptr<QdrantIndex>> QdrantIndex::Open(QdrantOptions options, const std::string& model_id, std::uint32_t dimension,
                                                       Parts parts, milliseconds wait) {
  REFLEX_CHECK(Check(options, dimension));
  auto desk = std::make_shared<Desk>(std::move(options), model_id, dimension, std::move(parts));
  const auto prepared = desk->Prepare(wait);
  if (!prepared) {
    if (!MayPass(prepared.error())) return std::unexpected(prepared.error());
    desk->Trouble(prepared.error().message);
    desk->parts.logger.Log(LogLevel::kWarning, "qdrant_later code=" + std::string(Name(prepared.error().code)) + " error=\"" +
                                                   prepared.error().message + "\"");
  }
  return std::unique_ptr<QdrantIndex>(new QdrantIndex(std::move(desk)));
}

QdrantIndex::~QdrantIndex() {
  base::MutexLock lock(desk_->mutex);
  desk_->closing = true;
  while (desk_->running) desk_->idle.Wait(desk_->mutex);
}

std::uint32_t QdrantIndex::dimension() const { return desk_->place.dimension; }
const std::string& QdrantIndex::collection() const { return desk_->place.collection; }
void QdrantIndex::Nudge() const { Desk::Nudge(desk_); }
std::size_t QdrantIndex::waiting() const { return desk_->queue.size(); }

std::string QdrantIndex::Degraded() const {
  base::MutexLock lock(desk_->mutex);
  return desk_->trouble;
}

Result<void> QdrantIndex::Add(const Digest& scope, std::uint64_t label, std::span<const float> vector, const VectorFacts& facts) {
  REFLEX_CHECK(CheckDirection(vector, dimension()));
  qdrant::Point point;
  point.scope = scope;
  point.label = label;
  point.vector.assign(vector.begin(), vector.end());
  // Of unit length, so that no server's sum of squares overflows.
  if (!Normalize(point.vector)) return Fail(ErrorCode::kInvalidArgument, "the vector has no length");
  point.created_ms = facts.created_ms;
  point.expires_ms = facts.expires_ms;
  point.model = facts.model;
  point.name_space = facts.name_space;
  point.tags.assign(facts.tags.begin(), facts.tags.end());
  const bool kept = desk_->queue.Push(std::move(point));
  Nudge();
  if (kept) return {};
  desk_->lost.Add();
  return Fail(ErrorCode::kFull, "the queue for Qdrant is full");
}

void QdrantIndex::Remove(const Digest& scope, std::uint64_t label) {
  // What is not removed is not found in the store either, and expires.
  if (!desk_->queue.Push(qdrant::PointName{scope, label})) desk_->lost.Add();
  Nudge();
}

void QdrantIndex::Purge(const PurgeRule& rule) {
  if (!desk_->queue.Push(rule)) desk_->lost.Add();
  Nudge();
}

std::uint64_t QdrantIndex::Count(const Digest& scope) const {
  constexpr std::uint64_t kUnknown = std::numeric_limits<std::uint64_t>::max();
  Nudge();
  if (!desk_->ready()) return kUnknown;
  if (desk_->queue.TakeLost(scope)) return 0;
  const auto reply =
      desk_->parts.service.Call(qdrant::CountScope(desk_->place, scope, desk_->parts.clock.WallMs()), desk_->options.time_limit);
  if (!reply) {
    desk_->Learn(reply.error());
    return kUnknown;
  }
  return qdrant::ReadCount(reply->body).value_or(kUnknown);
}

Result<std::vector<Neighbor>> QdrantIndex::Search(const Digest& scope, std::span<const float> vector, std::size_t k) const {
  REFLEX_CHECK(CheckDirection(vector, dimension()));
  Nudge();
  if (k == 0) return std::vector<Neighbor>();
  if (!desk_->ready()) return Fail(ErrorCode::kUnavailable, "the collection in Qdrant is not ready");
  std::vector<float> unit(vector.begin(), vector.end());
  if (!Normalize(unit)) return Fail(ErrorCode::kInvalidArgument, "the vector has no length");
  const std::int64_t now_ms = desk_->parts.clock.WallMs();
  // Read where the call ends, so that a wrong answer counts against the service. Shared: after a timeout the judge may still run.
  const auto found = std::make_shared<qdrant::Found>();
  const auto judge = [desk = desk_, scope, k, now_ms, found](const ServiceReply& reply) -> Result<void> {
    REFLEX_TRY(*found, qdrant::ReadPoints(reply.body, desk->place, scope, k, now_ms));
    return {};
  };
  const auto reply = desk_->parts.service.Call(qdrant::Query(desk_->place, scope, unit, k, desk_->options.oversampling, now_ms),
                                               desk_->options.time_limit, judge);
  if (!reply) {
    desk_->Learn(reply.error());
    const bool refused = reply.error().code == ErrorCode::kInvalidArgument;
    return Fail(refused ? ErrorCode::kUnavailable : reply.error().code, reply.error().message);
  }
  if (found->refused > 0) desk_->refused.Add(found->refused);
  return std::move(found->neighbors);
}

VectorIndexStats QdrantIndex::Stats() const {
  VectorIndexStats stats;
  stats.vectors = desk_->vectors.load(std::memory_order_relaxed);
  stats.memory_bytes = desk_->queue.bytes();
  return stats;
}

}  // namespace reflex::remote
