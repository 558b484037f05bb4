#pragma once

#include <sys/uio.h>

#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/detail/client_tls.h"
#include "http/detail/head_parser.h"
#include "http/detail/waker.h"
#include "http/io_thread.h"
#include "http/task.h"
#include "reflex/result.h"

namespace reflex::http {

class ClientPool;
struct OriginPool;

// One connection of the client, from before it is resolved until it is closed.
//
// Operation: reads and writes never wait. StartRead asks for more bytes and Flush hands bytes to the socket; where they cannot go
// on, completion handlers wake the coroutine that sleeps in waker(), which looks at the state and decides. So one coroutine can
// wait for the reply while it sends, a limit or a Cancel only sets a flag, and an idle connection's outstanding read is what
// notices that the server closed it and later is the read of the next reply's head: no peek, no second wait. Concurrency: one I/O
// thread. Held by shared_ptr: outstanding operations keep it alive.
class ClientConnection final : public Deadline, public std::enable_shared_from_this<ClientConnection> {
 public:
  enum class ReadState { kOpen, kEnd, kCut };
  enum class WriteStep { kDone, kBlocked, kFailed };

  ClientConnection(IoThread& io, ClientPool& pool, OriginPool& origin);
  ~ClientConnection();
  ClientConnection(const ClientConnection&) = delete;
  ClientConnection& operator=(const ClientConnection&) = delete;

  // Resolves, connects, asks the proxy, shakes hands, within the connect limit. client_connect.cc.
  Task<Result<void>> Open();

  // Received and not yet consumed. Valid until the next StartRead.
  std::string_view buffered() const { return {buffer_.get() + begin_, end_ - begin_}; }
  void Consume(std::size_t bytes) { begin_ += bytes; }
  // The same bytes, to be changed in place. `view` lies inside buffered().
  char* Writable(std::string_view view) { return buffer_.get() + (view.data() - buffer_.get()); }
  // Asks for more bytes. True if they, or the end, are there already.
  bool StartRead();
  ReadState read_state() const { return read_state_; }
  // Bytes received since it connected.
  std::uint64_t received() const { return received_; }

  // Adds bytes to what Flush sends; `head` is copied, the pieces must live until it is done.
  void Queue(std::string_view head, std::span<const std::string_view> pieces);
  // Hands the socket what it takes.
  WriteStep Flush();
  // Wakes write_waker(), or waker() if nobody sleeps there, when the socket may take more.
  void AwaitWritable();

  Waker& waker() { return waker_; }
  Waker& write_waker() { return write_waker_; }
  // Limits the sleeps that follow, up to the next Arm.
  void Arm(SteadyTime limit);
  // No limit from now on; one that has run out already is still reported.
  void Disarm();
  // Why a sleeper must give up, if it must.
  std::optional<ErrorCode> interrupted() const;

  // The coroutine that uses this connection is to give up. Wakes it through the queue, not at once.
  void Cancel();
  void WakeSoon();
  void Close();
  bool is_open() const { return socket_.is_open(); }

  // Idle from now on, in the pool, until `until`.
  void Park(SteadyTime until);
  // Taken from the pool. False if the peer has closed it or sent something that nobody asked for.
  bool Unpark();
  // Asks the socket itself whether the peer closed.
  bool ClosedByPeer() const;
  // The pool is going away: whoever sleeps is destroyed, and so will this be.
  void Shutdown();

  IoThread& io() { return io_; }
  ClientPool* pool() { return pool_; }
  // What messages call the server; also after the pool is gone.
  const std::string& peer() const { return peer_; }
  OriginPool* origin() { return origin_; }
  SteadyTime born() const { return born_; }
  SteadyTime idle_until() const { return idle_until_; }

 private:
  using Socket = boost::asio::basic_stream_socket<boost::asio::ip::tcp, boost::asio::io_context::executor_type>;

  void Expire() override;
  void OnRead(const boost::system::error_code& error, std::size_t bytes);
  void Received(std::size_t bytes);
  bool ReadTls();
  void AwaitTls(Socket::wait_type what);
  void ReadStateChanged();
  void MakeRoom();
  WriteStep FlushPlain();
  WriteStep FlushTls();
  void Sent(std::size_t bytes);

  // client_connect.cc
  Task<Result<void>> ConnectToAny(const std::string& host, std::uint16_t port, SteadyTime limit);
  Task<Result<void>> ConnectTo(const boost::asio::ip::tcp::endpoint& endpoint);
  Task<Result<void>> AskProxyForTunnel();
  Task<Result<void>> ShakeHands();
  void AwaitSocket(Socket::wait_type what);
  Error GiveUp() const;

  IoThread& io_;
  ClientPool* pool_;
  const std::string peer_;
  OriginPool* origin_;
  Socket socket_;
  std::unique_ptr<TlsStream> tls_;
  Waker waker_, write_waker_;

  std::unique_ptr<char[]> buffer_;
  std::size_t capacity_ = 0, begin_ = 0, end_ = 0;
  bool filled_ = false;  // The last read took all the room there was.
  bool reading_ = false;
  ReadState read_state_ = ReadState::kOpen;
  std::uint64_t received_ = 0;

  std::string head_;  // What Queue copied.
  std::vector<iovec> pieces_;
  std::size_t piece_ = 0;  // The first one not sent.
  bool awaiting_writable_ = false;

  bool idle_ = false;
  bool cancelled_ = false, timed_out_ = false;
  std::uint32_t arming_ = 0;
  std::uint32_t attempt_ = 0;              // Of connecting; handlers of an earlier one are ignored.
  bool event_ = false;                     // The operation that connecting waits for has ended,
  boost::system::error_code event_error_;  // and how.
  SteadyTime born_, idle_until_;
};

using ConnectionPtr = std::shared_ptr<ClientConnection>;

}  // namespace reflex::http
