#include <utility>

#include "cloud/directory_store.h"
#include "cloud/gcs_store.h"
#include "cloud/names.h"
#include "cloud/object_store.h"
#include "cloud/s3_store.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {

Result<std::unique_ptr<ObjectStore>> OpenObjectStore(std::string_view target, const CloudOptions& options, Clock& clock,
                                                     Logger& logger) {
  REFLEX_TRY(Target parsed, ParseTarget(target));
  if (parsed.kind == Target::Kind::kDirectory) {
    return std::make_unique<DirectoryStore>(parsed.text, std::filesystem::path(parsed.place));
  }
  CloudOptions checked = options;
  if (!options.metadata_endpoint.empty()) {
    REFLEX_TRY(const Endpoint metadata, ParseEndpoint("cloud.metadata_endpoint", options.metadata_endpoint));
    checked.metadata_endpoint = metadata.ToString();
  }
  constexpr std::uint64_t kPartBytesMax = 1ull << 30;
  if (options.part_bytes < 1 || options.part_bytes > kPartBytesMax) {
    return Fail(ErrorCode::kInvalidArgument, "cloud.part_bytes = " + std::to_string(options.part_bytes) +
                                                 " is not allowed; allowed: 1 to " + std::to_string(kPartBytesMax));
  }
  return parsed.kind == Target::Kind::kGoogle ? GcsStore::Open(std::move(parsed), checked, clock, logger)
                                              : S3Store::Open(std::move(parsed), checked, clock, logger);
}

}  // namespace reflex::cloud
