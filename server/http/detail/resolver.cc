#include "http/detail/resolver.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "http/task.h"

namespace reflex::http {
namespace {

namespace ip = boost::asio::ip;

// What the pool thread finds, owned by its job and by who waits.
struct Answer {
  std::vector<ip::address> addresses;
  std::string failure;
};

void AddAddress(const sockaddr* address, std::vector<ip::address>& addresses) {
  ip::address found;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof v4);
    found = ip::address_v4(ntohl(v4.sin_addr.s_addr));
  } else if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof v6);
    ip::address_v6::bytes_type bytes;
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    found = ip::address_v6(bytes, v6.sin6_scope_id);
  } else {
    return;
  }
  if (std::find(addresses.begin(), addresses.end(), found) == addresses.end()) addresses.push_back(found);
}

void Resolve(const std::string& host, Answer& answer) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (const int error = getaddrinfo(host.c_str(), nullptr, &hints, &list); error != 0) {
    answer.failure = gai_strerror(error);
    return;
  }
  for (const addrinfo* item = list; item != nullptr; item = item->ai_next) AddAddress(item->ai_addr, answer.addresses);
  freeaddrinfo(list);
  if (answer.addresses.empty()) answer.failure = "it has no address";
}

// Parameters by value: the coroutine outlives the caller.
Task<void> LookUp(IoThread& io, base::WorkerPool& pool, std::shared_ptr<Lookup> lookup, std::string host,
                  std::chrono::milliseconds life) {
  auto answer = std::make_shared<Answer>();
  std::function<void()> work = [answer, host = std::move(host)] { Resolve(host, *answer); };
  const bool ran = co_await RunOnPool(io, pool, std::move(work));
  if (ran) {
    lookup->addresses = std::move(answer->addresses);
    lookup->failure = std::move(answer->failure);
  } else {
    lookup->failure = "too many look-ups are waiting";
  }
  lookup->done = true;
  lookup->expires = io.now() + life;
  for (const auto& done : std::exchange(lookup->on_done, {})) done();
}

}  // namespace

Resolver::Resolver(IoThread& io, base::WorkerPool& pool, std::chrono::milliseconds life) : io_(io), pool_(pool), life_(life) {}

std::shared_ptr<Lookup> Resolver::Find(const std::string& host) {
  auto& slot = lookups_[host];
  const bool usable = slot && (!slot->done || (!slot->addresses.empty() && io_.now() < slot->expires));
  if (usable) return slot;
  slot = std::make_shared<Lookup>();
  boost::system::error_code not_an_address;
  if (const auto address = ip::make_address(host, not_an_address); !not_an_address) {
    slot->addresses.push_back(address);
    slot->done = true;
    slot->expires = SteadyTime::max();
    return slot;
  }
  io_.Spawn(LookUp(io_, pool_, slot, host, life_));
  return slot;
}

}  // namespace reflex::http
