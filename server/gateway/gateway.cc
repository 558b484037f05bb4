#include "gateway/gateway.h"

#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/access.h"
#include "gateway/admin.h"
#include "gateway/audit.h"
#include "gateway/chat.h"
#include "gateway/chat_repeat.h"
#include "gateway/client_keys.h"
#include "gateway/context.h"
#include "gateway/errors.h"
#include "gateway/flights.h"
#include "gateway/identity.h"
#include "gateway/metrics.h"
#include "gateway/pass_through.h"
#include "gateway/request_log.h"
#include "gateway/semantic_hits.h"
#include "gateway/store_lookups.h"
#include "gateway/tenant.h"
#include "gateway/thread_state.h"
#include "gateway/usage_refusals.h"
#include "upstream/upstream.h"
#include "wire/error_body.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

constexpr std::size_t kTenantSecretBytes = 32;

// error.code of what the server refuses before any handler sees it.
std::string_view RefusalCode(int status) {
  switch (status) {
    case 408: return "request_timeout";
    case 413: return "request_too_large";
    case 431: return "headers_too_large";
    case 501: return "unsupported_transfer_encoding";
    case 503: return "busy";
    case 505: return "unsupported_http_version";
    default: return "bad_request";
  }
}

Result<void> Check(const GatewayOptions& options, const GatewayParts& parts) {
  if (options.tenant_from != TenantFrom::kOne && options.tenant_secret.size() != kTenantSecretBytes) {
    return Fail(ErrorCode::kInvalidArgument, "the tenant secret has " + std::to_string(options.tenant_secret.size()) +
                                                 " bytes; allowed are exactly " + std::to_string(kTenantSecretBytes));
  }
  if (options.tenant_from == TenantFrom::kHeader && options.tenant_header.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "tenant.from = header needs the name of a header");
  }
  if (options.ttl < std::chrono::seconds(1)) {
    return Fail(ErrorCode::kInvalidArgument,
                "the time to live is " + std::to_string(options.ttl.count()) + " s; allowed is 1 s or more");
  }
  if (options.reply_bytes_max == 0) return Fail(ErrorCode::kInvalidArgument, "the limit of a stored reply is 0 bytes");
  if (!(options.audits.share >= 0 && options.audits.share <= 1)) {
    return Fail(ErrorCode::kInvalidArgument,
                "the share of audits is " + std::to_string(options.audits.share) + "; allowed is 0 to 1");
  }
  if (parts.threads.empty() || parts.threads.size() != parts.upstreams.size()) {
    return Fail(ErrorCode::kInvalidArgument, "a gateway needs one upstream for each of its I/O threads");
  }
  return {};
}

class Dispatcher final : public Gateway {
 public:
  Dispatcher(GatewayOptions options, GatewayParts parts, std::unique_ptr<ClientKeys> keys)
      : options_(std::move(options)),
        parts_(std::move(parts)),
        tenants_(options_),
        client_keys_(std::move(keys)),
        metrics_(*parts_.metrics, *parts_.cache, *parts_.clock, parts_.semantic),
        audits_(options_.audits),
        store_lookups_(*parts_.cache, *parts_.pool),
        services_{options_,        parts_,         tenants_,       *client_keys_, metrics_, flights_,
                  usage_refusals_, semantic_hits_, store_lookups_, audits_,       threads_} {
    for (std::size_t i = 0; i < parts_.threads.size(); ++i) {
      auto state = std::make_unique<ThreadState>(options_.repeats_bytes_max);
      state->io = parts_.threads[i];
      state->upstream = parts_.upstreams[i];
      threads_.push_back(std::move(state));
    }
    if (parts_.leases != nullptr) metrics_.AddLeases(*parts_.metrics);
    if (parts_.model_queue) {
      parts_.metrics->AddCallback("reflex_semantic_model_queue", "Texts that wait for the model.", {}, false,
                                  [read = parts_.model_queue] { return static_cast<double>(read()); });
    }
  }

  http::Task<void> Handle(http::Exchange& exchange) override;
  bool AnswerKnown(http::ReadyExchange& exchange) override;
  std::string RefusalBody(int status, std::string_view message) override;
  std::span<const http::Header> RefusalHeaders(int status) override;
  Result<void> ReloadClientKeys() override { return client_keys_->Reload(); }
  std::size_t flights() const override { return flights_.running(); }
  ActivityCount activity() const override;

 private:
  ThreadState& StateOf(http::IoThread& io);
  http::Task<void> Forward(RequestContext& context);

  const GatewayOptions options_;
  const GatewayParts parts_;
  const TenantHasher tenants_;
  const std::unique_ptr<ClientKeys> client_keys_;
  GatewayMetrics metrics_;
  Flights flights_;
  UsageRefusals usage_refusals_;
  SemanticHits semantic_hits_;
  Audits audits_;
  StoreLookups store_lookups_;
  std::vector<std::unique_ptr<ThreadState>> threads_;  // As parts_.threads; each used by its thread alone.
  const Services services_;
};

http::Task<void> Dispatcher::Handle(http::Exchange& exchange) {
  RequestContext context{exchange, services_, StateOf(exchange.io())};
  const ActiveRequest active(IsProbePath(context.head().path) ? nullptr : context.thread.activity);
  context.started_ns = parts_.clock->SteadyNs();
  context.request_id = MakeRequestId(exchange.io());
  context.trace_id = ReadTraceId(exchange.request().headers);
  if (auto problem = Admit(context)) {
    co_await SendProblem(context, std::move(*problem));
  } else if (IsPreflight(context)) {
    co_await AnswerPreflight(context);
  } else if (IsOwnPath(context.head().path)) {
    co_await HandleOwnPath(context);
  } else {
    co_await Forward(context);
  }
  // A client that has left gets no reply, rather than the server's own.
  if (!exchange.begun()) exchange.Abort();
  FinishRequest(context);
}

bool Dispatcher::AnswerKnown(http::ReadyExchange& exchange) {
  ThreadState& thread = StateOf(exchange.io());
  if (!AnswerRepeat(exchange, services_, thread)) return false;
  thread.activity->Begin();
  thread.activity->End();
  return true;
}

ActivityCount Dispatcher::activity() const {
  ActivityCount count;
  for (const auto& thread : threads_) thread->activity->AddTo(count);
  return count;
}

http::Task<void> Dispatcher::Forward(RequestContext& context) {
  const http::RequestHead& head = context.head();
  context.provider = upstream::Route(head.path, head.headers);
  if (!context.thread.upstream->providers().base(context.provider)) {
    const Error off{ErrorCode::kNotFound, std::string(upstream::Name(context.provider))};
    return SendProblem(context, ProblemFor(off, Side::kUpstream));
  }
  return IsChatCompletions(head) ? HandleChat(context) : PassThrough(context);
}

ThreadState& Dispatcher::StateOf(http::IoThread& io) {
  for (const auto& state : threads_) {
    if (state->io == &io) return *state;
  }
  std::abort();  // The server runs on the gateway's threads only.
}

std::string Dispatcher::RefusalBody(int status, std::string_view message) {
  const bool ours = status == 503;
  return wire::ErrorBody(message, ours ? "server_error" : "invalid_request_error", RefusalCode(status));
}

std::span<const http::Header> Dispatcher::RefusalHeaders(int status) {
  static constexpr http::Header kBad[] = {{"X-Reflex-Status", "error"}, {"X-Reflex-Reason", wire::reason::kBadRequest}};
  static constexpr http::Header kLarge[] = {{"X-Reflex-Status", "error"}, {"X-Reflex-Reason", wire::reason::kTooLarge}};
  static constexpr http::Header kBusy[] = {{"X-Reflex-Status", "error"}, {"X-Reflex-Reason", wire::reason::kBusy}};
  if (status == 413 || status == 431) return kLarge;
  return status == 503 ? std::span<const http::Header>(kBusy) : kBad;
}

}  // namespace

Result<std::unique_ptr<Gateway>> Gateway::Create(GatewayOptions options, GatewayParts parts) {
  REFLEX_CHECK(Check(options, parts));
  REFLEX_TRY(auto keys, ClientKeys::Open(options.client_keys_file, parts.threads));
  return std::make_unique<Dispatcher>(std::move(options), std::move(parts), std::move(keys));
}

}  // namespace reflex::gateway
