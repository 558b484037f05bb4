#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "http/io_thread.h"

namespace reflex::gateway::testing {

struct Request {
  std::string method = "POST";
  std::string target = "/v1/chat/completions";
  std::vector<std::pair<std::string, std::string>> headers{};
  std::string body{};
  bool chunked = false;  // The body comes in pieces of 7 bytes, without a length.
};

// A request and what its client sees, without a socket: the handler runs on an I/O thread, the test looks from its own. A client
// can stop reading, and leave.
class FakeExchange final : public http::Exchange, public std::enable_shared_from_this<FakeExchange> {
 public:
  FakeExchange(http::IoThread& io, Request request);

  // For the test, from any thread.
  void StopReading();  // Writes wait from now on.
  void GoOnReading();
  void LetWriteTimeOut();         // The write that waits, and later ones, return kTimeout.
  void Leave();                   // Closes the connection.
  void FailBody(ErrorCode code);  // Before the start: reading the body gives this.
  void WaitForDone();             // The handler has returned.
  void WaitForBody(std::size_t bytes);
  void WaitForText(std::string_view text);
  void WaitForHead();
  void WaitForStalledWrite();

  int status() const;
  std::string body() const;
  std::string Header(std::string_view name) const;  // "" where missing; several joined by ", ".
  bool ended() const;                               // The reply came to its proper end.
  bool aborted() const;
  std::size_t writes() const;
  bool sent_whole() const;  // In one write, with its length.

  // For whoever runs the handler.
  void Done();

  const http::RequestHead& request() const override { return head_; }
  http::IoThread& io() override { return io_; }
  std::string_view peer() const override { return "127.0.0.1"; }
  bool admin_listener() const override { return false; }
  http::Task<Result<std::string_view>> ReadBody() override;
  http::Task<Result<std::string_view>> ReadSome() override;
  http::Task<Result<void>> Send(const http::ReplyHead& head, std::span<const std::string_view> body) override;
  http::Task<Result<void>> Begin(const http::ReplyHead& head, std::optional<std::uint64_t> content_length) override;
  http::Task<Result<void>> Write(std::span<const std::string_view> pieces) override;
  http::Task<Result<void>> Flush() override;
  http::Task<Result<void>> End() override;
  void Abort() override;
  bool begun() const override;
  std::uint64_t bytes_sent() const override;
  std::string_view request_bytes() const override { return {}; }
  void OnDisconnect(std::function<void()> left) override;
  http::Task<Result<void>> Tunnel(http::ClientReply& upstream) override;

 private:
  void TakeHead(const http::ReplyHead& head);
  template <class Condition>
  void WaitUntil(Condition condition);

  http::IoThread& io_;
  const Request request_;
  std::string padded_body_;
  http::RequestHead head_;
  http::Signal may_write_;
  std::size_t read_ = 0;
  std::function<void()> left_;  // The handler's thread only.

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<ErrorCode> body_error_;
  int status_ = 0;
  std::vector<std::pair<std::string, std::string>> fields_;
  std::string sent_;
  std::size_t writes_ = 0;
  bool begun_ = false, whole_ = false, ended_ = false, aborted_ = false, done_ = false;
  bool reading_ = true, stalled_ = false, timed_out_ = false, gone_ = false, head_out_ = false;
};

}  // namespace reflex::gateway::testing
