#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "cloud_world.h"

namespace reflex::test {

// Where a suite runs: a target with whatever answers it, made anew for each test.
class Place {
 public:
  virtual ~Place() = default;
  CloudWorld world;

  virtual std::string target() const = 0;
  std::unique_ptr<cloud::ObjectStore> Open() { return world.Open(target()); }
  // A size that needs several pieces.
  virtual std::size_t big() const { return 1'000'003; }
};

// "file", "gs", "s3": the fakes; "gs_emulator", "s3_server": programs of others, started with the test.
std::unique_ptr<Place> MakePlace(std::string_view kind);

}  // namespace reflex::test
