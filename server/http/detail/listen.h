#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>
#include <vector>

#include "http/server.h"
#include "reflex/result.h"

namespace reflex::http {

// A listening, non-blocking socket. Owns the descriptor.
class ListenSocket {
 public:
  ListenSocket(int descriptor, int family, bool admin) : descriptor_(descriptor), family_(family), admin_(admin) {}
  ListenSocket(ListenSocket&& other) noexcept;
  ListenSocket& operator=(ListenSocket&& other) noexcept;
  ~ListenSocket();

  int Release();
  int descriptor() const { return descriptor_; }
  int family() const { return family_; }
  bool admin() const { return admin_; }

 private:
  int descriptor_;
  int family_;
  bool admin_;
};

// A unix socket's file, removed with this object if it is still the one that was made.
class SocketFile {
 public:
  SocketFile(std::string path, unsigned long device, unsigned long inode);
  SocketFile(SocketFile&& other) noexcept;
  SocketFile& operator=(SocketFile&&) = delete;
  ~SocketFile();

 private:
  std::string path_;
  unsigned long device_;
  unsigned long inode_;
};

// One address, listened at by several threads.
struct Listening {
  std::string address;                // As really bound.
  std::vector<ListenSocket> sockets;  // One a thread.
  std::vector<SocketFile> files;      // At most one.
};

// Binds and listens. Returns: kInvalidArgument (with what is allowed), kBusy (in use), kIo.
Result<Listening> ListenAt(const ListenAddress& address, std::size_t threads);

// The text of a peer's address: "127.0.0.1", "::1", "unix".
std::string PeerText(const sockaddr_storage& address);

}  // namespace reflex::http
