#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/client.h"
#include "http/message.h"
#include "http/task.h"
#include "reflex/result.h"

namespace reflex::upstream {

enum class Provider : std::uint8_t { kOpenAi, kAnthropic, kGemini };
std::string_view Name(Provider provider);

// Where each provider is; a missing base URL switches it off (404, reason no-upstream).
struct ProviderTable {
  std::optional<http::BaseUrl> openai, anthropic, gemini;
  // The operator's key for the OpenAI base; "" for none.
  std::string upstream_key;
  // Keys for the others. Where one is empty, `upstream_key` serves only if that base is at the OpenAI base's own host: a key goes
  // to its own provider alone.
  std::string anthropic_key, gemini_key;

  const std::optional<http::BaseUrl>& base(Provider provider) const;
  // True if the operator pays for calls to some provider: then no caller's credential goes to any.
  bool has_key() const { return !upstream_key.empty() || !anthropic_key.empty() || !gemini_key.empty(); }
  // What replaces it there; may be empty.
  std::string_view key(Provider provider) const;
};

// Which provider a request belongs to: anthropic-version header or a path under /v1/messages (also without /v1), then
// /v1beta or x-goog-api-key, else OpenAI (issue "What passes through").
Provider Route(std::string_view path, std::span<const http::Header> headers);

// The path and query a request has at its provider, as its SDK would make it from that base URL.
// OpenAI: the base path and the request's path, whose leading "/v1", if it has one, stands for the base path: "/v1/models?x" and
// "/models?x" are "/v1/models?x" at https://api.openai.com/v1 and "/models?x" at a base without a path.
// Anthropic: the base path, "/v1", the rest. Gemini: the base path and the whole path. A path that starts with the base path
// already stays as it is. "*" stays "*".
std::string TargetAt(Provider provider, const http::BaseUrl& base, std::string_view target);

struct Call {
  Provider provider = Provider::kOpenAi;
  std::string_view method;
  std::string_view target;  // The client's.
  // The client's. Dropped here: hop-by-hop fields, X-Reflex-*, Host, Content-Length, Expect; credentials that have the form of a
  // provider at another host; all credentials if the operator's key replaces them (also `key=` in the query).
  std::span<const http::Header> headers;
  std::span<const std::string_view> body;
  bool has_body = false;
  http::BodySource source;
  std::optional<std::uint64_t> source_length;
  bool upgrade = false;
  // Asks for gzip, deflate or identity at most, and decodes the reply: Read gives identity bytes. A reply in another encoding,
  // which nobody asked for, comes as it is, with its Content-Encoding.
  bool decode = false;
};

// A provider's reply, whatever its status: redirects are not followed. Headers as received and in order, without hop-by-hop ones;
// when decoded, without Content-Encoding and Content-Length too.
class Reply {
 public:
  virtual ~Reply() = default;
  virtual int status() const = 0;
  virtual std::span<const http::Header> headers() const = 0;
  virtual std::optional<std::uint64_t> content_length() const = 0;  // Of what Read gives; nullopt when unknown or decoded.
  // As http::ClientReply::Read; also kProtocol for a broken encoding, kClosed for one that ends too early.
  virtual http::Task<Result<std::string_view>> Read() = 0;
  virtual void Cancel() = 0;
  // For Exchange::Tunnel after a 101.
  virtual http::ClientReply& raw() = 0;
};

// Calls to the providers from one I/O thread. An interface so that gateway tests can hand in their own.
class Upstream {
 public:
  virtual ~Upstream() = default;
  // Returns as http::Client::Send does, and kNotFound when the provider is switched off.
  virtual http::Task<Result<std::unique_ptr<Reply>>> Send(const Call& call, http::CallHandle* handle) = 0;
  virtual const ProviderTable& providers() const = 0;
};

// `client` and `table` outlive it.
std::unique_ptr<Upstream> NewUpstream(http::Client& client, const ProviderTable& table, base::MetricsRegistry& metrics);

}  // namespace reflex::upstream
