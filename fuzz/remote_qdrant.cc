// What Qdrant answers: no point is believed that is not of the query's scope, embedder and time, whatever the bytes are.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "remote/qdrant_wire.h"

namespace {

namespace qdrant = reflex::remote::qdrant;

void Require(bool condition) {
  if (!condition) std::abort();
}

reflex::Digest Scope() {
  reflex::Digest scope;
  for (std::size_t i = 0; i < scope.bytes.size(); ++i) scope.bytes[i] = static_cast<std::uint8_t>(i);
  return scope;
}

constexpr std::int64_t kNowMs = 1000;

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto place = qdrant::Place::Of("reflex", "e", 2);
  const auto found = qdrant::ReadPoints(bytes, place, Scope(), 3, kNowMs);
  if (found) {
    Require(found->neighbors.size() <= 3);
    for (std::size_t i = 0; i < found->neighbors.size(); ++i) {
      const auto& neighbor = found->neighbors[i];
      Require(std::abs(neighbor.similarity) <= 1);
      Require(i == 0 || neighbor.similarity <= found->neighbors[i - 1].similarity);
    }
  }
  static_cast<void>(qdrant::ReadDescription(bytes, place));
  static_cast<void>(qdrant::ReadDone(bytes));
  static_cast<void>(qdrant::ReadCount(bytes));
  const std::string text = reflex::remote::RefusalText({400, std::string(bytes)});
  Require(text.size() <= 200);
  for (const char c : text) Require(static_cast<unsigned char>(c) >= ' ' && c != '"');
  return 0;
}
