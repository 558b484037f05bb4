#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <vector>

#include "lib/store/store_test_util.h"
#include "redis/connection.h"
#include "redis/record.h"
#include "redis/redis_store.h"
#include "redis/url.h"

namespace reflex::redis {

// A real redis-server on loopback, in a folder of its own; it dies with the test, however that ends.
class RedisServer {
 public:
  // Starts it, with these words of configuration after ours, and waits until it says that it is ready. Ends the test program when
  // there is no redis-server: a test that cannot run must not pass.
  // `file`: a configuration file in place of our words for a plain server, for a sentinel.
  // `second_port`: an option for another port that the server listens at: --tls-port, --cluster-port.
  explicit RedisServer(std::vector<std::string> arguments = {}, std::string file = {}, std::string second_port = {});
  ~RedisServer();
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  std::uint16_t port() const { return port_; }
  std::uint16_t second_port() const { return second_port_; }
  Endpoint endpoint() const { return {"127.0.0.1", port_}; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  const std::filesystem::path& folder() const { return folder_.path(); }

  void Pause();
  void Resume();
  void Kill();
  // On the ports it had, empty.
  void Restart();
  // One command; its reply. Fails the test when there is none.
  Value Ask(std::initializer_list<std::string_view> command);

 private:
  bool Start();
  void SayWhy() const;

  store::TempFolder folder_;
  std::vector<std::string> arguments_;
  std::string file_;
  std::string second_port_option_;
  std::string said_;
  std::uint16_t port_ = 0, second_port_ = 0;
  pid_t pid_ = -1;
};

// Options for a store on this server with limits that fit a busy machine.
RedisStoreOptions StoreOptions(const std::string& url);

}  // namespace reflex::redis
