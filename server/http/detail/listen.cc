#include "http/detail/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

namespace reflex::http {
namespace {

constexpr int kBacklog = 4096;
constexpr const char* kAllowed = "allowed are \"127.0.0.1:8080\", \"[::1]:8080\", \":8080\" (all addresses) and \"unix:/path\"";

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  bool both_families = false;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr_in& v4() { return reinterpret_cast<sockaddr_in&>(storage); }
  sockaddr_in6& v6() { return reinterpret_cast<sockaddr_in6&>(storage); }
  const sockaddr_in& v4() const { return reinterpret_cast<const sockaddr_in&>(storage); }
  const sockaddr_in6& v6() const { return reinterpret_cast<const sockaddr_in6&>(storage); }
  std::uint16_t port() const { return ntohs(storage.ss_family == AF_INET ? v4().sin_port : v6().sin6_port); }
  void set_port(std::uint16_t port) { (storage.ss_family == AF_INET ? v4().sin_port : v6().sin6_port) = htons(port); }
};

std::unexpected<Error> BadAddress(std::string_view text) {
  return Fail(ErrorCode::kInvalidArgument, "cannot listen at \"" + std::string(text) + "\": " + kAllowed);
}

std::unexpected<Error> SystemError(std::string_view what, std::string_view address, int error) {
  const ErrorCode code = error == EADDRINUSE ? ErrorCode::kBusy : ErrorCode::kIo;
  return Fail(code, std::string(what) + " " + std::string(address) + ": " + std::strerror(error));
}

SocketAddress AllAddresses() {
  SocketAddress all;
  all.storage.ss_family = AF_INET6;
  all.v6().sin6_addr = in6addr_any;
  all.length = sizeof(sockaddr_in6);
  all.both_families = true;
  return all;
}

Result<SocketAddress> ParseTcpAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return BadAddress(text);
  const std::string_view port_text = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(port_text.data(), port_text.data() + port_text.size(), port);
  if (error != std::errc() || end != port_text.data() + port_text.size()) return BadAddress(text);

  std::string host(text.substr(0, colon));
  SocketAddress address;
  if (host.empty()) {
    address = AllAddresses();
  } else if (host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    address.storage.ss_family = AF_INET6;
    address.length = sizeof(sockaddr_in6);
    if (inet_pton(AF_INET6, host.c_str(), &address.v6().sin6_addr) != 1) return BadAddress(text);
  } else {
    if (host == "localhost") host = "127.0.0.1";
    address.storage.ss_family = AF_INET;
    address.length = sizeof(sockaddr_in);
    if (inet_pton(AF_INET, host.c_str(), &address.v4().sin_addr) != 1) return BadAddress(text);
  }
  address.set_port(port);
  return address;
}

std::string AddressText(const SocketAddress& address) {
  std::string text = PeerText(address.storage);
  if (address.storage.ss_family == AF_INET6) text = "[" + text + "]";
  return text + ":" + std::to_string(address.port());
}

void SetOption(int descriptor, int level, int option, int value) { setsockopt(descriptor, level, option, &value, sizeof value); }

// A socket bound to the address, which is updated with the port the system chose.
Result<ListenSocket> Bind(SocketAddress& address, bool admin, bool shared_port, std::string_view text) {
  const int descriptor = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SystemError("cannot make a socket for", text, errno);
  ListenSocket socket(descriptor, address.storage.ss_family, admin);
  SetOption(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
  if (shared_port) SetOption(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
  SetOption(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);  // Accepted sockets inherit it.
  if (address.storage.ss_family == AF_INET6) SetOption(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, address.both_families ? 0 : 1);
  if (::bind(descriptor, address.get(), address.length) != 0) return SystemError("cannot listen at", text, errno);
  socklen_t length = sizeof address.storage;
  getsockname(descriptor, reinterpret_cast<sockaddr*>(&address.storage), &length);
  return socket;
}

// The wanted address, or its IPv4 form on a system without IPv6, found free.
Result<SocketAddress> FindFree(const ListenAddress& wanted) {
  REFLEX_TRY(SocketAddress address, ParseTcpAddress(wanted.address));
  // SO_REUSEPORT would let a second program of the same user share the port in silence: ask without it.
  SocketAddress tried = address;
  Result<ListenSocket> probe = Bind(tried, wanted.admin, false, wanted.address);
  if (!probe && probe.error().code == ErrorCode::kIo && address.both_families) {
    REFLEX_TRY(address, ParseTcpAddress("0.0.0.0" + wanted.address));
    tried = address;
    probe = Bind(tried, wanted.admin, false, wanted.address);
  }
  if (!probe) return std::unexpected(probe.error());
  return address;
}

Result<Listening> ListenTcp(const ListenAddress& wanted, std::size_t threads) {
  REFLEX_TRY(SocketAddress address, FindFree(wanted));
  Listening listening;
  for (std::size_t i = 0; i < threads; ++i) {
    REFLEX_TRY(ListenSocket socket, Bind(address, wanted.admin, true, wanted.address));
    listening.sockets.push_back(std::move(socket));
  }
  for (const ListenSocket& socket : listening.sockets) {
    if (::listen(socket.descriptor(), kBacklog) != 0) return SystemError("cannot listen at", wanted.address, errno);
  }
  listening.address = AddressText(address);
  return listening;
}

// Removes a socket file that nobody listens at any more. Returns: kBusy if somebody does or it is another kind of file.
Result<void> RemoveStale(const std::string& path, const SocketAddress& address) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return {};
  if (!S_ISSOCK(found.st_mode))
    return Fail(ErrorCode::kBusy, "cannot listen at unix:" + path + ": there is a file that is no socket");
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SystemError("cannot make a socket for", path, errno);
  const bool refused = ::connect(descriptor, address.get(), address.length) != 0 && errno == ECONNREFUSED;
  ::close(descriptor);
  if (!refused) return Fail(ErrorCode::kBusy, "cannot listen at unix:" + path + ": another program does");
  if (::unlink(path.c_str()) != 0) return SystemError("cannot remove the stale socket", path, errno);
  return {};
}

Result<SocketAddress> ParseUnixAddress(const std::string& path, std::string_view text) {
  SocketAddress address;
  auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
  if (path.empty()) return BadAddress(text);
  if (path.size() >= sizeof local.sun_path) {
    return Fail(ErrorCode::kInvalidArgument,
                "the socket path " + path + " is longer than " + std::to_string(sizeof local.sun_path - 1));
  }
  local.sun_family = AF_UNIX;
  path.copy(local.sun_path, path.size());
  address.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Result<Listening> ListenUnix(const ListenAddress& wanted, std::size_t threads) {
  const std::string path = wanted.address.substr(5);
  REFLEX_TRY(const SocketAddress address, ParseUnixAddress(path, wanted.address));
  REFLEX_CHECK(RemoveStale(path, address));
  const int descriptor = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return SystemError("cannot make a socket for", wanted.address, errno);
  Listening listening{wanted.address, {}, {}};
  listening.sockets.emplace_back(descriptor, AF_UNIX, wanted.admin);
  ::fchmod(descriptor, 0600);  // On Linux the file takes the mode from the socket: it is never open to others.
  if (::bind(descriptor, address.get(), address.length) != 0) return SystemError("cannot listen at", wanted.address, errno);
  struct stat made{};
  if (::lstat(path.c_str(), &made) == 0) listening.files.emplace_back(path, made.st_dev, made.st_ino);
  if (::chmod(path.c_str(), 0600) != 0) return SystemError("cannot protect", wanted.address, errno);
  if (::listen(descriptor, kBacklog) != 0) return SystemError("cannot listen at", wanted.address, errno);
  for (std::size_t i = 1; i < threads; ++i) {
    const int copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) return SystemError("cannot share", wanted.address, errno);
    listening.sockets.emplace_back(copy, AF_UNIX, wanted.admin);
  }
  return listening;
}

}  // namespace

ListenSocket::ListenSocket(ListenSocket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), family_(other.family_), admin_(other.admin_) {}

ListenSocket& ListenSocket::operator=(ListenSocket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(family_, other.family_);
  std::swap(admin_, other.admin_);
  return *this;
}

ListenSocket::~ListenSocket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

int ListenSocket::Release() { return std::exchange(descriptor_, -1); }

SocketFile::SocketFile(std::string path, unsigned long device, unsigned long inode)
    : path_(std::move(path)), device_(device), inode_(inode) {}

SocketFile::SocketFile(SocketFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), device_(other.device_), inode_(other.inode_) {}

SocketFile::~SocketFile() {
  struct stat found{};
  if (path_.empty() || ::lstat(path_.c_str(), &found) != 0) return;
  if (found.st_dev == device_ && found.st_ino == inode_) ::unlink(path_.c_str());
}

Result<Listening> ListenAt(const ListenAddress& address, std::size_t threads) {
  return address.address.starts_with("unix:") ? ListenUnix(address, threads) : ListenTcp(address, threads);
}

std::string PeerText(const sockaddr_storage& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in&>(address).sin_addr, text.data(), text.size());
  } else if (address.ss_family == AF_INET6) {
    const in6_addr& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&six)) {  // A client of IPv4 at a socket of both families.
      inet_ntop(AF_INET, six.s6_addr + 12, text.data(), text.size());
    } else {
      inet_ntop(AF_INET6, &six, text.data(), text.size());
    }
  } else {
    return "unix";
  }
  return text.data();
}

}  // namespace reflex::http
