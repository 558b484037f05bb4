#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cloud/object_store.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::cloud {

struct InstanceOptions {
  std::string provider = "local";                  // "local", "gcp" or "aws".
  std::string stop_command;                        // Run by /bin/sh; with any provider, in place of the cloud's own call.
  std::chrono::milliseconds stop_timeout{60'000};  // Of the command; past it its process group is killed.
  std::string endpoint;                            // Base URL of Compute Engine or EC2; empty: the public cloud's.
  CloudOptions cloud;  // Credentials, region, metadata address, limits. Its `endpoint` is not used here.
};

// The machine this process runs on. Thread-safe.
class Instance {
 public:
  virtual ~Instance() = default;
  // Asks for the machine to be stopped and returns when the cloud accepted that or the command ended well; the machine then goes
  // down at its own pace. Returns: kUnavailable (refused or unreachable; a command that failed), kTimeout, kProtocol;
  // kInvalidArgument where nothing is set that could stop it, naming the settings.
  virtual Result<void> Stop() = 0;
};

// Contacts nothing. Returns: kInvalidArgument for an unknown provider or a bad endpoint.
Result<std::unique_ptr<Instance>> OpenInstance(const InstanceOptions& options, Clock& clock, Logger& logger);

}  // namespace reflex::cloud
