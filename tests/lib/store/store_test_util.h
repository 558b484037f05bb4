#pragma once

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "fakes/kept_log.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/types.h"

namespace reflex::store {

// A folder that is gone with the object.
class TempFolder {
 public:
  TempFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-store-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class ManualClock final : public Clock {
 public:
  std::int64_t WallMs() const override { return wall_ms_.load(); }
  std::int64_t SteadyNs() const override { return steady_ns_.load(); }
  void AdvanceMs(std::int64_t ms) {
    wall_ms_ += ms;
    steady_ns_ += ms * 1'000'000;
  }

 private:
  std::atomic<std::int64_t> wall_ms_{1'700'000'000'000};
  std::atomic<std::int64_t> steady_ns_{1};
};

using KeepingLogger = fakes::KeptLog;

inline Digest KeyOf(std::uint64_t number) { return base::HashBytes("key " + std::to_string(number)); }

// The reply follows from number, version and size, so that any mix-up of entries shows.
inline std::string ReplyOf(std::uint64_t number, std::size_t bytes, std::uint64_t version = 0) {
  std::uint64_t state = number * 0x9E3779B97F4A7C15ull + version * 0xD1B54A32D192ED03ull + 1;
  std::string reply(bytes, '\0');
  for (std::size_t i = 0; i < bytes; i += 8) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    for (std::size_t j = i; j < bytes && j < i + 8; ++j) reply[j] = static_cast<char>('A' + (state >> (24 + 5 * (j - i)) & 31));
  }
  return reply;
}

inline EntryPtr MakeEntry(std::uint64_t number, std::size_t bytes, std::uint64_t version = 0,
                          std::int64_t expires_ms = 1'800'000'000'000) {
  auto entry = std::make_shared<Entry>();
  entry->key = KeyOf(number);
  entry->created_ms = 1'700'000'000'000;
  entry->expires_ms = expires_ms;
  entry->usage = {static_cast<std::uint32_t>(number), 7};
  entry->model = number % 2 == 0 ? "even" : "odd";
  entry->name_space = "space";
  entry->tags = {"tag-" + std::to_string(number % 3)};
  entry->upstream_request_id = "req_" + std::to_string(number);
  entry->reply = ReplyOf(number, bytes, version);
  entry->layout = "layout " + std::to_string(number);
  return entry;
}

}  // namespace reflex::store
