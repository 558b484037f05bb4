// XML of S3 and EC2: what is read is bounded by what came, and a page that is accepted is a whole one.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cloud/s3_answers.h"
#include "cloud/xml.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view xml(reinterpret_cast<const char*>(data), size);
  std::size_t text_bytes = 0;
  const auto read = reflex::cloud::ReadXml(xml, [&](std::string_view path, std::string_view text) {
    Require(!path.empty() && path.front() != '/' && path.back() != '/');
    text_bytes += text.size();
  });
  Require(text_bytes <= size);
  Require(read || read.error().code == reflex::ErrorCode::kProtocol);
  const auto page = reflex::cloud::ParseS3Page(xml);
  if (page) {
    Require(read.has_value());
    for (const auto& object : page->objects) Require(!object.name.empty());
  }
  const auto id = reflex::cloud::ParseUploadId(xml);
  if (id) Require(!id->empty());
  const auto error = reflex::cloud::ParseAwsError(xml);
  Require(error.code.size() + error.message.size() <= size);
  return 0;
}
