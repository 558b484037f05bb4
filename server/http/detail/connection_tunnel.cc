// Connection: after an upstream's 101, bytes both ways.
#include <array>
#include <utility>

#include "http/client.h"
#include "http/detail/connection.h"

namespace reflex::http {

// Both directions of one tunnel. Whatever ends one ends the other.
struct Connection::TunnelState {
  TunnelState(ClientReply& reply, IoThread& io) : upstream(reply), up_ended(io) {}

  ClientReply& upstream;
  Signal up_ended;
  bool up_running = true;
};

void Connection::CutTunnel() {
  if (tunnel_ != nullptr) tunnel_->upstream.Cancel();
}

std::chrono::milliseconds Connection::WriteLimit() const {
  const ServerOptions& options = home_->core->options;
  return tunnel_ != nullptr ? options.tunnel_idle_timeout : options.write_timeout;
}

Task<Result<void>> Connection::Tunnel(ClientReply& upstream) {
  begun_ = ended_ = close_after_ = true;
  left_ = nullptr;  // Leaving is seen by the reads from here on.
  std::string head = "HTTP/1.1 101 Switching Protocols\r\n";
  const std::string_view connection = HeaderValue(upstream.headers(), "connection");
  for (const Header& header : upstream.headers()) {
    const bool upgrade = EqualsIgnoringCase(header.name, "upgrade");
    if (!upgrade && IsHopByHop(header.name, connection)) continue;
    if (EqualsIgnoringCase(header.name, "content-length")) continue;
    head.append(header.name).append(": ").append(header.value).append("\r\n");
  }
  head.append("Connection: upgrade\r\n\r\n");
  const std::array<std::string_view, 1> pieces = {head};
  REFLEX_CO_CHECK(co_await SendPieces(pieces));

  TunnelState state(upstream, home_->io);
  tunnel_ = &state;
  Arm(WriteLimit());
  home_->io.Spawn(TunnelUp(state));
  Result<void> ended = co_await TunnelDown(state);
  const bool upstream_ended = ended.has_value() && !peer_gone_;
  stream_.Cancel();
  while (state.up_running) co_await state.up_ended.Wait();
  if (expired_) ended = Fail(ErrorCode::kTimeout, "the tunnel was idle for too long");
  if (upstream_ended) {
    peer_gone_ = false;  // Said by the cancelled read; the client is still to receive the last bytes.
    linger_ = true;
  }
  tunnel_ = nullptr;
  Disarm();
  co_return ended;
}

Task<Result<void>> Connection::TunnelDown(TunnelState& state) {
  for (;;) {
    const Result<std::string_view> piece = co_await state.upstream.Read();
    if (!piece && !peer_gone_) co_return std::unexpected(piece.error());
    if (!piece || piece->empty()) co_return Result<void>();
    const std::array<std::string_view, 1> pieces = {*piece};
    REFLEX_CO_CHECK(co_await SendPieces(pieces));
    bytes_sent_ += piece->size();
  }
}

// From the client to the upstream, beside TunnelDown.
Task<void> Connection::TunnelUp(TunnelState& state) {
  while (!peer_gone_ && !expired_ && !aborted_) {
    if (in_.empty()) {
      const Result<void> filled = co_await FillTunnel();
      if (!filled) break;
    }
    const Result<void> written = co_await state.upstream.Write(in_.view());
    if (!written) break;
    in_.Consume(in_.size());
    ExpireAt(home_->io.now() + WriteLimit());
  }
  state.upstream.Cancel();
  state.up_running = false;
  state.up_ended.Notify();
}

Task<Result<void>> Connection::FillTunnel() {
  if (watching_) {
    co_await FillFromWatch();
  } else {
    if (held_.capacity() == 0) KeepHead(16 << 10);
    in_.Clear();
    const auto [error, bytes] = co_await stream_.ReadRaw(in_.tail(), in_.tail_size());
    error ? ReadFailed() : TookIn(in_, bytes);
  }
  if (in_.empty() && (peer_gone_ || expired_)) co_return Fail(ErrorCode::kClosed, "the client closed the tunnel");
  co_return Result<void>();
}

}  // namespace reflex::http
