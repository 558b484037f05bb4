#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud/object_store.h"
#include "fakes/kept_log.h"
#include "reflex/clock.h"

namespace reflex::test {

// A folder that goes away with the object.
class CloudFolder {
 public:
  CloudFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "reflex-cloud-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) std::abort();
    path_ = name;
  }
  ~CloudFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  CloudFolder(const CloudFolder&) = delete;
  CloudFolder& operator=(const CloudFolder&) = delete;

  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }
  // Everything in it, hidden temporaries included.
  std::size_t files() const {
    return static_cast<std::size_t>(
        std::distance(std::filesystem::directory_iterator(path_), std::filesystem::directory_iterator()));
  }

 private:
  std::filesystem::path path_;
};

inline std::string ReadBytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline void WriteBytes(const std::filesystem::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

// Bytes that repeat nowhere near.
inline std::string SomeBytes(std::size_t size, std::uint64_t seed = 1) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) {
    seed = seed * 6364136223846793005ull + 1442695040888963407ull;
    byte = static_cast<char>(seed >> 56);
  }
  return bytes;
}

// A clock that stands still but for what it is moved.
class CloudClock final : public Clock {
 public:
  std::int64_t WallMs() const override { return system_.WallMs() + wall_ahead_ms; }
  std::int64_t SteadyNs() const override { return system_.SteadyNs() + steady_ahead_ns; }

  std::int64_t wall_ahead_ms = 0;
  std::int64_t steady_ahead_ns = 0;

 private:
  SystemClock system_;
};

// Options with no pause but a record of pauses, and variables that are a map.
struct CloudWorld {
  CloudFolder folder;
  CloudClock clock;
  fakes::KeptLog log;
  std::map<std::string, std::string> variables;
  std::vector<std::chrono::milliseconds> pauses;
  cloud::CloudOptions options;

  CloudWorld() {
    options.variable = [this](const char* name) {
      const auto found = variables.find(name);
      return found == variables.end() ? std::string() : found->second;
    };
    options.pause = [this](std::chrono::milliseconds pause) {
      pauses.push_back(pause);
      clock.steady_ahead_ns += pause.count() * 1'000'000;
    };
    options.retries_max = 3;
    options.part_bytes = 256 << 10;
  }

  std::unique_ptr<cloud::ObjectStore> Open(std::string_view target) {
    auto store = cloud::OpenObjectStore(target, options, clock, log);
    if (!store) std::abort();
    return std::move(*store);
  }
};

// What a test of a suite is called after its parameter.
inline std::string NameOf(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

}  // namespace reflex::test
