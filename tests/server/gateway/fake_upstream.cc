#include "fake_upstream.h"

#include <stdexcept>

namespace reflex::gateway::testing {
namespace {

http::BaseUrl Base(std::string_view text) { return http::ParseBaseUrl(text).value(); }

}  // namespace

class FakeReply final : public upstream::Reply {
 public:
  FakeReply(http::IoThread& io, CallPtr call, int status, Fields fields, std::optional<std::uint64_t> length)
      : signal_(std::make_shared<http::Signal>(io)),
        call_(std::move(call)),
        status_(status),
        fields_(std::move(fields)),
        length_(length) {
    for (const auto& [name, value] : fields_) headers_.push_back({name, value});
    call_->SetWaker(signal_->Notifier());
  }
  ~FakeReply() override {
    call_->SetWaker(nullptr);
    call_->Release(ended_);
  }

  int status() const override { return status_; }
  std::span<const http::Header> headers() const override { return headers_; }
  std::optional<std::uint64_t> content_length() const override { return length_; }

  http::Task<Result<std::string_view>> Read() override {
    for (;;) {
      if (call_->cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
      if (ended_) co_return std::string_view();
      if (auto action = call_->Pop()) {
        if (action->kind == ProviderCall::Action::Kind::kPiece) {
          piece_ = std::move(action->bytes);
          co_return std::string_view(piece_);
        }
        ended_ = true;
        if (action->kind == ProviderCall::Action::Kind::kFail) co_return Fail(action->code, "as the test says");
        continue;
      }
      static_cast<void>(co_await signal_->Wait());
    }
  }
  void Cancel() override { call_->Cancel(); }
  http::ClientReply& raw() override { throw std::logic_error("no tunnel in these tests"); }

 private:
  std::shared_ptr<http::Signal> signal_;
  CallPtr call_;
  const int status_;
  const Fields fields_;
  std::vector<http::Header> headers_;
  const std::optional<std::uint64_t> length_;
  std::string piece_;
  bool ended_ = false;
};

std::string ProviderCall::Header(std::string_view name) const {
  for (const auto& [field, value] : headers) {
    if (http::EqualsIgnoringCase(field, name)) return value;
  }
  return {};
}

ProviderCall& ProviderCall::Push(Action action) {
  std::function<void()> waker;
  {
    std::lock_guard lock(mutex_);
    actions_.push_back(std::move(action));
    waker = waker_;
  }
  if (waker) waker();
  return *this;
}

std::optional<ProviderCall::Action> ProviderCall::Pop() {
  std::lock_guard lock(mutex_);
  if (actions_.empty()) return std::nullopt;
  Action action = std::move(actions_.front());
  actions_.pop_front();
  if (action.kind == Action::Kind::kPiece) {
    ++pieces_read_;
    changed_.notify_all();
  }
  return action;
}

ProviderCall& ProviderCall::Head(int status, Fields fields, std::optional<std::uint64_t> length) {
  return Push({.kind = Action::Kind::kHead, .status = status, .fields = std::move(fields), .length = length, .bytes = {}});
}
ProviderCall& ProviderCall::EventHead(Fields fields) {
  fields.emplace_back("content-type", "text/event-stream; charset=utf-8");
  return Head(200, std::move(fields));
}
ProviderCall& ProviderCall::Piece(std::string bytes) {
  return Push({.kind = Action::Kind::kPiece, .fields = {}, .length = {}, .bytes = std::move(bytes)});
}
ProviderCall& ProviderCall::End() { return Push({.kind = Action::Kind::kEnd, .fields = {}, .length = {}, .bytes = {}}); }
ProviderCall& ProviderCall::Fail(ErrorCode code) {
  return Push({.kind = Action::Kind::kFail, .fields = {}, .length = {}, .bytes = {}, .code = code});
}
void ProviderCall::Json(int status, std::string json, Fields fields) {
  fields.emplace_back("content-type", "application/json");
  const std::uint64_t length = json.size();
  Head(status, std::move(fields), length).Piece(std::move(json)).End();
}

void ProviderCall::Cancel() {
  std::function<void()> waker;
  {
    std::lock_guard lock(mutex_);
    cancelled_ = true;
    waker = waker_;
    changed_.notify_all();
  }
  if (waker) waker();
}
void ProviderCall::SetWaker(std::function<void()> waker) {
  std::lock_guard lock(mutex_);
  waker_ = std::move(waker);
}
void ProviderCall::Release(bool ended) {
  std::lock_guard lock(mutex_);
  if (!ended) cancelled_ = true;
  released_ = true;
  changed_.notify_all();
}
bool ProviderCall::cancelled() const {
  std::lock_guard lock(mutex_);
  return cancelled_;
}
bool ProviderCall::WaitForCancel() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return cancelled_ || released_; });
  return cancelled_;
}
std::size_t ProviderCall::pieces_read() const {
  std::lock_guard lock(mutex_);
  return pieces_read_;
}
void ProviderCall::WaitForPiecesRead(std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this, count] { return pieces_read_ >= count; });
}
void ProviderCall::WaitForRelease() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return released_; });
}

FakeProvider::FakeProvider() { table.openai = Base("https://provider.test/v1"); }

void FakeProvider::OnCall(std::function<void(ProviderCall&)> answer) {
  std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
}
CallPtr FakeProvider::Next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !waiting_.empty(); });
  CallPtr call = std::move(waiting_.front());
  waiting_.pop_front();
  return call;
}
std::size_t FakeProvider::calls() const {
  std::lock_guard lock(mutex_);
  return calls_;
}
void FakeProvider::Arrived(const CallPtr& call) {
  std::function<void(ProviderCall&)> answer;
  {
    std::lock_guard lock(mutex_);
    ++calls_;
    answer = answer_;
    if (!answer) waiting_.push_back(call);
    changed_.notify_all();
  }
  if (answer) answer(*call);
}

http::Task<Result<std::unique_ptr<upstream::Reply>>> FakeUpstream::Send(const upstream::Call& asked, http::CallHandle* handle) {
  auto call = std::make_shared<ProviderCall>();
  call->method = asked.method;
  call->target = asked.target;
  call->provider = asked.provider;
  call->decode = asked.decode;
  call->upgrade = asked.upgrade;
  for (const http::Header& header : asked.headers) call->headers.emplace_back(header.name, header.value);
  for (std::string_view piece : asked.body) call->body.append(piece);
  if (asked.source) {
    for (;;) {
      auto piece = co_await asked.source();
      if (!piece) co_return std::unexpected(piece.error());
      if (piece->empty()) break;
      call->body.append(*piece);
    }
  }
  http::Signal signal(io_);
  call->SetWaker(signal.Notifier());
  if (handle != nullptr) {
    if (handle->cancelled()) co_return Fail(ErrorCode::kCancelled, "cancelled");
    handle->OnCancel([call] { call->Cancel(); });
  }
  provider_.Arrived(call);
  Result<std::unique_ptr<upstream::Reply>> result = Fail(ErrorCode::kCancelled, "cancelled");
  while (!call->cancelled()) {
    if (auto action = call->Pop()) {
      if (action->kind == ProviderCall::Action::Kind::kFail) {
        result = Fail(action->code, "as the test says");
      } else {
        result = std::make_unique<FakeReply>(io_, call, action->status, std::move(action->fields), action->length);
      }
      break;
    }
    static_cast<void>(co_await signal.Wait());
  }
  if (handle != nullptr) handle->OnCancel(nullptr);
  co_return result;
}

}  // namespace reflex::gateway::testing
