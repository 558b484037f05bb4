#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::cloud {

struct ObjectInfo {
  std::string name;  // Relative to the target, never with a '/'.
  std::uint64_t bytes = 0;
  std::int64_t modified_ms = 0;  // Wall clock of the place that holds it.
};

// Called with bytes; false cancels (kCancelled). May be empty. `total` is the file's size and never changes during one call; `done`
// may fall back when a cut part is sent again. Called on the calling thread, at least once a second while bytes or time pass.
using Progress = std::function<bool(std::uint64_t done, std::uint64_t total)>;

// A place where whole files lie: "file:///path", "gs://bucket/prefix" or "s3://bucket/prefix". Thread-safe and synchronous: a call
// blocks its thread until it is done, failed, cancelled or out of time.
//
// Operation. A name is 1 to 255 bytes of printable ASCII without '/', and does not begin with '.' (kInvalidArgument). An object is
// there whole or not at all: at no moment, a crash of the process included, does a part of one show under its name, neither in the
// target nor as a local file. Remote faults that may pass (429, 5xx, a cut, a time-out) are tried again with growing pauses within
// CloudOptions::retries_max and time_limit; what remains is reported as
//   kUnavailable  the place cannot be reached, refused (401, 403) or failed; the message has its status and words,
//   kTimeout      a limit of CloudOptions ran out,
//   kCorrupt      checksum or size of what came back differ from what was sent,
//   kProtocol     the answer is none that the service documents,
//   kCancelled    Progress said so, kIo and kFull for local files, kInvalidArgument for a name.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;
  // The whole file or nothing; replaces an object of that name. Also kNotFound: no such file.
  virtual Result<void> Upload(const std::filesystem::path& file, std::string_view name, const Progress& progress) = 0;
  // Writes a temporary file beside `file`, syncs and renames it. Also kNotFound: no such object, or no such place yet.
  virtual Result<void> Download(std::string_view name, const std::filesystem::path& file, const Progress& progress) = 0;
  // The objects under the prefix, not those in folders below it, newest first. An empty or missing place is an empty list.
  virtual Result<std::vector<ObjectInfo>> List() = 0;
  // Gone already is fine.
  virtual Result<void> Delete(std::string_view name) = 0;
  // As it was opened, without a trailing '/'.
  virtual const std::string& target() const = 0;
  // True for file://.
  virtual bool local() const = 0;
};

// How the clouds are reached. The defaults are those of the public clouds.
struct CloudOptions {
  std::string region;             // Of S3 and EC2; empty: AWS_REGION, AWS_DEFAULT_REGION, with an endpoint "us-east-1".
  std::string endpoint;           // Base URL of the object service, for S3 compatibles and emulators; empty: the public cloud's.
  std::string s3_style = "auto";  // "virtual" (bucket.host), "path" (host/bucket); "auto": virtual on AWS, path at an endpoint.
  // gs: a service account's key (JSON). s3: a file as ~/.aws/credentials. Empty: as the variables say, then the metadata server.
  // "none": requests are not signed, for public buckets and emulators.
  std::filesystem::path credentials_file;
  std::filesystem::path ca_file;  // PEM, in place of the system's authorities.
  std::string metadata_endpoint;  // Base URL of the instance's metadata server; empty: the cloud's usual address.

  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds stall_timeout{60'000};    // No byte moved, either way.
  std::chrono::milliseconds time_limit{3'600'000};    // One call of ObjectStore, pauses and repeats included.
  std::chrono::milliseconds retry_pause{500};         // The first pause; it doubles up to retry_pause_max, with jitter.
  std::chrono::milliseconds retry_pause_max{30'000};  // Also the longest Retry-After that is waited for.
  std::uint32_t retries_max = 6;                      // In a row, without a byte of progress between them.
  // Piece of an upload that is sent, checked and repeated as one; held in memory. At least 5 MiB on S3 (but for the last), a
  // multiple of 256 KiB on GCS; grows for files that would need more than 10,000 parts.
  std::uint64_t part_bytes = 8ull << 20;

  // Environment variables by name, "" for an absent one. Empty: the process's own. Called at each use.
  std::function<std::string(const char* name)> variable;
  // Waits so long; in place of a real pause. Empty: sleeps.
  std::function<void(std::chrono::milliseconds)> pause;
};

// Opens a target. Contacts nothing and reads no credentials: the first call does. `clock` and `logger` outlive the store.
// Returns: kInvalidArgument, naming the target or setting and what is allowed.
Result<std::unique_ptr<ObjectStore>> OpenObjectStore(std::string_view target, const CloudOptions& options, Clock& clock,
                                                     Logger& logger);

}  // namespace reflex::cloud
