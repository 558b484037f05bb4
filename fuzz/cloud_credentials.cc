// An AWS credentials file, targets, endpoints and dates: short texts that people and servers write.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cloud/aws_auth.h"
#include "cloud/names.h"
#include "cloud/text_forms.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto keys = reflex::cloud::ParseCredentialsFile(text, "default")) {
    Require(!keys->id.empty() && !keys->secret.empty());
    Require(keys->id.find_first_of(" \r\n") == keys->id.npos && keys->secret.find_first_of(" \r\n") == keys->secret.npos);
  }
  if (const auto target = reflex::cloud::ParseTarget(text)) {
    Require(!target->place.empty());
    Require(target->prefix.empty() || target->prefix.ends_with('/'));
    const auto again = reflex::cloud::ParseTarget(target->text);
    Require(again && again->place == target->place && again->prefix == target->prefix);
  }
  if (const auto endpoint = reflex::cloud::ParseEndpoint("x", text)) {
    const auto again = reflex::cloud::ParseEndpoint("x", endpoint->ToString());
    Require(again && again->ToString() == endpoint->ToString());
  }
  if (const auto moment = reflex::cloud::ParseIsoTime(text)) Require(!reflex::cloud::AmazonTime(*moment).empty());
  (void)reflex::cloud::ParseHttpDate(text);
  Require(reflex::cloud::PercentEncode(text, true).size() <= size * 3);
  Require(reflex::cloud::CheckObjectName(text).has_value() == false || text.find('/') == text.npos);
  return 0;
}
