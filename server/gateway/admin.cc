#include "gateway/admin.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "gateway/access.h"
#include "gateway/admin_calls.h"
#include "gateway/caller_calls.h"
#include "gateway/errors.h"
#include "gateway/on_pool.h"
#include "gateway/reply_fields.h"
#include "gateway/semantic_metrics.h"
#include "wire/error_body.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

constexpr std::string_view kAdminRoot = "/v1/reflex";
constexpr std::string_view kReadMethods = "GET, HEAD";

bool IsRead(const RequestContext& context) { return context.head().method == "GET" || context.head().method == "HEAD"; }

// One Authorization field alone, so that nothing depends on which of two is looked at. Without a configured token nobody is admin.
bool HasAdminToken(const RequestContext& context) {
  const http::Header* only = nullptr;
  for (const http::Header& header : context.head().headers) {
    if (!http::EqualsIgnoringCase(header.name, "authorization")) continue;
    if (only != nullptr) return false;
    only = &header;
  }
  constexpr std::string_view kScheme = "Bearer ";
  const std::string& token = context.services.options.admin_token;
  if (only == nullptr || token.empty() || only->value.size() < kScheme.size()) return false;
  return http::EqualsIgnoringCase(only->value.substr(0, kScheme.size()), kScheme) &&
         base::EqualSecrets(only->value.substr(kScheme.size()), token);
}

http::Task<void> SendHealth(RequestContext& context) {
  const OwnReply reply{.reflex_status = "healthy", .body = "{\"status\":\"healthy\"}"};
  co_await SendOwn(context, reply);
}

struct Readying {
  std::string_view state = "serving";
  bool serving = true;
};

Readying StateOf(const Readiness* readiness) {
  switch (readiness == nullptr ? Readiness::State::kServing : readiness->Get()) {
    case Readiness::State::kStarting: return {"starting", false};
    case Readiness::State::kRestoring: return {"restoring", false};
    case Readiness::State::kDraining: return {"draining", false};
    case Readiness::State::kServing: break;
  }
  return {};
}

void AppendList(std::string_view name, const std::vector<std::string>& texts, std::string& body) {
  body.append(",\"").append(name).append("\":[");
  for (const std::string& text : texts) {
    if (!body.ends_with('[')) body.push_back(',');
    wire::AppendJsonString(text, body);
  }
  body.push_back(']');
}

// Why hits are lost: one sentence for each part that cannot do its work.
std::vector<std::string> Degradations(const GatewayParts& parts) {
  std::vector<std::string> reasons;
  if (std::string store = parts.cache->Health().degraded; !store.empty()) reasons.push_back("store: " + std::move(store));
  if (!parts.degraded) return reasons;
  for (std::string& reason : parts.degraded()) reasons.push_back(std::move(reason));
  return reasons;
}

http::Task<void> SendReadiness(RequestContext& context) {
  const GatewayParts& parts = context.services.parts;
  const Readying state = StateOf(parts.readiness);
  std::vector<std::string> reasons = Degradations(parts);
  const std::string_view status = !state.serving ? "not_ready" : reasons.empty() ? "ready" : "degraded";
  if (!state.serving) reasons.insert(reasons.begin(), std::string("the program is ").append(state.state));
  std::string body;
  body.append("{\"status\":\"").append(status).append("\",\"state\":\"").append(state.state).append("\"");
  AppendList("reasons", reasons, body);
  if (state.state == "restoring") body.append(",\"percent\":").append(std::to_string(parts.readiness->percent()));
  // What costs hits, but no request its answer.
  if (parts.semantic != nullptr) AppendList("notes", SemanticNotes(*parts.semantic), body);
  body.push_back('}');
  OwnReply reply{.status = state.serving ? 200 : 503, .reflex_status = state.serving ? "ready" : "not_ready", .body = body};
  if (!state.serving) reply.retry_after = "1";
  co_await SendOwn(context, reply);
}

http::Task<void> SendMetrics(RequestContext& context) {
  const GatewayParts& parts = context.services.parts;
  std::string text;
  std::function<void()> render = [&text, registry = parts.metrics, semantic = parts.semantic] {
    text = registry->Render();
    if (semantic != nullptr) AppendBudgets(*semantic, text);
  };
  const bool ran = co_await RunBorrowing(context.exchange.io(), *parts.pool, render);
  // Most wanted when everything is busy: a full pool does not hide the numbers.
  if (!ran) render();
  const OwnReply reply{.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = text};
  co_await SendOwn(context, reply);
}

http::Task<void> RefuseToken(RequestContext& context) {
  Problem problem =
      MakeProblem(401, wire::reason::kAdminToken, "invalid_admin_token",
                  "admin calls need Authorization: Bearer with the token that stands in admin.token beside the store");
  problem.authenticate = "Bearer";
  return SendProblem(context, std::move(problem));
}

}  // namespace

bool IsProbePath(std::string_view path) { return path == "/healthz" || path == "/ready" || path == "/metrics"; }

bool IsOwnPath(std::string_view path) {
  if (IsProbePath(path)) return true;
  return path.starts_with(kAdminRoot) && (path.size() == kAdminRoot.size() || path[kAdminRoot.size()] == '/');
}

http::Task<void> HandleOwnPath(RequestContext& context) {
  const std::string_view path = context.head().path;
  context.outcome = Outcome::kOwn;
  if (IsCallersPath(path)) return HandleCallersCall(context);
  if (path.starts_with(kAdminRoot)) return HasAdminToken(context) ? HandleAdminCall(context) : RefuseToken(context);
  if (!IsRead(context)) return SendMethodNotAllowed(context, kReadMethods);
  if (path == "/healthz") return SendHealth(context);
  if (path == "/ready") return SendReadiness(context);
  return SendMetrics(context);
}

http::Task<void> SendOwn(RequestContext& context, OwnReply reply) {
  ReplyFields fields;
  fields.Add("Content-Type", reply.content_type);
  fields.Add("Cache-Control", "no-store");
  fields.Add("X-Content-Type-Options", "nosniff");
  fields.Add("X-Reflex-Status", reply.reflex_status);
  if (!context.reason.empty()) fields.Add("X-Reflex-Reason", context.reason);
  if (!reply.retry_after.empty()) fields.Add("Retry-After", reply.retry_after);
  if (!reply.allow.empty()) fields.Add("Allow", reply.allow);
  fields.Add("X-Request-Id", context.request_id.view());
  AppendCorsFields(context, fields);
  context.status = reply.status;
  const http::ReplyHead head{.status = reply.status, .headers = fields.view()};
  // A client that left is no event worth more than its line in the log.
  (void)co_await context.exchange.Send(head, std::span(&reply.body, 1));
}

http::Task<void> SendMethodNotAllowed(RequestContext& context, std::string_view allow) {
  context.outcome = Outcome::kError;
  context.reason = wire::reason::kMethod;
  const std::string message = std::string("this path is asked with ").append(allow);
  const std::string body = wire::ErrorBody(message, "invalid_request_error", "method_not_supported");
  const OwnReply reply{.status = 405, .reflex_status = "error", .body = body, .allow = allow};
  co_await SendOwn(context, reply);
}

}  // namespace reflex::gateway
