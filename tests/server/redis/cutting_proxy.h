#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "redis/url.h"

namespace reflex::redis {

// Passes bytes between clients and a real server; where told, the server gets its commands and the client loses the reply.
class CuttingProxy {
 public:
  explicit CuttingProxy(Endpoint server);
  ~CuttingProxy();
  CuttingProxy(const CuttingProxy&) = delete;
  CuttingProxy& operator=(const CuttingProxy&) = delete;

  std::uint16_t port() const { return port_; }
  // Once: ends the connection that next carries this word to the server, when the server has answered.
  void CutAfter(std::string word);
  int cuts() const { return cuts_; }

 private:
  struct Pair {
    int client = -1, server = -1;
    bool cut = false;
  };
  void Run();
  void Accept();
  // False when the connection is over.
  bool Pass(Pair& pair, bool from_client);
  bool Condemns(const std::string& bytes);

  const Endpoint server_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::vector<Pair> pairs_;  // The thread's.
  std::mutex mutex_;
  std::string word_;  // Guarded by mutex_.
  std::atomic<int> cuts_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace reflex::redis
