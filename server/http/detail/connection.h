#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "http/detail/buffer.h"
#include "http/detail/chunked.h"
#include "http/detail/server_thread.h"
#include "http/detail/stream.h"
#include "http/exchange.h"
#include "http/io_thread.h"

namespace reflex::http {

// One connection of the server, and its exchanges one after the other. Lives in the coroutine that Serve starts; used on its
// thread. Memory while idle: the object, a 4 KiB buffer and the waiting coroutine.
class Connection final : public Exchange, private ReadyExchange, private Deadline, private WriteObserver {
 public:
  struct Origin {
    std::string peer;
    ServerTls tls;  // Null for plain text.
    bool admin = false;
    bool over_limit = false;  // Answers 503 to whatever comes.
  };
  Connection(std::shared_ptr<ServerThread> home, Socket socket, Origin origin);
  ~Connection();

  // Runs the connection to its end, and destroys it.
  static Task<void> Serve(std::unique_ptr<Connection> connection);

  // For the thread: closes it unless an exchange is running or a request has begun; that one is its last.
  void Drain();
  // Closes it at once.
  void Cut();
  bool over_limit() const { return origin_.over_limit; }

  const RequestHead& request() const override { return head_; }
  IoThread& io() override { return home_->io; }
  std::string_view peer() const override { return origin_.peer; }
  bool admin_listener() const override { return origin_.admin; }
  Task<Result<std::string_view>> ReadBody() override;
  Task<Result<std::string_view>> ReadSome() override;
  Task<Result<void>> Send(const ReplyHead& head, std::span<const std::string_view> body) override;
  Task<Result<void>> Begin(const ReplyHead& head, std::optional<std::uint64_t> content_length) override;
  Task<Result<void>> Write(std::span<const std::string_view> pieces) override;
  Task<Result<void>> Flush() override;
  Task<Result<void>> End() override;
  void Abort() override;
  bool begun() const override { return begun_; }
  std::uint64_t bytes_sent() const override { return bytes_sent_; }
  std::string_view request_bytes() const override { return alone_ ? received_ : std::string_view(); }
  void OnDisconnect(std::function<void()> left) override;
  Task<Result<void>> Tunnel(ClientReply& upstream) override;

 private:
  friend class ServerThread;  // The list of connections.
  struct TunnelState;
  enum class Step { kRequest, kRefuse, kClose };

  // connection.cc: the life of the connection.
  Task<void> Run();
  Task<bool> StartTls();
  Task<Step> ReadHead();
  Step Refuse(int status, const char* message);
  Step TakeHead(std::size_t head_bytes);
  bool AnswerKnown();
  void MakeRoom();
  Task<void> ServeRequest();
  Task<void> SendBodyRefusal();
  Task<void> Linger();
  Task<void> JoinWatch();
  void ResetExchange();
  void Expire() override;
  void Arm(std::chrono::milliseconds limit);
  void Disarm();

  // connection_read.cc: bytes and bodies.
  void TookIn(Buffer& buffer, std::size_t bytes);
  void ReadFailed();
  Error ReadError() const;
  Error TooLarge() const;
  std::unexpected<Error> BodyError(Error error);
  void KeepHead(std::size_t capacity);
  Task<Result<void>> Fill();
  Task<void> FillFromWatch();
  Task<void> Watch();
  Task<Result<void>> StartBody();
  Task<Result<void>> ReadPlainBody(std::uint64_t length);
  Task<Result<void>> ReadIntoBody();
  Task<Result<void>> ReadChunkedBody();
  Task<Result<std::string_view>> DecodeSome();
  bool CanDropBody() const;
  Task<void> DropBody();
  Result<void> GrowBody(std::uint64_t capacity);
  void FreeBody();

  // connection_reply.cc
  enum class Length { kKnown, kChunked, kUntilClose };
  bool BodyAllowed(int status) const;
  void FormatHead(const ReplyHead& head, Length length, std::uint64_t content_length, std::string& out);
  std::string_view bytes() const override { return in_.view(); }
  void SendNow(const ReplyHead& head, std::span<const std::string_view> body) override;
  Result<std::size_t> TrySend(std::string_view head, std::span<const std::string_view> body);
  Task<Result<void>> SendPieces(std::span<const std::string_view> pieces);
  Task<Result<void>> SendRest(std::string head, std::span<const std::string_view> body, std::size_t skip);
  Task<void> SendRefusal(int status, std::string_view message);
  std::unexpected<Error> WriteFailed(Error error);
  void Wrote(std::size_t bytes) override;

  // connection_tunnel.cc
  void CutTunnel();
  std::chrono::milliseconds WriteLimit() const;
  Task<void> TunnelUp(TunnelState& state);
  Task<Result<void>> TunnelDown(TunnelState& state);
  Task<Result<void>> FillTunnel();

  std::shared_ptr<ServerThread> home_;
  Connection* previous_ = nullptr;
  Connection* next_ = nullptr;
  Origin origin_;
  Stream stream_;
  Buffer in_;
  Buffer held_;  // Where the head's views point after reading went on in another buffer.
  RequestHead head_;
  std::string_view received_;  // What the first read of this request brought.

  // The request's body.
  BodyBuffer body_;
  std::uint64_t body_left_ = 0;  // With Content-Length: bytes not yet taken from in_.
  ChunkedDecoder decoder_;

  // The reply.
  std::string pending_;  // A head that waits for the first piece, or what SendNow could not send.
  std::uint64_t bytes_sent_ = 0;
  std::optional<std::uint64_t> reply_left_;  // Of an announced length.

  // Reading while a handler waits.
  std::function<void()> left_;
  std::unique_ptr<Signal> watch_news_;
  TunnelState* tunnel_ = nullptr;

  int refusal_status_ = 0;
  const char* refusal_message_ = "";
  std::optional<Error> body_error_;  // What reading the body ended with.

  bool idle_ = false;         // Between requests.
  bool alone_ = false;        // received_ is one whole request that AnswerKnown could have been asked for.
  bool served_ = false;       // At least one request.
  bool expired_ = false;      // The deadline cancelled what was waiting.
  bool close_after_ = false;  // No further request on this connection.
  bool linger_ = false;       // The peer may still be sending: closing at once would destroy the reply on its way.
  bool body_done_ = false;
  bool continue_pending_ = false;
  bool begun_ = false;
  bool ended_ = false;
  bool aborted_ = false;
  bool chunked_reply_ = false;
  bool bodyless_reply_ = false;
  bool watching_ = false;  // Watch runs.
  bool peer_gone_ = false;
};

}  // namespace reflex::http
