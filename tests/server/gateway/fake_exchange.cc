#include "fake_exchange.h"

#include <algorithm>
#include <stdexcept>

namespace reflex::gateway::testing {

FakeExchange::FakeExchange(http::IoThread& io, Request request)
    : io_(io), request_(std::move(request)), padded_body_(request_.body + std::string(kBodyPadding, '\0')), may_write_(io) {
  head_.method = request_.method;
  head_.target = request_.target;
  const std::size_t question = head_.target.find('?');
  head_.path = head_.target.substr(0, question);
  if (question != std::string_view::npos) head_.query = head_.target.substr(question + 1);
  for (const auto& [name, value] : request_.headers) head_.headers.push_back({name, value});
  head_.host = "127.0.0.1:8080";
  head_.chunked = request_.chunked;
  head_.upgrade = !head_.header("upgrade").empty();
  if (!request_.chunked && !request_.body.empty()) head_.content_length = request_.body.size();
}

template <class Condition>
void FakeExchange::WaitUntil(Condition condition) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, condition);
}

void FakeExchange::StopReading() {
  std::lock_guard lock(mutex_);
  reading_ = false;
}
void FakeExchange::GoOnReading() {
  {
    std::lock_guard lock(mutex_);
    reading_ = true;
  }
  io_.Post([self = shared_from_this()] { self->may_write_.Notify(); });
}
void FakeExchange::LetWriteTimeOut() {
  {
    std::lock_guard lock(mutex_);
    timed_out_ = true;
  }
  io_.Post([self = shared_from_this()] { self->may_write_.Notify(); });
}
void FakeExchange::Leave() {
  {
    std::lock_guard lock(mutex_);
    gone_ = true;
  }
  io_.Post([self = shared_from_this()] {
    self->may_write_.Notify();
    if (self->left_) std::exchange(self->left_, nullptr)();
  });
}
void FakeExchange::FailBody(ErrorCode code) {
  std::lock_guard lock(mutex_);
  body_error_ = code;
}
void FakeExchange::WaitForDone() {
  WaitUntil([this] { return done_; });
}
void FakeExchange::WaitForBody(std::size_t bytes) {
  WaitUntil([this, bytes] { return sent_.size() >= bytes; });
}
void FakeExchange::WaitForText(std::string_view text) {
  WaitUntil([this, text] { return sent_.find(text) != std::string::npos; });
}
void FakeExchange::WaitForHead() {
  WaitUntil([this] { return head_out_ || done_; });
}
void FakeExchange::WaitForStalledWrite() {
  WaitUntil([this] { return stalled_; });
}

int FakeExchange::status() const {
  std::lock_guard lock(mutex_);
  return status_;
}
std::string FakeExchange::body() const {
  std::lock_guard lock(mutex_);
  return sent_;
}
std::string FakeExchange::Header(std::string_view name) const {
  std::lock_guard lock(mutex_);
  std::string joined;
  for (const auto& [field, value] : fields_) {
    if (!http::EqualsIgnoringCase(field, name)) continue;
    if (!joined.empty()) joined += ", ";
    joined += value;
  }
  return joined;
}
bool FakeExchange::ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}
bool FakeExchange::aborted() const {
  std::lock_guard lock(mutex_);
  return aborted_;
}
std::size_t FakeExchange::writes() const {
  std::lock_guard lock(mutex_);
  return writes_;
}
bool FakeExchange::sent_whole() const {
  std::lock_guard lock(mutex_);
  return whole_;
}
void FakeExchange::Done() {
  std::lock_guard lock(mutex_);
  done_ = true;
  changed_.notify_all();
}

http::Task<Result<std::string_view>> FakeExchange::ReadBody() {
  std::lock_guard lock(mutex_);
  if (body_error_) co_return Fail(*body_error_, "as the test says");
  co_return std::string_view(padded_body_).substr(0, request_.body.size());
}

http::Task<Result<std::string_view>> FakeExchange::ReadSome() {
  std::lock_guard lock(mutex_);
  if (body_error_ && read_ > 0) co_return Fail(*body_error_, "as the test says");
  const std::size_t size = std::min<std::size_t>(request_.chunked ? 7 : 4096, request_.body.size() - read_);
  const std::string_view piece = std::string_view(request_.body).substr(read_, size);
  read_ += size;
  co_return piece;
}

void FakeExchange::TakeHead(const http::ReplyHead& head) {
  if (begun_) throw std::logic_error("a second reply");
  begun_ = true;
  status_ = head.status;
  for (const http::Header& field : head.headers) fields_.emplace_back(field.name, field.value);
}

http::Task<Result<void>> FakeExchange::Send(const http::ReplyHead& head, std::span<const std::string_view> body) {
  std::lock_guard lock(mutex_);
  TakeHead(head);
  for (std::string_view piece : body) sent_.append(piece);
  ++writes_;
  whole_ = ended_ = head_out_ = true;
  changed_.notify_all();
  if (gone_) co_return Fail(ErrorCode::kClosed, "the client has left");
  co_return Result<void>();
}

http::Task<Result<void>> FakeExchange::Begin(const http::ReplyHead& head, std::optional<std::uint64_t>) {
  std::lock_guard lock(mutex_);
  TakeHead(head);
  co_return Result<void>();
}

http::Task<Result<void>> FakeExchange::Write(std::span<const std::string_view> pieces) {
  for (;;) {
    {
      std::lock_guard lock(mutex_);
      if (!begun_ || ended_) throw std::logic_error("a write outside of a reply");
      if (gone_) co_return Fail(ErrorCode::kClosed, "the client has left");
      if (timed_out_) co_return Fail(ErrorCode::kTimeout, "the client does not read");
      if (reading_) {
        for (std::string_view piece : pieces) sent_.append(piece);
        ++writes_;
        head_out_ = true;
        stalled_ = false;
        changed_.notify_all();
        co_return Result<void>();
      }
      stalled_ = true;
      changed_.notify_all();
    }
    static_cast<void>(co_await may_write_.Wait());
  }
}

http::Task<Result<void>> FakeExchange::Flush() {
  std::lock_guard lock(mutex_);
  head_out_ = true;
  changed_.notify_all();
  co_return Result<void>();
}

http::Task<Result<void>> FakeExchange::End() {
  std::lock_guard lock(mutex_);
  ended_ = head_out_ = true;
  changed_.notify_all();
  co_return Result<void>();
}

void FakeExchange::Abort() {
  std::lock_guard lock(mutex_);
  aborted_ = true;
  changed_.notify_all();
}
bool FakeExchange::begun() const {
  std::lock_guard lock(mutex_);
  return begun_;
}
std::uint64_t FakeExchange::bytes_sent() const {
  std::lock_guard lock(mutex_);
  return sent_.size();
}

void FakeExchange::OnDisconnect(std::function<void()> left) {
  bool gone;
  {
    std::lock_guard lock(mutex_);
    gone = gone_;
  }
  left_ = std::move(left);
  // The client had left before anybody watched: told soon, as a socket would.
  if (gone && left_) {
    io_.Post([self = shared_from_this()] {
      if (self->left_) std::exchange(self->left_, nullptr)();
    });
  }
}

http::Task<Result<void>> FakeExchange::Tunnel(http::ClientReply&) { co_return Fail(ErrorCode::kUnsupported, "no tunnel here"); }

}  // namespace reflex::gateway::testing
