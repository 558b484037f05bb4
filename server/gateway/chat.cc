#include "gateway/chat.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "gateway/access.h"
#include "gateway/audit.h"
#include "gateway/chat_hit.h"
#include "gateway/chat_key.h"
#include "gateway/errors.h"
#include "gateway/flight_call.h"
#include "gateway/flight_caller.h"
#include "gateway/flights.h"
#include "gateway/metrics.h"
#include "gateway/on_pool.h"
#include "gateway/policy.h"
#include "gateway/relay.h"
#include "gateway/repeats.h"
#include "gateway/semantic_hits.h"
#include "gateway/semantic_lookup.h"
#include "gateway/store_lookups.h"
#include "gateway/tauq_reply.h"
#include "gateway/tenant.h"
#include "gateway/thread_state.h"
#include "gateway/usage_refusals.h"
#include "http/exchange.h"
#include "reflex/cache.h"
#include "wire/chat_request.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;

constexpr std::string_view kChatPath = "/chat/completions";
constexpr std::string_view kAzureDeployments = "/openai/deployments/";

// The reader's message is one of the fixed reasons; here is the one that lives long enough.
std::string_view ReasonOf(const Error& unreadable) {
  for (std::string_view known : {reason::kNotJson, reason::kNotObject, reason::kDuplicateName, reason::kBadText, reason::kTooDeep,
                                 reason::kTooManyValues, reason::kFieldType, reason::kBusy}) {
    if (unreadable.message == known) return known;
  }
  return reason::kNotJson;
}

bool IsRestoring(const GatewayParts& parts) {
  return parts.readiness != nullptr && parts.readiness->Get() == Readiness::State::kRestoring;
}

// One chat request from body to reply; lives in its coroutine. What usually needs no waiting is no coroutine of its own: each costs
// a tenth of a microsecond, and a hit is a few.
class ChatHandler {
 public:
  static http::Task<void> Run(RequestContext& context);

 private:
  explicit ChatHandler(RequestContext& context) : context_(context) {}

  Result<void> TakeRequest(Result<wire::ChatRequest> read);
  http::Task<Result<wire::ChatRequest>> ReadOnPool();
  bool SmallBody() const { return body_.size() <= context_.services.options.parse_in_place_bytes_max; }
  std::string_view ReasonToBypass() const;
  http::Task<void> Bypass(std::string_view why);
  http::Task<void> OnlyIfCached();
  http::Task<bool> ServeKnown();
  EntryPtr FindInPlace();
  http::Task<EntryPtr> FindOnPool();
  bool FindsOnPool() const;
  EntryPtr Usable(EntryPtr entry);
  bool Semantic() const { return context_.services.parts.semantic != nullptr && context_.policy.canonical; }
  http::Task<bool> ServeSimilar();
  http::Task<void> Ask(bool share);
  http::Task<void> ServeOrAsk(EntryPtr usable);
  http::Task<void> AskAlone(std::string_view why);
  EntryPtr StoredMeanwhile();
  std::shared_ptr<Flight> NewFlight(bool listed) const;
  upstream::Call NewCall() const;
  std::int64_t WaitEnd() const;
  std::int64_t Now() const { return context_.services.parts.clock->SteadyNs(); }

  RequestContext& context_;
  std::string_view body_;
  wire::ChatRequest request_;
  Digest key_;
  SemanticQuestion asked_;
  std::optional<EntryPtr> found_;                 // The store was asked already, and this is what it has.
  std::string_view no_entry_ = reason::kNoEntry;  // Or why the store could not be asked.
};

http::Task<void> ChatHandler::Run(RequestContext& context) {
  ChatHandler self(context);
  const auto body = co_await context.exchange.ReadBody();
  if (!body) co_return co_await SendProblem(context, ProblemFor(body.error(), Side::kClient));
  self.body_ = *body;
  context.bytes_in = body->size();
  if (self.FindsOnPool() && co_await self.ServeKnown()) co_return;
  auto policy = ReadPolicy(context.head().headers, context.services.options);
  if (!policy) co_return co_await SendProblem(context, ProblemFor(policy.error(), Side::kClient));
  context.policy = std::move(*policy);

  // What neither reads nor stores need not be understood.
  if (!context.policy.read && !context.policy.store) co_return co_await self.Bypass(context.policy.reason);
  if (NeedsProvidersCors(context)) co_return co_await self.Bypass(reason::kOrigin);
  const std::string_view coding = context.head().header("content-encoding");
  if (!coding.empty() && !http::EqualsIgnoringCase(coding, "identity")) co_return co_await self.Bypass(reason::kContentEncoding);
  const std::int64_t began_ns = self.Now();
  // Small bodies are read in place, with the thread's own reader; large ones beside the I/O thread.
  const auto read = self.TakeRequest(self.SmallBody() ? context.thread.reader.Read(*body) : co_await self.ReadOnPool());
  if (!read) co_return co_await self.Bypass(ReasonOf(read.error()));
  if (const std::string_view why = self.ReasonToBypass(); !why.empty()) co_return co_await self.Bypass(why);

  if (context.policy.tauq) co_await PlanTauq(context, self.request_, *body);

  const auto tenant = TenantOf(context);
  if (!tenant) co_return co_await SendProblem(context, ProblemFor(tenant.error(), Side::kClient));
  context.tenant = *tenant;
  self.key_ = ExactKey(context, *context.thread.upstream->providers().base(context.provider), self.request_);
  const std::int64_t lookup_ns = self.Now();
  context.services.metrics.ObserveStage(Stage::kKey, lookup_ns - began_ns);
  if (context.policy.read) {
    EntryPtr entry = self.found_ ? std::move(*self.found_) : self.FindInPlace();
    if (!entry && !self.found_ && self.FindsOnPool()) entry = co_await self.FindOnPool();
    entry = self.Usable(std::move(entry));
    context.services.metrics.ObserveStage(Stage::kLookup, self.Now() - lookup_ns);
    if (entry && co_await SendHit(context, std::move(entry), self.request_)) co_return;
  }
  // An exact hit has none of this.
  if (self.Semantic()) {
    self.asked_ = co_await ReadQuestion(context, *body, context.policy.read);
    if (context.policy.read && co_await self.ServeSimilar()) co_return;
  }
  if (context.policy.only_if_cached) co_return co_await self.OnlyIfCached();
  co_await self.Ask(context.policy.join);
}

http::Task<Result<wire::ChatRequest>> ChatHandler::ReadOnPool() {
  Result<wire::ChatRequest> read = Fail(ErrorCode::kBusy, std::string(reason::kBusy));
  std::function<void()> work = [this, &read] {
    wire::ChatRequestReader reader;
    read = reader.Read(body_);
  };
  static_cast<void>(co_await RunBorrowing(*context_.thread.io, *context_.services.parts.pool, std::move(work)));
  co_return read;
}

Result<void> ChatHandler::TakeRequest(Result<wire::ChatRequest> read) {
  REFLEX_TRY(request_, std::move(read));
  context_.stream = request_.stream;
  context_.model = request_.model;
  return {};
}

std::string_view ChatHandler::ReasonToBypass() const {
  if (request_.store) return reason::kStoreTrue;
  if (request_.web_search) return reason::kWebSearch;
  if (IsRestoring(context_.services.parts)) return reason::kRestoring;
  return context_.policy.store ? std::string_view() : context_.policy.reason;
}

// Neither read, joined nor stored: a call of its own, relayed as it comes.
http::Task<void> ChatHandler::Bypass(std::string_view why) {
  context_.reason = why;
  if (context_.policy.only_if_cached) co_return co_await OnlyIfCached();
  context_.outcome = Outcome::kBypass;
  context_.forward = Forward::kBypass;
  const std::string_view body[] = {body_};
  upstream::Call call = NewCall();
  call.body = body;
  co_await Relay(context_, std::move(call), {.events = true});
}

http::Task<void> ChatHandler::OnlyIfCached() {
  context_.forward = Forward::kNothing;
  Problem problem = MakeProblem(504, reason::kOnlyIfCached, "only_if_cached",
                                "No stored answer may be served, and Cache-Control: only-if-cached forbids to ask the provider.");
  problem.type = "invalid_request_error";  // It is what the client asked for.
  problem.never_retry = true;
  problem.outcome = Outcome::kMiss;
  co_await SendProblem(context_, std::move(problem));
}

// Bytes that the thread answered before and memory has no answer for any more: their key is known, so the store is asked before
// they are read. What it has is used further down where this cannot serve it.
http::Task<bool> ChatHandler::ServeKnown() {
  const Repeats::Known* const known = context_.thread.repeats.Find(context_.exchange.request_bytes());
  if (known == nullptr || IsRestoring(context_.services.parts)) co_return false;
  if (context_.services.parts.cache->FindInMemory(known->key) != nullptr) co_return false;
  const std::int64_t lookup_ns = Now();
  key_ = known->key;
  context_.tenant = known->tenant;
  context_.policy = known->policy;
  context_.model = known->model;
  found_ = co_await FindOnPool();
  EntryPtr entry = Usable(*found_);
  if (entry == nullptr) co_return false;
  context_.services.metrics.ObserveStage(Stage::kLookup, Now() - lookup_ns);
  co_return co_await SendHit(context_, std::move(entry), wire::ChatRequest());
}

// What memory has, or a store that is quick. An entry that turns out stale is not looked for elsewhere: what is there is not newer.
EntryPtr ChatHandler::FindInPlace() {
  Cache& cache = *context_.services.parts.cache;
  if (EntryPtr entry = cache.FindInMemory(key_)) return entry;
  return cache.has_store() && cache.StoreFindsInPlace() ? cache.FindInStore(key_) : nullptr;
}

bool ChatHandler::FindsOnPool() const {
  const Cache& cache = *context_.services.parts.cache;
  return cache.has_store() && !cache.StoreFindsInPlace();
}

// A store that cannot be asked now is a miss.
http::Task<EntryPtr> ChatHandler::FindOnPool() {
  StoreLookups::Answer answer = co_await context_.services.store_lookups.Find(*context_.thread.io, key_);
  switch (answer.end) {
    case StoreLookups::End::kLooked: break;
    case StoreLookups::End::kBusy:
      no_entry_ = reason::kBusy;
      context_.services.metrics.CountLookupRefused();
      break;
    case StoreLookups::End::kFailed: no_entry_ = reason::kFailed; break;
  }
  co_return std::move(answer.entry);
}

// The entry if it may be served, else null and why not in the context.
EntryPtr ChatHandler::Usable(EntryPtr entry) {
  context_.reason = no_entry_;
  context_.forward = Forward::kMiss;
  if (entry == nullptr) return nullptr;
  switch (Judge(context_.policy, entry->created_ms, entry->expires_ms, context_.services.parts.clock->WallMs())) {
    case Freshness::kFresh: return entry;
    case Freshness::kExpired:
      context_.reason = reason::kExpired;
      context_.forward = Forward::kStale;
      break;
    case Freshness::kTooOld:
      context_.reason = reason::kTooOld;
      context_.forward = Forward::kRequest;
      break;
  }
  return nullptr;
}

// From an answer to other words, if one answers these too. It is served as it is and never stored under this request's key, so that
// a wrong one cannot become an exact hit.
http::Task<bool> ChatHandler::ServeSimilar() {
  if (!asked_.question.not_semantic.empty()) co_return false;
  SemanticAnswer answer = co_await FindSimilar(context_, asked_);
  if (answer.entry == nullptr) co_return false;
  // Before the reply: a caller that has seen it may report it at once.
  context_.services.semantic_hits.Add(context_.request_id.view(), {.tenant = context_.tenant,
                                                                   .scope = asked_.scope,
                                                                   .entry = answer.entry->key,
                                                                   .canonical = answer.entry->canonical,
                                                                   .outcome = answer.outcome,
                                                                   .question = asked_.question.text,
                                                                   .name_space = std::string(context_.policy.name_space)});
  const EntryPtr served = answer.entry;
  if (!co_await SendHit(context_, std::move(answer.entry), request_, answer.outcome)) {
    context_.closeness.reset();
    co_return false;
  }
  AuditHit(context_, body_, asked_.question.text, served);
  co_return true;
}

upstream::Call ChatHandler::NewCall() const {
  upstream::Call call;
  call.provider = context_.provider;
  call.method = context_.head().method;
  call.target = context_.head().target;
  call.headers = context_.head().headers;
  call.has_body = true;
  call.decode = true;
  return call;
}

std::shared_ptr<Flight> ChatHandler::NewFlight(bool listed) const {
  auto flight = std::make_shared<Flight>(*context_.thread.io, context_.services.options.reply_bytes_max);
  flight->exact_key = key_;
  flight->request = request_;
  flight->usage_refusal_name = UsageRefusalName(context_, request_);
  flight->usage_refused = request_.stream && !request_.include_usage &&
                          context_.services.usage_refusals.Has(context_.provider, flight->usage_refusal_name, Now());
  flight->flight_key = FlightKey(context_, key_, request_, flight->usage_refused);
  if (listed) flight->body_hash = std::hash<std::string_view>()(body_);
  flight->provider = context_.provider;
  flight->ttl = context_.policy.ttl;
  if (request_.remote_content && !context_.policy.ttl_asked)
    flight->ttl = std::clamp(context_.services.options.remote_ttl, std::chrono::seconds(1), flight->ttl);
  flight->name_space = context_.policy.name_space;
  flight->tags.assign(context_.policy.tags.begin(), context_.policy.tags.end());
  flight->asked = asked_;
  flight->epoch = context_.services.parts.cache->epoch();
  flight->listed = listed;
  flight->store_is_away = no_entry_ != reason::kNoEntry;
  flight->ages.max_age_s = context_.policy.max_age_s;
  flight->ages.min_fresh_s = context_.policy.min_fresh_s;
  flight->ages.max_stale_s = context_.policy.max_stale_s;
  if (context_.services.parts.leases != nullptr) flight->wait_until_ns.store(WaitEnd(), std::memory_order_relaxed);
  return flight;
}

// Joins the flight that asks the same, or starts one; `share` is false for a refresh, whose flight is its own.
http::Task<void> ChatHandler::Ask(bool share) {
  Flights& flights = context_.services.flights;
  context_.outcome = context_.policy.refresh ? Outcome::kRefresh : Outcome::kMiss;
  if (context_.policy.refresh) {
    context_.reason = context_.policy.reason;
    context_.forward = Forward::kRequest;
  }
  FlightCaller caller(context_, request_);
  Flights::Found found{NewFlight(share), true, nullptr};
  const std::size_t body_hash = found.flight->body_hash;
  if (share) {
    found = flights.JoinOrStart(found.flight, caller.reader(), [this] { return StoredMeanwhile(); });
    if (found.stored) co_return co_await ServeOrAsk(std::move(found.stored));
  } else {
    found.flight->reply.Join(caller.reader());
  }

  BorrowedCall borrowed(*context_.thread.io);
  borrowed.returned = !found.started;
  if (found.started) {
    borrowed.call = NewCall();
    borrowed.body = body_;
    context_.thread.io->Spawn(RunFlightCall(found.flight, context_.services, *context_.thread.upstream, borrowed));
  } else {
    context_.reason = reason::kJoined;
    context_.collapsed = true;
    context_.services.metrics.CountJoined();
    if (context_.services.parts.leases != nullptr) found.flight->WaitAtMostUntil(WaitEnd());
  }
  const bool same_body = found.flight->body_hash == body_hash;
  const FlightCaller::Result result = co_await caller.Answer(std::move(found.flight), same_body);
  // The call may still be sending our bytes for others, even if our own client has left.
  while (!borrowed.returned) static_cast<void>(co_await borrowed.changed.Wait());
  if (result == FlightCaller::Result::kUnshared) co_await AskAlone(reason::kTooLarge);
  if (result == FlightCaller::Result::kUnfit) co_await AskAlone(reason::kFailed);
  if (result == FlightCaller::Result::kStored) {
    context_.collapsed = false;  // A hit: nobody's call was shared.
    co_await ServeOrAsk(Usable(caller.TakeStored()));
  }
}

// An answer that came while a flight was sought or waited. One that cannot be replayed, or is too old for this caller alone, is as
// good as none.
http::Task<void> ChatHandler::ServeOrAsk(EntryPtr usable) {
  if (usable == nullptr || !co_await SendHit(context_, std::move(usable), request_)) co_await Ask(false);
}

// Until when this caller waits for what another gateway is asking.
std::int64_t ChatHandler::WaitEnd() const {
  const GatewayOptions& options = context_.services.options;
  return Now() + std::chrono::nanoseconds(request_.stream ? options.wait_stream : options.wait_plain).count();
}

// Since the look into the cache another flight may have stored the answer and gone.
EntryPtr ChatHandler::StoredMeanwhile() {
  EntryPtr entry = context_.services.parts.cache->FindInMemory(key_);
  if (entry == nullptr) return nullptr;
  const auto was_reason = context_.reason;
  const auto was_forward = context_.forward;
  entry = Usable(std::move(entry));
  if (entry == nullptr) {
    context_.reason = was_reason;
    context_.forward = was_forward;
  }
  return entry;
}

// The shared reply cannot be given to this client: its own call, not stored.
http::Task<void> ChatHandler::AskAlone(std::string_view why) {
  context_.collapsed = false;
  context_.reason = why;
  const std::string_view body[] = {body_};
  upstream::Call call = NewCall();
  call.body = body;
  co_await Relay(context_, std::move(call), {.events = true});
}

}  // namespace

bool IsChatCompletions(const http::RequestHead& head) {
  if (head.method != "POST") return false;
  std::string_view path = head.path;
  if (path.starts_with(kAzureDeployments) && path.ends_with(kChatPath)) return true;
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  return path == kChatPath;
}

http::Task<void> HandleChat(RequestContext& context) { return ChatHandler::Run(context); }

}  // namespace reflex::gateway
