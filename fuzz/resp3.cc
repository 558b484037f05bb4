// Replies of a Redis server in any bytes: read whole and in pieces they give the same values, and none of it harms.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "redis/client.h"
#include "redis/purges.h"
#include "redis/record.h"
#include "redis/reply.h"
#include "redis/resp.h"

namespace {

using namespace reflex;

struct Outcome {
  std::vector<redis::Value> values;
  bool broken = false;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome ReadInPieces(std::string_view bytes, std::size_t piece) {
  Outcome outcome;
  redis::ReplyParser parser;
  while (!bytes.empty() && !outcome.broken) {
    parser.Append(bytes.substr(0, piece));
    bytes.remove_prefix(piece < bytes.size() ? piece : bytes.size());
    while (true) {
      auto value = parser.Next();
      outcome.broken = !value;
      if (!value || !*value) break;
      outcome.values.push_back(std::move(**value));
    }
  }
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const Outcome whole = ReadInPieces(bytes, bytes.size() + 1);
  if (!(ReadInPieces(bytes, 1u + data[0] % 7u) == whole)) std::abort();
  const Digest key{};
  for (const redis::Value& value : whole.values) {
    (void)redis::SlotMapOf(value, "host");
    (void)redis::TargetOfMove(value.text);
    (void)redis::PurgesFrom(value);
    (void)redis::DecodeStoredHead(key, value.text);
    (void)redis::DecodeStored(key, value.text, value.text);
    (void)redis::DecodePlace(value.text);
    (void)redis::DecodeMember(value.text);
    (void)redis::SlotOf(value.text);
    const redis::Keys keys("reflex");
    (void)keys.LabelOfEntry(value.text);
    (void)keys.ReadScope(value.text);
  }
  return 0;
}
