#include "http/client.h"

#include <cstdio>
#include <utility>

#include "http/detail/client_connection.h"
#include "http/detail/client_head.h"
#include "http/detail/client_pool.h"
#include "http/detail/client_reply.h"

namespace reflex::http {
namespace {

using ReplyResult = Result<std::unique_ptr<ClientReply>>;

Error Cancelled() { return {ErrorCode::kCancelled, "the call was cancelled"}; }

// While a Send waits, its handle cancels the connection it waits on.
class CancelScope {
 public:
  CancelScope(CallHandle* handle, ClientConnection& connection) : handle_(handle) {
    if (handle_ != nullptr) handle_->OnCancel([&connection] { connection.Cancel(); });
  }
  ~CancelScope() {
    if (handle_ != nullptr) handle_->OnCancel({});
  }
  CancelScope(const CancelScope&) = delete;
  CancelScope& operator=(const CancelScope&) = delete;

 private:
  CallHandle* handle_;
};

// The request of one exchange, on its way out.
class Sender {
 public:
  Sender(ClientConnection& connection, const ClientRequest& request, const ClientOptions& options)
      : connection_(connection), request_(request), options_(options), left_(request.source_length.value_or(0)) {}

  // Sends what is queued, then the source's pieces. True when all of it was sent; false when there is no sense in going on: a reply
  // that will not change came first, or the connection ended, which reading shows.
  Task<Result<bool>> Run() {
    for (bool last = !request_.source;;) {
      REFLEX_CO_TRY(const bool sent, co_await FlushAll());
      if (!sent || last) co_return sent;
      connection_.Arm(SteadyTime::max());        // The source has its own limits.
      if (!answering_) connection_.StartRead();  // A refusal may come while the source has nothing.
      REFLEX_CO_TRY(const std::string_view piece, co_await request_.source());
      if (connection_.interrupted()) co_return std::unexpected(Cancelled());
      if (Answered()) co_return false;
      last = piece.empty();
      REFLEX_CO_CHECK(QueuePiece(piece));
    }
  }

 private:
  Task<Result<bool>> FlushAll() {
    for (;;) {
      const ClientConnection::WriteStep step = connection_.Flush();
      if (step != ClientConnection::WriteStep::kBlocked) co_return step == ClientConnection::WriteStep::kDone;
      if (Answered()) co_return false;
      if (!answering_ && connection_.StartRead()) continue;
      connection_.AwaitWritable();
      connection_.Arm(connection_.io().now() + options_.timeouts.between_bytes);
      co_await connection_.waker().Wait();
      if (const auto why = connection_.interrupted()) {
        if (*why == ErrorCode::kCancelled) co_return std::unexpected(Cancelled());
        co_return Fail(*why, connection_.peer() + " took no more of the request for too long");
      }
    }
  }

  // Whether what was received settles the matter. A reply of success may begin early and still want the rest of the request.
  bool Answered() {
    if (answering_) return false;
    ResponseHead head;
    const auto found = FindHead(connection_, options_.head_bytes_max, head);
    if (!found || (*found != 0 && head.status >= 300)) return true;
    answering_ = *found != 0;
    return connection_.read_state() != ClientConnection::ReadState::kOpen;
  }

  Result<void> QueuePiece(std::string_view piece) {
    if (request_.source_length) {
      if (piece.empty() && left_ != 0) return Fail(ErrorCode::kClosed, "the request's body ended too early");
      if (piece.size() > left_) return Fail(ErrorCode::kInvalidArgument, "the request's body is longer than was said");
      left_ -= piece.size();
      connection_.Queue({}, {&piece, 1});
      return {};
    }
    if (piece.empty()) {
      connection_.Queue("0\r\n\r\n", {});
      return {};
    }
    char size[24];
    const int length = std::snprintf(size, sizeof size, "%zx\r\n", piece.size());
    const std::string_view pieces[] = {piece, "\r\n"};
    connection_.Queue({size, static_cast<std::size_t>(length)}, pieces);
    return {};
  }

  ClientConnection& connection_;
  const ClientRequest& request_;
  const ClientOptions& options_;
  std::uint64_t left_;
  bool answering_ = false;
};

class PooledClient final : public Client {
 public:
  explicit PooledClient(std::unique_ptr<ClientPool> pool) : pool_(std::move(pool)) {}

  Task<ReplyResult> Send(const ClientRequest& request, CallHandle* handle) override {
    OriginPool& origin = pool_->For(*request.origin);
    for (bool fresh = false;; fresh = true) {
      if (handle != nullptr && handle->cancelled()) co_return std::unexpected(Cancelled());
      ConnectionPtr connection = fresh ? nullptr : pool_->TakeIdle(origin, static_cast<bool>(request.source));
      const bool pooled = connection != nullptr;
      if (!pooled) connection = pool_->NewConnection(origin);
      const CancelScope scope(handle, *connection);
      if (!pooled) REFLEX_CO_CHECK(co_await connection->Open());

      const std::uint64_t received = connection->received();
      ReplyResult reply = co_await Exchange(connection, request, origin);
      if (reply) co_return reply;
      connection->Close();
      const bool again =
          pooled && reply.error().code == ErrorCode::kClosed && connection->received() == received && !request.source;
      if (!again) co_return reply;
      pool_->CountRetry();
    }
  }

 private:
  Task<ReplyResult> Exchange(const ConnectionPtr& connection, const ClientRequest& request, const OriginPool& origin) {
    const ClientOptions& options = pool_->options();
    REFLEX_CO_CHECK(WriteRequestHead(request, origin, head_));
    connection->Queue(head_, request.body);
    bool sent = true;
    if (request.source || connection->Flush() != ClientConnection::WriteStep::kDone) {
      Sender sender(*connection, request, options);
      REFLEX_CO_TRY(sent, co_await sender.Run());
    }
    connection->Arm(connection->io().now() + options.timeouts.first_byte);
    ResponseHead head;
    for (;;) {
      REFLEX_CO_TRY(const std::size_t head_bytes, FindHead(*connection, options.head_bytes_max, head));
      if (head_bytes != 0) {
        connection->Disarm();
        co_return ConnectionReply::Create(connection, head, head_bytes, request, sent);
      }
      if (connection->read_state() != ClientConnection::ReadState::kOpen) {
        co_return Fail(ErrorCode::kClosed, connection->peer() + " closed the connection before it answered");
      }
      if (!connection->StartRead()) co_await connection->waker().Wait();
      if (const auto why = connection->interrupted()) {
        if (*why == ErrorCode::kCancelled) co_return std::unexpected(Cancelled());
        co_return Fail(*why, connection->peer() + " did not answer in time");
      }
    }
  }

  std::unique_ptr<ClientPool> pool_;
  std::string head_;  // Only used between two suspensions.
};

}  // namespace

Result<std::unique_ptr<Client>> Client::Create(ClientOptions options, IoThread& io, base::WorkerPool& pool,
                                               base::MetricsRegistry& metrics) {
  REFLEX_TRY(auto connections, ClientPool::Create(std::move(options), io, pool, metrics));
  return std::make_unique<PooledClient>(std::move(connections));
}

}  // namespace reflex::http
