#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "http/io_thread.h"
#include "http/message.h"
#include "reflex/result.h"

namespace reflex::http {

// Scheme, host and port of a server to call.
struct Origin {
  bool tls = false;
  std::string host;  // Name or address, an IPv6 address without brackets.
  std::uint16_t port = 0;

  friend bool operator==(const Origin&, const Origin&) = default;
  // "https://api.openai.com" (the port only if it is not the scheme's own).
  std::string ToString() const;
};

// A base URL, taken apart: "https://api.openai.com/v1" has the path "/v1" ("" for none or "/", never a trailing slash).
struct BaseUrl {
  Origin origin;
  std::string path;
  std::string text;  // Normalised: scheme and host in lower case, no default port, no trailing slash.
};
// Only http and https, no user, query or fragment. Returns: kInvalidArgument with what is allowed.
Result<BaseUrl> ParseBaseUrl(std::string_view text);

// Where a call's body comes from when it is not one piece in memory. The next piece, valid until the next call; empty is the end.
using BodySource = std::function<Task<Result<std::string_view>>()>;

struct ClientRequest {
  const Origin* origin = nullptr;
  std::string_view method;
  std::string_view target;                 // Origin-form.
  std::span<const Header> headers;         // Without Host, Connection, Content-Length, Transfer-Encoding.
  std::span<const std::string_view> body;  // Sent with Content-Length; may be empty.
  bool has_body = false;                   // Sends Content-Length: 0 for an empty body.
  BodySource source;                       // Instead of `body`: with `source_length`, else chunked. Such a call is never retried.
  std::optional<std::uint64_t> source_length;
  bool upgrade = false;  // Headers hold Upgrade; sends Connection: upgrade. A 101 reply can be tunnelled.
};

struct ClientTimeouts {
  std::chrono::milliseconds connect{10'000};
  std::chrono::milliseconds first_byte{600'000};
  std::chrono::milliseconds between_bytes{300'000};
};

struct ClientOptions {
  ClientTimeouts timeouts;
  std::uint64_t head_bytes_max = 64 << 10;
  std::uint32_t idle_connections_max = 128;  // Per thread and origin.
  std::chrono::milliseconds idle_timeout{60'000};
  std::chrono::milliseconds connection_life{300'000};  // Then it retires, so that name changes are followed.
  std::chrono::milliseconds resolve_life{30'000};
  std::string ca_file;                // PEM; empty: the system's.
  std::string peer = "the provider";  // What error messages call the server.
  // http_proxy, https_proxy, no_proxy as curl reads them; empty: none. "http://user:password@host:port".
  std::string http_proxy, https_proxy, no_proxy;
};

// A reply that is being read. Used on the client's thread. Destroying it before the end closes its connection; after the end the
// connection goes back to the pool.
class ClientReply {
 public:
  virtual ~ClientReply() = default;
  virtual int status() const = 0;
  // Valid as long as the reply. As received, Content-Length and Transfer-Encoding included.
  virtual std::span<const Header> headers() const = 0;
  // The body's length if it was told.
  virtual std::optional<std::uint64_t> content_length() const = 0;
  // The next piece of the body as the transfer coding carried it (content encodings untouched), at least a byte, as soon as it
  // arrived; valid until the next call. An empty view is the clean end. Returns: kClosed (cut off), kTimeout, kProtocol,
  // kCancelled.
  virtual Task<Result<std::string_view>> Read() = 0;
  // Makes a waiting or later Read return kCancelled. Thread: the client's.
  virtual void Cancel() = 0;

  // After a 101 only, for Exchange::Tunnel: raw bytes both ways. Read returns tunnelled bytes, Write sends some.
  virtual Task<Result<void>> Write(std::string_view bytes) = 0;
};

// Lets the owner of a call that has no reply yet stop it. Thread: the client's.
class CallHandle {
 public:
  // Makes Client::Send, if it is still waiting, return kCancelled.
  void Cancel() {
    cancelled_ = true;
    if (on_cancel_) on_cancel_();
  }
  bool cancelled() const { return cancelled_; }
  // For the client.
  void OnCancel(std::function<void()> on_cancel) { on_cancel_ = std::move(on_cancel); }

 private:
  bool cancelled_ = false;
  std::function<void()> on_cancel_;
};

// HTTP/1.1 client of one I/O thread: keeps connections alive, resolves names on the pool, verifies certificates, uses proxies.
class Client {
 public:
  // All outlive the client. Returns: kInvalidArgument (proxy), kNotFound (ca_file).
  static Result<std::unique_ptr<Client>> Create(ClientOptions options, IoThread& io, base::WorkerPool& pool,
                                                base::MetricsRegistry& metrics);
  virtual ~Client() = default;

  // Sends the request and returns with the reply's head; 1xx heads other than 101 are skipped. One retry, on a fresh connection,
  // if a pooled one closed before any byte of the reply. `handle` may be null.
  // Returns: kUnavailable (name, connect, certificate: the message says which, without inner addresses), kTimeout, kClosed,
  // kProtocol, kCancelled, or the body source's own error.
  virtual Task<Result<std::unique_ptr<ClientReply>>> Send(const ClientRequest& request, CallHandle* handle) = 0;
};

}  // namespace reflex::http
