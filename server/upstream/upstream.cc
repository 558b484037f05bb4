#include "upstream/upstream.h"

#include <array>
#include <chrono>
#include <utility>

#include "upstream/reply.h"
#include "upstream/request.h"

namespace reflex::upstream {

namespace {

constexpr Provider kProviders[] = {Provider::kOpenAi, Provider::kAnthropic, Provider::kGemini};

// How calls end, for operators. The order is that of kOutcomes.
enum class Outcome : std::uint8_t {
  kOk,
  kClientError,
  kRateLimited,
  kServerError,
  kUnreachable,
  kTimeout,
  kClosed,
  kProtocol,
  kCancelled,
  kOther
};
constexpr const char* kOutcomes[] = {"ok",      "client_error", "rate_limited", "server_error", "unreachable",
                                     "timeout", "closed",       "protocol",     "cancelled",    "other"};

Outcome OutcomeOf(int status) {
  if (status == 429) return Outcome::kRateLimited;
  if (status >= 500) return Outcome::kServerError;
  return status >= 400 ? Outcome::kClientError : Outcome::kOk;
}

Outcome OutcomeOf(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnavailable: return Outcome::kUnreachable;
    case ErrorCode::kTimeout: return Outcome::kTimeout;
    case ErrorCode::kClosed: return Outcome::kClosed;
    case ErrorCode::kProtocol: return Outcome::kProtocol;
    case ErrorCode::kCancelled: return Outcome::kCancelled;
    default: return Outcome::kOther;
  }
}

struct ProviderMetrics {
  std::array<base::Counter*, std::size(kOutcomes)> outcomes{};
  base::Histogram* head_seconds = nullptr;
};

class ClientUpstream final : public Upstream {
 public:
  ClientUpstream(http::Client& client, const ProviderTable& table, base::MetricsRegistry& metrics)
      : client_(client), table_(table) {
    for (Provider provider : kProviders) {
      const std::string label = "provider=\"" + std::string(Name(provider)) + "\"";
      ProviderMetrics& mine = MetricsOf(provider);
      for (std::size_t i = 0; i < std::size(kOutcomes); ++i) {
        mine.outcomes[i] = &metrics.AddCounter("reflex_upstream_requests_total", "Calls to providers, by how they were answered.",
                                               label + ",outcome=\"" + kOutcomes[i] + "\"");
      }
      mine.head_seconds = &metrics.AddHistogram("reflex_upstream_head_seconds", "From a call's start to its reply's head.", label);
    }
  }

  http::Task<Result<std::unique_ptr<Reply>>> Send(const Call& call, http::CallHandle* handle) override {
    const auto& base = table_.base(call.provider);
    if (!base) co_return Fail(ErrorCode::kNotFound, "no upstream is set for " + std::string(Name(call.provider)));
    ForwardedRequest forwarded;
    Forward(call, table_, forwarded);
    http::ClientRequest request;
    request.origin = &base->origin;
    request.method = call.method;
    request.target = forwarded.target;
    request.headers = forwarded.headers;
    request.body = call.body;
    request.has_body = call.has_body;
    request.source = call.source;
    request.source_length = call.source_length;
    request.upgrade = call.upgrade;

    const auto start = std::chrono::steady_clock::now();
    auto reply = co_await client_.Send(request, handle);
    Count(call.provider, reply ? OutcomeOf((*reply)->status()) : OutcomeOf(reply.error().code));
    if (!reply) co_return std::unexpected(std::move(reply).error());
    const auto took = std::chrono::steady_clock::now() - start;
    MetricsOf(call.provider).head_seconds->ObserveNs(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count());
    co_return MakeReply(std::move(*reply), call.decode, call.method != "HEAD");
  }

  const ProviderTable& providers() const override { return table_; }

 private:
  ProviderMetrics& MetricsOf(Provider provider) { return metrics_[static_cast<std::size_t>(provider)]; }
  void Count(Provider provider, Outcome outcome) { MetricsOf(provider).outcomes[static_cast<std::size_t>(outcome)]->Add(); }

  http::Client& client_;
  const ProviderTable& table_;
  std::array<ProviderMetrics, std::size(kProviders)> metrics_;
};

}  // namespace

std::unique_ptr<Upstream> NewUpstream(http::Client& client, const ProviderTable& table, base::MetricsRegistry& metrics) {
  return std::make_unique<ClientUpstream>(client, table, metrics);
}

}  // namespace reflex::upstream
