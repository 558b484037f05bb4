// Any bytes as a provider's stream: cut in two places or not, the events are the same; what folds to a storable answer can be given
// again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "wire/chat_reply.h"
#include "wire/sse.h"

namespace {

namespace wire = reflex::wire;

void Require(bool holds) {
  if (!holds) std::abort();
}

// Every event as name and data.
std::vector<std::string> Events(const std::vector<std::string_view>& pieces) {
  std::vector<std::string> events;
  wire::SseReader reader;
  wire::SseReader::Event event;
  for (const std::string_view piece : pieces) {
    reader.Feed(piece);
    while (*reader.Next(event)) {
      if (event.has_data) events.push_back(std::string(event.name) + '\n' + std::string(event.data));
    }
  }
  return events;
}

void Fold(std::string_view stream) {
  wire::ChatFolder folder;
  wire::SseReader reader;
  wire::SseReader::Event event;
  std::string scratch;
  reader.Feed(stream);
  while (*reader.Next(event)) {
    const std::string_view seen = wire::HideUsage(event.raw, event.data, scratch);
    Require(seen.size() <= event.raw.size() + 8 * event.data.size());
    if (event.has_data) folder.Add(event.data, event.name);
  }
  const wire::PlainAnswer answer = folder.Finish({}, {});
  if (!answer.unstorable.empty()) return;
  Require(folder.complete() && !folder.failed());
  Require(wire::MakePlainReply(answer.reply.json, answer.reply.layout, "id", "1").has_value());
  Require(wire::ChatReplay::Create(answer.reply.json, {}, {"id", 1}).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data) + 2, size - 2);
  const std::size_t first = stream.empty() ? 0 : data[0] % stream.size();
  const std::size_t second = first + (stream.size() - first) * data[1] / 256;
  Require(Events({stream}) == Events({stream.substr(0, first), stream.substr(first, second - first), stream.substr(second)}));
  Fold(stream);
  return 0;
}
