#pragma once

#include <chrono>
#include <string>

#include "cloud/instance.h"

namespace reflex::cloud {

// Stops the machine by the operator's own command, run by /bin/sh in a process group of its own, with this process's output.
class CommandInstance final : public Instance {
 public:
  CommandInstance(std::string command, std::chrono::milliseconds limit) : command_(std::move(command)), limit_(limit) {}
  Result<void> Stop() override;

 private:
  const std::string command_;
  const std::chrono::milliseconds limit_;
};

}  // namespace reflex::cloud
