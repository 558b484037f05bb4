#include "remote/service.h"

#include <pthread.h>

#include <algorithm>
#include <array>
#include <functional>
#include <future>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace reflex::remote {
namespace {

// How calls end, for operators. The order is that of kOutcomes.
enum class Outcome : std::uint8_t { kOk, kRefused, kUnavailable, kTimeout, kProtocol, kBusy, kStopped, kCancelled };
constexpr const char* kOutcomes[] = {"ok", "refused", "unavailable", "timeout", "protocol", "busy", "stopped", "cancelled"};

Outcome OutcomeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return Outcome::kRefused;
    case ErrorCode::kTimeout: return Outcome::kTimeout;
    case ErrorCode::kProtocol:
    case ErrorCode::kTooLarge: return Outcome::kProtocol;
    case ErrorCode::kBusy: return Outcome::kBusy;
    case ErrorCode::kCancelled: return Outcome::kCancelled;
    default: return Outcome::kUnavailable;
  }
}

// Whether a failure says that the service is not well. A refusal of this one call does not.
bool CountsAgainst(const Error& error, int status) {
  if (error.code == ErrorCode::kInvalidArgument || error.code == ErrorCode::kCancelled) return false;
  return status != 413;
}

Result<void> JudgeStatus(const std::string& name, const ServiceReply& reply) {
  if (reply.status < 400) return {};
  const std::string message = name + " answered " + std::to_string(reply.status) + ": " + RefusalText(reply);
  switch (reply.status) {
    case 408: return Fail(ErrorCode::kTimeout, message);
    case 413: return Fail(ErrorCode::kTooLarge, message);
    case 401:
    case 403:
    case 429: return Fail(ErrorCode::kUnavailable, message);
    default: return Fail(reply.status < 500 ? ErrorCode::kInvalidArgument : ErrorCode::kUnavailable, message);
  }
}

}  // namespace

Line::Line() : thread_([this] { io_.Run(); }) { pthread_setname_np(thread_.native_handle(), "remote"); }

Line::~Line() {
  io_.Stop();
  thread_.join();
}

struct Service::State {
  State(ServiceOptions o, const Parts& p) : options(std::move(o)), parts(p), breaker(options.breaker, p.clock) {
    const std::string label = "service=\"" + options.name + "\"";
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      outcomes[i] = &p.metrics.AddCounter("reflex_remote_calls_total", "Calls to services on other machines, by how they ended.",
                                          label + ",outcome=\"" + kOutcomes[i] + "\"");
    }
    seconds = &p.metrics.AddHistogram("reflex_remote_call_seconds", "From a call's start to its whole reply.", label);
    running = &p.metrics.AddGauge("reflex_remote_calls", "Calls under way.", label);
    up = &p.metrics.AddGauge("reflex_remote_up", "0 while calls to the service are stopped because it failed.", label);
    up->Set(1);
  }

  void Count(Outcome outcome) { outcomes[static_cast<std::size_t>(outcome)]->Add(); }
  bool Enter();
  void Leave();
  void Told();
  void Settle(const Result<ServiceReply>& result, int status);

  const ServiceOptions options;
  const Parts parts;
  Breaker breaker;
  // Of the line's thread.
  std::unique_ptr<http::Client> client;
  std::unordered_set<Running*> under_way;
  bool closing = false;

  std::array<base::Counter*, std::size(kOutcomes)> outcomes{};
  base::Histogram* seconds = nullptr;
  base::Gauge* running = nullptr;
  base::Gauge* up = nullptr;
  mutable base::Mutex mutex;
  base::CondVar changed;
  std::uint32_t calls GUARDED_BY(mutex) = 0;   // Under way.
  std::uint32_t untold GUARDED_BY(mutex) = 0;  // Whose `done` has not returned.
  std::string trouble GUARDED_BY(mutex);       // Why calls are stopped.
};

// One call, shared by its coroutine and whoever waits.
struct Service::Running final : http::Deadline {
  // On the line's thread.
  void Expire() override {
    ExpireAt(http::SteadyTime::max());
    Cancel();
  }
  void Cancel() {
    if (reply != nullptr) return reply->Cancel();
    handle.Cancel();
  }

  ServiceCall call;
  std::string target;
  Judge judge;
  Done done;
  http::CallHandle handle;
  http::ClientReply* reply = nullptr;
  http::SteadyTime until;
  std::int64_t began_ns = 0;
  int status = 0;
};

// The breaker, the metrics and the log line where the service's state changes.
void Service::State::Settle(const Result<ServiceReply>& result, int status) {
  running->Add(-1);
  Count(result ? Outcome::kOk : OutcomeOf(result.error().code));
  const bool was_open = breaker.open();
  if (result) {
    breaker.Succeeded();
  } else if (CountsAgainst(result.error(), status)) {
    {
      base::MutexLock lock(mutex);
      trouble = result.error().message;
    }
    breaker.Failed();
  } else if (result.error().code == ErrorCode::kCancelled) {
    breaker.Dropped();
  } else {
    breaker.Succeeded();  // It refused this call: it is there.
  }
  const bool is_open = breaker.open();
  if (is_open == was_open) return;
  up->Set(is_open ? 0 : 1);
  if (is_open) {
    parts.logger.Log(LogLevel::kWarning, "remote_stopped service=" + options.name + " code=" +
                                             std::string(Name(result.error().code)) + " error=\"" + result.error().message + "\"");
  } else {
    parts.logger.Log(LogLevel::kInfo, "remote_resumed service=" + options.name);
  }
}

// Its place is free before whoever asked is told, who may ask again at once.
void Service::State::Leave() {
  base::MutexLock lock(mutex);
  --calls;
}

// Last: from here on the service may be gone.
void Service::State::Told() {
  base::MutexLock lock(mutex);
  --untold;
  changed.NotifyAll();
}

bool Service::State::Enter() {
  base::MutexLock lock(mutex);
  if (calls >= options.calls_max) return false;
  ++calls;
  ++untold;
  return true;
}

Service::Service(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<Service>> Service::Create(ServiceOptions options, Parts parts) {
  http::ClientOptions client;
  client.ca_file = options.ca_file;
  client.peer = "the service";
  client.idle_connections_max = options.calls_max;
  auto state = std::make_shared<State>(std::move(options), parts);
  std::promise<Result<void>> made;
  parts.line.io_.Post([&] {
    auto created = http::Client::Create(std::move(client), parts.line.io_, parts.pool, parts.metrics);
    if (created) state->client = std::move(*created);
    made.set_value(created ? Result<void>() : std::unexpected(created.error()));
  });
  REFLEX_CHECK(made.get_future().get());
  return std::unique_ptr<Service>(new Service(std::move(state)));
}

Service::~Service() {
  State& state = *state_;
  const auto on_line = [&](const std::function<void()>& work) {
    std::promise<void> done;
    state.parts.line.io_.Post([&] {
      work();
      done.set_value();
    });
    done.get_future().get();
  };
  on_line([&] {
    state.closing = true;
    for (Running* running : std::vector<Running*>(state.under_way.begin(), state.under_way.end())) running->Cancel();
  });
  {
    base::MutexLock lock(state.mutex);
    while (state.untold > 0) state.changed.Wait(state.mutex);
  }
  on_line([&] { state.client.reset(); });
}

const std::string& Service::name() const { return state_->options.name; }
const http::BaseUrl& Service::base() const { return state_->options.base; }

std::string Service::Degraded() const {
  if (!state_->breaker.open()) return {};
  base::MutexLock lock(state_->mutex);
  return state_->options.name + " is not asked for now: " + state_->trouble;
}

http::Task<Result<ServiceReply>> Service::Exchange(State& state, Running& running) {
  const ServiceOptions& options = state.options;
  std::vector<http::Header> headers;
  headers.push_back({"Accept", "application/json"});
  if (!options.key.empty()) headers.push_back({options.key_header, options.key});
  const std::string_view body[] = {running.call.body};
  http::ClientRequest request;
  request.origin = &options.base.origin;
  request.method = running.call.method;
  request.target = running.target;
  if (!running.call.body.empty()) {
    headers.push_back({"Content-Type", "application/json"});
    request.body = body;
    request.has_body = true;
  }
  request.headers = headers;
  auto reply = co_await state.client->Send(request, &running.handle);
  if (!reply) co_return std::unexpected(std::move(reply).error());
  running.reply = reply->get();
  ServiceReply whole;
  whole.status = running.status = (*reply)->status();
  Result<void> ended;
  for (;;) {
    auto piece = co_await (*reply)->Read();
    if (!piece) ended = std::unexpected(std::move(piece).error());
    if (!piece || piece->empty()) break;
    if (whole.body.size() + piece->size() > options.reply_bytes_max) {
      ended = Fail(ErrorCode::kTooLarge, "the reply has more than " + std::to_string(options.reply_bytes_max) + " bytes");
      break;
    }
    whole.body.append(*piece);
  }
  running.reply = nullptr;
  if (!ended) co_return std::unexpected(std::move(ended).error());
  co_return whole;
}

// Ends a call: numbers first, then whoever waits.
void Service::Finish(State& state, Running& running, Result<ServiceReply> result) {
  state.seconds->ObserveNs(state.parts.clock.SteadyNs() - running.began_ns);
  state.Settle(result, running.status);
  state.Leave();
  if (running.done) running.done(std::move(result));
  state.Told();
}

http::Task<void> Service::Run(std::shared_ptr<State> state, std::shared_ptr<Running> running) {
  const std::string& name = state->options.name;
  if (state->closing) {
    Finish(*state, *running, Fail(ErrorCode::kCancelled, name + " is no longer asked"));
    co_return;
  }
  state->under_way.insert(running.get());
  running->ExpireAt(running->until);
  state->parts.line.io_.Enroll(*running);
  Result<ServiceReply> result = co_await Exchange(*state, *running);
  state->parts.line.io_.Withdraw(*running);
  state->under_way.erase(running.get());
  if (!result) {
    // A cancelled call whose time is over was ended by its deadline.
    const bool late = result.error().code == ErrorCode::kCancelled && std::chrono::steady_clock::now() >= running->until;
    result = Fail(late ? ErrorCode::kTimeout : result.error().code,
                  name + (late ? " gave no whole answer in time" : ": " + result.error().message));
  } else if (Result<void> good = JudgeStatus(name, *result); !good) {
    result = std::unexpected(std::move(good).error());
  } else if (Result<void> fits = running->judge ? running->judge(*result) : Result<void>(); !fits) {
    result = Fail(ErrorCode::kProtocol, name + " gave a wrong answer: " + fits.error().message);
  }
  Finish(*state, *running, std::move(result));
}

void Service::Start(ServiceCall call, std::chrono::nanoseconds limit, Judge judge, Done done) {
  State& state = *state_;
  if (!state.Enter()) {
    state.Count(Outcome::kBusy);
    return done(
        Fail(ErrorCode::kBusy, state.options.name + ": " + std::to_string(state.options.calls_max) + " calls are under way"));
  }
  if (!state.breaker.Allow()) {
    state.Leave();
    state.Count(Outcome::kStopped);
    done(Fail(ErrorCode::kUnavailable, Degraded()));
    return state.Told();
  }
  state.running->Add(1);
  auto running = std::make_shared<Running>();
  running->target = state.options.base.path + call.target;
  running->call = std::move(call);
  running->judge = std::move(judge);
  running->done = std::move(done);
  running->until = std::chrono::steady_clock::now() + std::chrono::duration_cast<std::chrono::steady_clock::duration>(limit);
  running->began_ns = state.parts.clock.SteadyNs();
  state.parts.line.io_.Post([state = state_, running] { state->parts.line.io_.Spawn(Run(state, running)); });
}

Result<ServiceReply> Service::Call(ServiceCall call, std::chrono::nanoseconds limit, Judge judge) {
  struct Wait {
    base::Mutex mutex;
    base::CondVar changed;
    bool done GUARDED_BY(mutex) = false;
    Result<ServiceReply> reply GUARDED_BY(mutex);
  };
  const auto wait = std::make_shared<Wait>();
  const auto until = std::chrono::steady_clock::now() + limit;
  Start(std::move(call), limit, std::move(judge), [wait](Result<ServiceReply> reply) {
    base::MutexLock lock(wait->mutex);
    wait->reply = std::move(reply);
    wait->done = true;
    wait->changed.NotifyAll();
  });
  base::MutexLock lock(wait->mutex);
  while (!wait->done) {
    const auto left = until - std::chrono::steady_clock::now();
    // The call itself is ended by its deadline, a sweep later; nobody waits for that.
    if (left.count() <= 0) return Fail(ErrorCode::kTimeout, state_->options.name + " gave no whole answer in time");
    wait->changed.WaitFor(wait->mutex, left);
  }
  return std::move(wait->reply);
}

}  // namespace reflex::remote
