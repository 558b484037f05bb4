#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/worker_pool.h"
#include "http/io_thread.h"

namespace reflex::http {

// One name being looked up, or looked up. Shared by all that asked for it meanwhile.
struct Lookup {
  bool done = false;
  std::vector<boost::asio::ip::address> addresses;  // In the system's order of preference; empty when it failed.
  std::string failure;                              // Why, for a person.
  SteadyTime expires;
  std::vector<std::function<void()>> on_done;  // Called once, each must not run user code at once.
};

// Names to addresses through the system's resolver, which blocks and so runs on the worker pool. Answers are kept for `life`,
// failures are not. Used on one I/O thread.
class Resolver {
 public:
  Resolver(IoThread& io, base::WorkerPool& pool, std::chrono::milliseconds life);

  // An address in text form is done at once.
  std::shared_ptr<Lookup> Find(const std::string& host);

 private:
  IoThread& io_;
  base::WorkerPool& pool_;
  const std::chrono::milliseconds life_;
  std::map<std::string, std::shared_ptr<Lookup>> lookups_;
};

}  // namespace reflex::http
