// Any bytes as the file of a snapshot: read safely, refused with a sentence, or whole to the last byte.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/digest.h"
#include "store/record.h"
#include "store/snapshot_file.h"
#include "store/snapshot_format.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reflex;
  static const std::filesystem::path file =
      std::filesystem::temp_directory_path() / ("reflex-fuzz-snapshot-" + std::to_string(::getpid()));
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  // Chance never makes a checksum right: each part is also read with its checksum made right.
  const auto check = [](std::string_view of) {
    const Digest digest = base::HashBytes(of);
    return std::string(reinterpret_cast<const char*>(digest.bytes.data()), 8);
  };
  (void)store::snapshot::DecodePrefix(bytes);
  (void)store::snapshot::DecodeHead(bytes + check(bytes));
  SnapshotInfo info;
  const auto length = static_cast<std::uint32_t>(size);
  const std::string end = store::snapshot::EncodeBlockHead({store::snapshot::kEnd, 0, length, length, store::Checksum(bytes)});
  (void)store::snapshot::DecodeEnd(end + bytes + "12345678", info);
  if (size >= 24) {
    const auto head = store::snapshot::DecodeBlockHead(bytes.substr(0, 24) + check(bytes.substr(0, 24)));
    if (head && store::snapshot::EncodeBlockHead(*head).substr(0, 24) != bytes.substr(0, 24)) std::abort();
  }
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
  const auto verified = store::VerifySnapshot(file, {});
  if (!verified && verified.error().message.empty()) std::abort();
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  return 0;
}
