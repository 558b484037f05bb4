#pragma once

#include <memory>

#include "redis/store_parts.h"
#include "redis/sweeper.h"
#include "redis/tracker.h"
#include "redis/writer.h"

namespace reflex::redis {

// The shared parts and the threads that use them.
struct RedisStoreParts : StoreParts {
  using StoreParts::StoreParts;

  std::unique_ptr<Writer> writer;
  std::unique_ptr<Sweeper> sweeper;
  std::unique_ptr<Tracker> tracker;
};

}  // namespace reflex::redis
