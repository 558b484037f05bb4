#include <memory>
#include <utility>
#include <vector>

#include "lib/store/store_kinds.h"
#include "redis/redis_store.h"
#include "server/redis/redis_server.h"

namespace reflex::store {
namespace {

// One server for the program, emptied for each store.
redis::RedisServer& SharedServer() {
  static redis::RedisServer server;
  return server;
}

StoreKind Redis(std::string name, int zstd_level) {
  return {std::move(name), [zstd_level](const auto&, Clock& clock, Logger& logger) {
            SharedServer().Ask({"FLUSHALL"});
            redis::RedisStoreOptions options = redis::StoreOptions(SharedServer().url());
            options.zstd_level = zstd_level;
            options.queue_bytes = 64ull << 20;
            return Checked(redis::RedisStore::Open(options, clock, logger));
          }};
}

}  // namespace

std::vector<StoreKind> StoreKinds() { return {Redis("Redis", 0), Redis("RedisCompressed", 1)}; }

}  // namespace reflex::store
