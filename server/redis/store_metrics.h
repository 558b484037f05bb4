#pragma once

#include "base/metrics.h"
#include "redis/redis_store.h"

namespace reflex::redis {

// What an operator watches of the way to the server; docs/metrics.md has the names. The store outlives the registry's last Render.
void AddStoreMetrics(base::MetricsRegistry& registry, const RedisStore& store);

}  // namespace reflex::redis
