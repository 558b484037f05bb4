#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/io_thread.h"
#include "http/message.h"
#include "http/task.h"
#include "reflex/result.h"

namespace reflex::http {

class ClientReply;

// A reply's first line and fields, without Date, Connection, Content-Length, Transfer-Encoding: those are the server's.
// Views: they live until the call that takes the head returns its result.
struct ReplyHead {
  int status = 200;
  std::span<const Header> headers;
};

// One request and its reply on a server connection. Made by the server, alive while the handler's coroutine runs, used by it
// alone, on its thread.
//
// Order of calls, as a pattern: (ReadBody | ReadSome*)? (Send | Begin Write* (End | Abort) | Tunnel)
// What the handler leaves unread is read and dropped up to a limit, else the connection is closed after the reply.
class Exchange {
 public:
  virtual const RequestHead& request() const = 0;
  virtual IoThread& io() = 0;
  // The peer's address as text, for the log; "unix" on a unix socket.
  virtual std::string_view peer() const = 0;
  // True on a listener that was opened for admin calls.
  virtual bool admin_listener() const = 0;

  // The whole body; at least kBodyPadding bytes after its end are readable (simdjson needs them). Valid until the exchange ends.
  // Sends 100 Continue first if that is awaited. Returns: kTooLarge (over body_bytes_max), kBusy (over the budget of all bodies in
  // flight), kTimeout, kProtocol (bad chunk), kClosed.
  static constexpr std::size_t kBodyPadding = 64;
  virtual Task<Result<std::string_view>> ReadBody() = 0;
  // The next piece of the body, valid until the next call; an empty view is the end. For bodies that pass through: no size limit.
  virtual Task<Result<std::string_view>> ReadSome() = 0;

  // A whole reply in one gathered write, with Content-Length. The pieces live until the call returns. For HEAD the body is counted,
  // not sent. Returns: kClosed, kTimeout.
  virtual Task<Result<void>> Send(const ReplyHead& head, std::span<const std::string_view> body) = 0;

  // Starts a reply whose body follows in pieces: with a length, or chunked (to HTTP/1.0 ended by closing). The head leaves with
  // the first Write, or at Flush.
  virtual Task<Result<void>> Begin(const ReplyHead& head, std::optional<std::uint64_t> content_length) = 0;
  // Sends the pieces as one chunk, at once. Returns when the socket took them all: kClosed, kTimeout (write limit).
  virtual Task<Result<void>> Write(std::span<const std::string_view> pieces) = 0;
  // Sends what Begin holds back.
  virtual Task<Result<void>> Flush() = 0;
  virtual Task<Result<void>> End() = 0;
  // The reply cannot be completed: the connection closes without the ending chunk, so that the client sees the cut.
  virtual void Abort() = 0;
  // True once Send or Begin was called.
  virtual bool begun() const = 0;
  // Body bytes handed to the socket so far.
  virtual std::uint64_t bytes_sent() const = 0;

  // The request as it was received, head and body, if these bytes alone came and AnswerKnown would be asked for them; else empty.
  // Valid as long as the body.
  virtual std::string_view request_bytes() const = 0;

  // Calls `left` once, on this thread, if the client closes or resets while the handler waits for something else. At most one
  // at a time; an empty function ends the watch. Bytes of a pipelined request are kept, not lost.
  virtual void OnDisconnect(std::function<void()> left) = 0;

  // After an upstream's 101: sends that head to the client, then passes bytes both ways until a side closes or nothing moves for
  // the idle limit. Takes over the reply's connection.
  virtual Task<Result<void>> Tunnel(ClientReply& upstream) = 0;

 protected:
  ~Exchange() = default;
};

// A request whose bytes all came before its head was read, on a plain connection that stays open, and the means to answer it at
// once. Alive during Handler::AnswerKnown, on its thread.
class ReadyExchange {
 public:
  virtual IoThread& io() = 0;
  virtual std::string_view peer() const = 0;
  // What the peer sent since its last request: perhaps a request's head and body, perhaps a part, perhaps more than one.
  virtual std::string_view bytes() const = 0;
  // Sends a whole reply, with Content-Length, and takes bytes() as answered; called at most once. What the socket does not take now
  // is copied and follows.
  virtual void SendNow(const ReplyHead& head, std::span<const std::string_view> body) = 0;

 protected:
  ~ReadyExchange() = default;
};

// What a server does with its requests. One object serves all I/O threads: thread-safe. Handle must not throw. If it returns
// without a reply, the server answers what reading the body ended with (413, 503, 408, 400), else 500.
class Handler {
 public:
  virtual ~Handler() = default;
  virtual Task<void> Handle(Exchange& exchange) = 0;

  // Asked first for bytes on an idle connection: a handler that knows these very bytes to be one whole request, and its reply,
  // sends it and returns true. Otherwise it does nothing and returns false, and the request is read as usual.
  virtual bool AnswerKnown(ReadyExchange& exchange) = 0;

  // The server refuses a request before any handler sees it (bad head, over a limit): the body of that reply, as JSON in the
  // envelope clients of this server expect, and its reason for logs. `status` is 400, 408, 413, 417, 431, 500, 501, 503 or
  // 505.
  virtual std::string RefusalBody(int status, std::string_view message) = 0;
  // Further fields of such a reply; the views are constants. Content-Type and Retry-After are the server's.
  virtual std::span<const Header> RefusalHeaders(int status) = 0;
};

}  // namespace reflex::http
