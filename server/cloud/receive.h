#pragma once

#include <cstdint>
#include <string>

#include "cloud/files.h"
#include "cloud/remote_call.h"

namespace reflex::cloud {

// What is known of an object before its first byte.
struct Expected {
  std::uint64_t bytes = 0;
  std::string crc32c;  // As Crc32cText; "" where nobody knows it.
};

// Gets an object's bytes into `file`, going on after a cut with Range where it stopped, and compares size and CRC-32C; where they
// differ once, all of it is fetched again. `request` is the GET without Range; it names the version (If-Match or a generation), so
// that pieces of two versions never meet. Does not commit. Returns: as ObjectStore::Download.
Result<void> Receive(RemoteCaller& caller, Operation& operation, const HttpRequest& request, IncomingFile& file,
                     const Expected& expected);

}  // namespace reflex::cloud
