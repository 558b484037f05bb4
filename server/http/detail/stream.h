#pragma once

#include <sys/uio.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/error_code.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <tuple>

#include "http/task.h"
#include "reflex/result.h"

namespace reflex::http {

using Executor = boost::asio::io_context::executor_type;
// One type for TCP and unix sockets, bound to io_context's own executor.
using Socket = boost::asio::basic_stream_socket<boost::asio::generic::stream_protocol, Executor>;
inline constexpr boost::asio::use_awaitable_t<Executor> kAwait;
// The operation's results as a tuple, the error code first, instead of an exception.
inline constexpr boost::asio::as_tuple_t<boost::asio::use_awaitable_t<Executor>> kAwaitTuple{kAwait};

// Hears of every part of a long write that went out, to move its deadline.
class WriteObserver {
 public:
  virtual void Wrote(std::size_t bytes) = 0;

 protected:
  ~WriteObserver() = default;
};

// A connected byte stream: a TCP or unix socket, or TLS over one. Used on its I/O thread. At most one Read and one Write at a time;
// the two may overlap. Never moves.
class Stream {
 public:
  // What an operation ended with, and the bytes it moved. For ToError.
  using IoResult = std::tuple<boost::system::error_code, std::size_t>;
  using Tls = boost::asio::ssl::stream<Socket&>;

  // `socket` is open; connected now or by its user before the first Read or Write.
  explicit Stream(Socket socket);
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  Socket& socket() { return socket_; }

  // Puts TLS over the stream; no bytes move before the handshake. A client sets the server's name and verification on tls()
  // in between. The context outlives the stream.
  void UseTls(boost::asio::ssl::context& context);
  bool is_tls() const { return tls_ != nullptr; }
  Tls& tls() { return *tls_; }
  // Returns: as ToError; kProtocol with OpenSSL's reason.
  Task<Result<void>> Handshake(boost::asio::ssl::stream_base::handshake_type type);

  // At least one byte, as soon as there is one; 0 bytes without an error is the peer's clean end. One coroutine frame: the hot path
  // of a server awaits this itself. `size` is not 0.
  Task<IoResult> ReadRaw(char* data, std::size_t size);
  // The same as a Result. Returns: as ToError; kClosed for TLS cut off without its ending alert.
  Task<Result<std::size_t>> Read(char* data, std::size_t size);

  // Hands the socket what it takes at once; returns how many bytes, perhaps 0. Not for TLS.
  Result<std::size_t> TryWrite(std::span<const iovec> pieces);
  // Returns when all pieces were taken. They and what they point to live until then, as does `observer`, which may be null.
  // Returns: as ToError.
  Task<Result<void>> Write(std::span<const std::string_view> pieces, WriteObserver* observer = nullptr);

  // Ends waiting reads and writes with kCancelled. The stream can still be used (TLS: to close it).
  void Cancel();
  // Sends the end of our bytes, so that the peer sees it after the last byte. TLS sends its ending alert and waits for the peer's:
  // give it a limit by Cancel.
  Task<void> ShutdownWrite();
  // Closes at once; waiting operations end with kCancelled.
  void Close();
  bool open() const { return socket_.is_open(); }

  // kCancelled (Cancel or Close here), kClosed (the peer closed or reset, the network failed), kProtocol (TLS), with a message.
  // A clean end is kClosed here; Read reports it as 0 bytes.
  static Error ToError(const boost::system::error_code& error);
  static bool IsCleanEnd(const boost::system::error_code& error);

 private:
  Task<Result<void>> WriteTls(std::span<const std::string_view> pieces, WriteObserver* observer);

  Socket socket_;
  std::unique_ptr<Tls> tls_;
};

}  // namespace reflex::http
