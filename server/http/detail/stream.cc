#include "http/detail/stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <cerrno>
#include <climits>
#include <string>

namespace reflex::http {
namespace {

namespace asio = boost::asio;
constexpr std::size_t kPiecesMax = 32;  // A waiting write's frame holds this many vectors.

// Fills `out` with the pieces from byte `skip` on; returns how many entries that took.
std::size_t ToVectors(std::span<const std::string_view> pieces, std::size_t skip, std::array<iovec, kPiecesMax>& out) {
  std::size_t count = 0;
  for (std::string_view piece : pieces) {
    const std::size_t here = std::min(skip, piece.size());
    skip -= here;
    piece.remove_prefix(here);
    if (piece.empty()) continue;
    if (count == out.size()) break;
    out[count++] = {const_cast<char*>(piece.data()), piece.size()};  // iovec serves readv too.
  }
  return count;
}

}  // namespace

Stream::Stream(Socket socket) : socket_(std::move(socket)) {}

Stream::~Stream() = default;

void Stream::UseTls(asio::ssl::context& context) { tls_ = std::make_unique<Tls>(socket_, context); }

Task<Result<void>> Stream::Handshake(asio::ssl::stream_base::handshake_type type) {
  const auto [error] = co_await tls_->async_handshake(type, kAwaitTuple);
  if (error) co_return std::unexpected(ToError(error));
  co_return Result<void>();
}

Task<Stream::IoResult> Stream::ReadRaw(char* data, std::size_t size) {
  if (tls_ != nullptr) return tls_->async_read_some(asio::buffer(data, size), kAwaitTuple);
  return socket_.async_read_some(asio::buffer(data, size), kAwaitTuple);
}

Task<Result<std::size_t>> Stream::Read(char* data, std::size_t size) {
  const auto [error, bytes] = co_await ReadRaw(data, size);
  if (!error) co_return bytes;
  if (IsCleanEnd(error)) co_return std::size_t{0};
  co_return std::unexpected(ToError(error));
}

Result<std::size_t> Stream::TryWrite(std::span<const iovec> pieces) {
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg only reads them.
  message.msg_iovlen = std::min<std::size_t>(pieces.size(), IOV_MAX);
  for (;;) {
    const ssize_t sent = ::sendmsg(socket_.native_handle(), &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN || errno == EWOULDBLOCK) return std::size_t{0};
    if (errno != EINTR) return std::unexpected(ToError(boost::system::error_code(errno, boost::system::system_category())));
  }
}

Task<Result<void>> Stream::Write(std::span<const std::string_view> pieces, WriteObserver* observer) {
  if (tls_ != nullptr) co_return co_await WriteTls(pieces, observer);
  std::array<iovec, kPiecesMax> vectors;
  std::size_t sent = 0;
  while (const std::size_t count = ToVectors(pieces, sent, vectors)) {
    const Result<std::size_t> taken = TryWrite(std::span(vectors).first(count));
    if (!taken) co_return std::unexpected(taken.error());
    sent += *taken;
    if (*taken > 0 && observer != nullptr) observer->Wrote(*taken);
    std::size_t offered = 0;
    for (std::size_t i = 0; i < count; ++i) offered += vectors[i].iov_len;
    if (*taken == offered) continue;
    const auto [error] = co_await socket_.async_wait(Socket::wait_write, kAwaitTuple);
    if (error) co_return std::unexpected(ToError(error));
  }
  co_return Result<void>();
}

// TLS takes one run of bytes at a time, so small pieces are joined: a record each would cost more than the copy.
Task<Result<void>> Stream::WriteTls(std::span<const std::string_view> pieces, WriteObserver* observer) {
  constexpr std::size_t kRecordBytes = 16 << 10;
  std::string joined;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    std::string_view piece = pieces[i];
    if (piece.size() < kRecordBytes) {
      joined.append(piece);
      piece = {};
      if (i + 1 < pieces.size() && joined.size() < kRecordBytes) continue;
    }
    const std::array<std::string_view, 2> parts = {joined, piece};
    for (std::string_view part : parts) {
      while (!part.empty()) {
        const auto [error, bytes] = co_await tls_->async_write_some(asio::buffer(part.data(), part.size()), kAwaitTuple);
        if (error) co_return std::unexpected(ToError(error));
        part.remove_prefix(bytes);
        if (observer != nullptr) observer->Wrote(bytes);
      }
    }
    joined.clear();
  }
  co_return Result<void>();
}

void Stream::Cancel() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

Task<void> Stream::ShutdownWrite() {
  if (tls_ != nullptr) co_await tls_->async_shutdown(kAwaitTuple);
  boost::system::error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

void Stream::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

Error Stream::ToError(const boost::system::error_code& error) {
  if (error == asio::error::operation_aborted) return {ErrorCode::kCancelled, "cancelled"};
  if (error.category() == asio::error::get_ssl_category()) return {ErrorCode::kProtocol, "TLS: " + error.message()};
  if (error == asio::ssl::error::stream_truncated) return {ErrorCode::kClosed, "the TLS connection was cut off"};
  if (IsCleanEnd(error)) return {ErrorCode::kClosed, "the connection was closed"};
  return {ErrorCode::kClosed, error.message()};
}

bool Stream::IsCleanEnd(const boost::system::error_code& error) { return error == asio::error::eof; }

}  // namespace reflex::http
