#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"

namespace reflex::redis {

struct Endpoint {
  std::string host;
  std::uint16_t port = 6379;

  std::string ToString() const;
  friend bool operator==(const Endpoint&, const Endpoint&) = default;
  friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};

enum class Topology : std::uint8_t { kSingle, kSentinel, kCluster };

// Where the shared store is, from one URL:
//   redis://[user[:password]@]host[:port][/database]
//   redis+cluster://[user[:password]@]host:port[,host:port...]
//   redis+sentinel://[user[:password]@]host[:port][,host[:port]...]/master-name[/database]
// rediss, rediss+cluster and rediss+sentinel speak TLS; valkey and valkeys mean redis and rediss. User and password may be
// percent-encoded; a password alone is written :password@.
struct Address {
  Topology topology = Topology::kSingle;
  bool tls = false;
  std::string user;
  std::string password;
  std::vector<Endpoint> endpoints;  // At least one; the sentinels, or some nodes of the cluster.
  std::string master;               // kSentinel.
  std::uint32_t database = 0;

  // Without user and password, for logs.
  std::string ToString() const;
};

// Returns: kInvalidArgument, naming what is wrong and never the password.
Result<Address> ParseAddress(std::string_view url);

}  // namespace reflex::redis
