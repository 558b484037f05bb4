#pragma once

#include <string>

#include "cloud/aws_auth.h"
#include "cloud/google_auth.h"
#include "cloud/instance.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

// instances.stop of Compute Engine's REST API for the machine that the metadata server describes. The account needs
// compute.instances.stop, and the machine the access scope for Compute Engine.
class GceInstance final : public Instance {
 public:
  GceInstance(const CloudOptions& options, std::string endpoint, Clock& clock, Logger& logger);
  Result<void> Stop() override;

 private:
  const CloudOptions options_;
  const std::string endpoint_;
  Clock& clock_;
  Logger& logger_;
  HttpCaller http_;
  GoogleAuth auth_;
};

// StopInstances of EC2's query API for the machine that the metadata server describes. The role needs ec2:StopInstances.
class Ec2Instance final : public Instance {
 public:
  // `endpoint`: "" for the region's own.
  Ec2Instance(const CloudOptions& options, std::string endpoint, Clock& clock, Logger& logger);
  Result<void> Stop() override;

 private:
  const CloudOptions options_;
  const std::string endpoint_;
  Clock& clock_;
  Logger& logger_;
  HttpCaller http_;
};

}  // namespace reflex::cloud
