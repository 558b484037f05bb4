#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "redis/client.h"

namespace reflex::redis {

struct RedisStoreOptions {
  ClientOptions client;  // Its scripts are filled in by the store.
  // Stands before every key, so that several Reflex deployments, or other programs, may share one server. 1 to 64 characters of
  // A-Z a-z 0-9 . _ - only.
  std::string prefix = "reflex";
  std::chrono::milliseconds lookup_timeout{100};
  std::chrono::milliseconds write_timeout{1'000};
  // Changes that wait for the server; beyond, an answer is not stored (and counted).
  std::uint64_t queue_bytes = 16ull << 20;
  std::uint64_t queue_entries = 10'000;
  // An answer that waited longer is dropped. Must stay below the time for which a purge is remembered (a minute).
  std::chrono::milliseconds queue_age_max{30'000};
  // How long the writer collects before it sends.
  std::chrono::milliseconds linger{2};
  int zstd_level = 0;  // 0: no compression.
  // Keys and values of all notes.
  std::uint64_t notes_bytes_max = 16ull << 20;
  // Between two looks through the whole store for what is left of expired and purged entries; one gateway at a time does it.
  std::chrono::milliseconds sweep_interval{600'000};
  // Keep the one connection over which the server tells of changes. Without it copies in memory rest on their time to live alone.
  bool track = true;
};

}  // namespace reflex::redis
