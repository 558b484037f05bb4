#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "http/client.h"
#include "http/io_thread.h"
#include "upstream/upstream.h"

namespace reflex::gateway::testing {

using Fields = std::vector<std::pair<std::string, std::string>>;

// One call as a provider sees it. The test answers from any thread; the gateway reads on the thread that asked.
class ProviderCall {
 public:
  // What was asked.
  std::string method, target, body;
  Fields headers;
  upstream::Provider provider = upstream::Provider::kOpenAi;
  bool decode = false, upgrade = false;
  std::string Header(std::string_view name) const;

  // The answer, in this order: Head, Piece*, (End | Fail); or Fail alone.
  ProviderCall& Head(int status, Fields fields = {{"content-type", "application/json"}}, std::optional<std::uint64_t> length = {});
  ProviderCall& Piece(std::string bytes);
  ProviderCall& End();
  ProviderCall& Fail(ErrorCode code);
  // All of it at once.
  void Json(int status, std::string body, Fields fields = {});
  // Events, each "data: …\n\n".
  ProviderCall& EventHead(Fields fields = {});

  // Until the gateway has cancelled the call or dropped the reply before its end; false when it ended first.
  bool WaitForCancel();
  bool cancelled() const;
  // How many pieces were read so far; and until that many were.
  std::size_t pieces_read() const;
  void WaitForPiecesRead(std::size_t count);
  // Until the reply object is gone.
  void WaitForRelease();

 private:
  friend class FakeUpstream;
  friend class FakeReply;
  struct Action {
    enum class Kind { kHead, kPiece, kEnd, kFail } kind;
    int status = 0;
    Fields fields;
    std::optional<std::uint64_t> length;
    std::string bytes;
    ErrorCode code = ErrorCode::kInternal;
  };
  ProviderCall& Push(Action action);
  std::optional<Action> Pop();
  void Cancel();
  void SetWaker(std::function<void()> waker);
  void Release(bool ended);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Action> actions_;
  std::function<void()> waker_;
  bool cancelled_ = false, released_ = false;
  std::size_t pieces_read_ = 0;
};

using CallPtr = std::shared_ptr<ProviderCall>;

// What the fake upstreams of all threads have behind them. Thread-safe.
class FakeProvider {
 public:
  FakeProvider();

  // Answers calls as they come, on the thread that asks; without it the test answers what Next gives.
  void OnCall(std::function<void(ProviderCall&)> answer);
  // The next call, waited for.
  CallPtr Next();
  // All calls so far.
  std::size_t calls() const;

  upstream::ProviderTable table;

 private:
  friend class FakeUpstream;
  void Arrived(const CallPtr& call);

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::function<void(ProviderCall&)> answer_;
  std::deque<CallPtr> waiting_;
  std::size_t calls_ = 0;
};

// One thread's way to the provider.
class FakeUpstream final : public upstream::Upstream {
 public:
  FakeUpstream(http::IoThread& io, FakeProvider& provider) : io_(io), provider_(provider) {}

  http::Task<Result<std::unique_ptr<upstream::Reply>>> Send(const upstream::Call& call, http::CallHandle* handle) override;
  const upstream::ProviderTable& providers() const override { return provider_.table; }

 private:
  http::IoThread& io_;
  FakeProvider& provider_;
};

}  // namespace reflex::gateway::testing
