#include "cloud/instance.h"

#include "cloud/cloud_instances.h"
#include "cloud/command_instance.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

// A machine that nothing was said about.
class UnknownInstance final : public Instance {
 public:
  Result<void> Stop() override {
    return Fail(
        ErrorCode::kInvalidArgument,
        "nothing is set that could stop this machine; allowed: cloud.provider = \"gcp\" or \"aws\" (REFLEX_CLOUD_PROVIDER), or "
        "cloud.stop_command with a command of yours");
  }
};

}  // namespace

Result<std::unique_ptr<Instance>> OpenInstance(const InstanceOptions& options, Clock& clock, Logger& logger) {
  if (options.provider != "local" && options.provider != "gcp" && options.provider != "aws") {
    return Fail(ErrorCode::kInvalidArgument,
                "cloud.provider = " + JsonQuote(options.provider) + " is not allowed; allowed: local, gcp, aws");
  }
  if (!options.stop_command.empty()) return std::make_unique<CommandInstance>(options.stop_command, options.stop_timeout);
  CloudOptions cloud = options.cloud;
  if (!cloud.metadata_endpoint.empty()) {
    REFLEX_TRY(const Endpoint metadata, ParseEndpoint("cloud.metadata_endpoint", cloud.metadata_endpoint));
    cloud.metadata_endpoint = metadata.ToString();
  }
  std::string endpoint;
  if (!options.endpoint.empty()) {
    REFLEX_TRY(const Endpoint parsed, ParseEndpoint("cloud.instance_endpoint", options.endpoint));
    endpoint = parsed.ToString();
  }
  if (options.provider == "gcp") {
    if (endpoint.empty()) endpoint = "https://compute.googleapis.com";
    return std::make_unique<GceInstance>(cloud, endpoint, clock, logger);
  }
  if (options.provider == "aws") return std::make_unique<Ec2Instance>(cloud, endpoint, clock, logger);
  return std::make_unique<UnknownInstance>();
}

}  // namespace reflex::cloud
