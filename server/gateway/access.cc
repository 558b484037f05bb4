#include "gateway/access.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "gateway/admin.h"
#include "gateway/caller_calls.h"
#include "gateway/client_keys.h"
#include "gateway/thread_state.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

namespace reason = wire::reason;

constexpr std::string_view kExposed =
    "X-Reflex-Status, X-Reflex-Reason, X-Reflex-Entry, X-Reflex-Similarity, X-Reflex-Verify-Score, X-Reflex-Saved-Tokens, "
    "X-Reflex-Upstream-Request-Id, X-Reflex-Format, "
    "Cache-Status, Age, X-Request-Id, Retry-After, Retry-After-Ms, X-Should-Retry, OpenAI-Processing-Ms, OpenAI-Version, "
    "OpenAI-Organization, Request-Id, X-RateLimit-Limit-Requests, X-RateLimit-Limit-Tokens, X-RateLimit-Remaining-Requests, "
    "X-RateLimit-Remaining-Tokens, X-RateLimit-Reset-Requests, X-RateLimit-Reset-Tokens";
constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
constexpr std::string_view kUsualHeaders = "Authorization, Content-Type";
constexpr std::size_t kRequestHeadersBytesMax = 4096;

// POST paths an upstream key opens, without /v1.
constexpr std::array<std::string_view, 6> kOpenPosts = {"/chat/completions", "/completions", "/embeddings",
                                                        "/moderations",      "/responses",   "/messages"};

bool IsAddress(std::string_view text, int family) {
  char terminated[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof terminated) return false;
  std::memcpy(terminated, text.data(), text.size());
  in6_addr address;  // The larger of the two.
  return inet_pton(family, terminated, &address) == 1;
}

bool HasUpstreamKey(const RequestContext& context) { return context.thread.upstream->providers().has_key(); }

bool IsAllowedOrigin(std::string_view origin, const std::vector<std::string>& allowed) {
  return std::ranges::any_of(allowed, [&](const std::string& one) { return one == "*" || http::EqualsIgnoringCase(one, origin); });
}

// Every Origin field, so that a second one cannot hide behind the first.
bool OriginsAllowed(const RequestContext& context) {
  return std::ranges::all_of(context.head().headers, [&](const http::Header& header) {
    return !http::EqualsIgnoringCase(header.name, "origin") || IsAllowedOrigin(header.value, context.services.options.cors_origins);
  });
}

bool HostAllowed(const http::RequestHead& head, const GatewayOptions& options) {
  // HTTP/1.0 may leave Host out; a browser, which is what the check is against, cannot.
  if (head.host.empty()) return head.minor_version == 0;
  return IsAllowedHost(head.host, options.hosts);
}

std::optional<Problem> CheckListener(const RequestContext& context, bool own) {
  const bool admin = context.exchange.admin_listener();
  const std::string_view path = context.head().path;
  if (admin && !own) {
    return MakeProblem(404, reason::kNotFound, "unknown_url", "this address serves Reflex's own paths only; see docs/admin.md");
  }
  if (IsCallersPath(path)) {
    if (!admin) return std::nullopt;
    return MakeProblem(404, reason::kNotFound, "unknown_url", "this path is served where chat is");
  }
  if (!admin && own && context.services.options.admin_elsewhere && path != "/healthz") {
    return MakeProblem(404, reason::kNotFound, "unknown_url", "this path is served at server.admin_address");
  }
  return std::nullopt;
}

std::optional<Problem> CheckBrowser(const RequestContext& context) {
  if (!HostAllowed(context.head(), context.services.options)) {
    return MakeProblem(403, reason::kForbiddenHost, "forbidden_host",
                       "the Host is neither an IP address nor localhost nor a name in server.hosts");
  }
  if (!OriginsAllowed(context)) {
    return MakeProblem(403, reason::kForbiddenOrigin, "forbidden_origin", "the Origin is not allowed by the CORS setting");
  }
  return std::nullopt;
}

std::optional<Problem> CheckPath(const RequestContext& context) {
  const http::RequestHead& head = context.head();
  // A tunnel would carry anything to the provider under the key.
  if (!head.upgrade && OpenWithUpstreamKey(head.method, head.path)) return std::nullopt;
  return MakeProblem(
      403, reason::kForbiddenPath, "forbidden_path",
      "the upstream key opens POST chat/completions, completions, embeddings, moderations, responses, messages and GET models "
      "only; upstream.key_opens = all opens every path");
}

std::optional<Problem> CheckClientKey(RequestContext& context) {
  ClientKeys& keys = context.services.client_keys;
  if (!keys.required()) return std::nullopt;
  std::optional<ClientKeys::Found> found = keys.Match(context.exchange.io(), context.head());
  if (!found) {
    Problem problem = MakeProblem(401, reason::kClientKey, "invalid_api_key", "no API key was given that this gateway knows");
    problem.authenticate = "Bearer";
    return problem;
  }
  if (!found->group.empty()) {
    context.key_group = found->group;
    context.key_token = found->token;
    context.keys = std::move(found->keys);
  }
  return std::nullopt;
}

}  // namespace

bool IsAllowedHost(std::string_view host, std::span<const std::string> hosts) {
  if (host.starts_with('[')) {
    const std::size_t end = host.find(']');
    return end != std::string_view::npos && IsAddress(host.substr(1, end - 1), AF_INET6);
  }
  const std::string_view name = host.substr(0, host.find(':'));
  if (http::EqualsIgnoringCase(name, "localhost") || IsAddress(name, AF_INET)) return true;
  return std::ranges::any_of(hosts, [&](const std::string& allowed) { return http::EqualsIgnoringCase(allowed, name); });
}

bool OpenWithUpstreamKey(std::string_view method, std::string_view path) {
  if (path.starts_with("/v1/")) path.remove_prefix(3);
  if (method == "POST") return std::ranges::find(kOpenPosts, path) != kOpenPosts.end();
  if (method != "GET") return false;
  constexpr std::string_view kModels = "/models";
  if (!path.starts_with(kModels)) return false;
  path.remove_prefix(kModels.size());
  if (path.empty()) return true;
  const std::string_view id = path.substr(1);
  if (!path.starts_with('/') || id.empty() || id == "." || id == "..") return false;
  return std::ranges::all_of(id, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || std::string_view("-._:@+~").contains(c);
  });
}

std::optional<Problem> Admit(RequestContext& context) {
  const bool own = IsOwnPath(context.head().path);
  if (auto problem = CheckListener(context, own)) return problem;
  const bool with_key = !own && HasUpstreamKey(context);
  if (own || with_key) {
    if (auto problem = CheckBrowser(context)) return problem;
  }
  if (IsPreflight(context) || (own && !IsCallersPath(context.head().path))) return std::nullopt;
  if (with_key && !context.services.options.key_opens_all) {
    if (auto problem = CheckPath(context)) return problem;
  }
  return CheckClientKey(context);
}

bool IsPreflight(const RequestContext& context) {
  const http::RequestHead& head = context.head();
  if (head.method != "OPTIONS" || context.services.options.cors_origins.empty()) return false;
  const http::Header* origin = http::FindHeader(head.headers, "origin");
  return origin != nullptr && http::FindHeader(head.headers, "access-control-request-method") != nullptr && OriginsAllowed(context);
}

http::Task<void> AnswerPreflight(RequestContext& context) {
  const std::string_view asked = context.head().header("access-control-request-headers");
  const bool any = std::ranges::find(context.services.options.cors_origins, "*") != context.services.options.cors_origins.end();
  const std::array<http::Header, 6> fields = {{
      {"Access-Control-Allow-Origin", any ? std::string_view("*") : context.head().header("origin")},
      {"Access-Control-Allow-Methods", kMethods},
      {"Access-Control-Allow-Headers", asked.empty() || asked.size() > kRequestHeadersBytesMax ? kUsualHeaders : asked},
      {"Access-Control-Max-Age", "600"},
      {"Vary", "Origin, Access-Control-Request-Headers"},
      {"X-Request-Id", context.request_id.view()},
  }};
  context.outcome = Outcome::kOwn;
  context.status = 204;
  const http::ReplyHead reply{.status = 204, .headers = fields};
  // A client that left has its answer in the log.
  (void)co_await context.exchange.Send(reply, {});
}

void AppendCorsFields(const RequestContext& context, ReplyFields& out) {
  const std::vector<std::string>& allowed = context.services.options.cors_origins;
  if (allowed.empty()) return;
  const bool any = std::ranges::find(allowed, "*") != allowed.end();
  if (!any) out.Add("Vary", "Origin");
  const std::string_view origin = context.head().header("origin");
  if (origin.empty() || !OriginsAllowed(context)) return;
  out.Add("Access-Control-Allow-Origin", any ? std::string_view("*") : origin);
  out.Add("Access-Control-Expose-Headers", kExposed);
}

bool NeedsProvidersCors(const RequestContext& context) {
  return context.services.options.cors_origins.empty() && http::FindHeader(context.head().headers, "origin") != nullptr;
}

bool ReplacedByCors(const RequestContext& context, std::string_view name) {
  constexpr std::string_view kPrefix = "access-control-";
  return !context.services.options.cors_origins.empty() && name.size() > kPrefix.size() &&
         http::EqualsIgnoringCase(name.substr(0, kPrefix.size()), kPrefix);
}

}  // namespace reflex::gateway
