#include <string>
#include <string_view>

#include "http/message.h"
#include "upstream/upstream.h"

namespace reflex::upstream {
namespace {

// True if `path` is `prefix` or below it.
bool IsUnder(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

// Without a leading "/v1" segment.
std::string_view WithoutVersion(std::string_view path) { return IsUnder(path, "/v1") ? path.substr(3) : path; }

std::string PathAt(Provider provider, const std::string& base, std::string_view path) {
  if (!base.empty() && IsUnder(path, base)) return std::string(path);
  switch (provider) {
    case Provider::kOpenAi: return base + std::string(WithoutVersion(path));
    case Provider::kAnthropic: return base + (base.ends_with("/v1") ? "" : "/v1") + std::string(WithoutVersion(path));
    case Provider::kGemini: break;
  }
  return base + std::string(path);
}

}  // namespace

std::string_view Name(Provider provider) {
  switch (provider) {
    case Provider::kOpenAi: return "openai";
    case Provider::kAnthropic: return "anthropic";
    case Provider::kGemini: return "gemini";
  }
  return "";
}

const std::optional<http::BaseUrl>& ProviderTable::base(Provider provider) const {
  switch (provider) {
    case Provider::kOpenAi: return openai;
    case Provider::kAnthropic: return anthropic;
    case Provider::kGemini: break;
  }
  return gemini;
}

std::string_view ProviderTable::key(Provider provider) const {
  if (provider == Provider::kOpenAi) return upstream_key;
  const std::string& own = provider == Provider::kAnthropic ? anthropic_key : gemini_key;
  if (!own.empty()) return own;
  const auto& there = base(provider);
  const bool same_host = openai && there && openai->origin == there->origin;
  return same_host ? std::string_view(upstream_key) : std::string_view();
}

Provider Route(std::string_view path, std::span<const http::Header> headers) {
  if (http::FindHeader(headers, "anthropic-version") != nullptr || IsUnder(WithoutVersion(path), "/messages")) {
    return Provider::kAnthropic;
  }
  if (IsUnder(path, "/v1beta") || http::FindHeader(headers, "x-goog-api-key") != nullptr) return Provider::kGemini;
  return Provider::kOpenAi;
}

std::string TargetAt(Provider provider, const http::BaseUrl& base, std::string_view target) {
  if (target == "*") return "*";
  const std::size_t query = target.find('?');
  std::string result = PathAt(provider, base.path, target.substr(0, query));
  if (result.empty()) result = "/";
  if (query != std::string_view::npos) result.append(target.substr(query));
  return result;
}

}  // namespace reflex::upstream
