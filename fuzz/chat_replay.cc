// Any bytes as a stored answer: it is refused, or its replay is whole events that fold to an answer with as many choices.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "wire/chat_reply.h"
#include "wire/sse.h"

namespace {

namespace wire = reflex::wire;

void Require(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const wire::PlainAnswer answer = wire::ReadPlainAnswer(std::string(reinterpret_cast<const char*>(data), size), {}, {});
  if (!answer.unstorable.empty()) return 0;
  const auto reply = wire::MakePlainReply(answer.reply.json, answer.reply.layout, "id", "1");
  Require(reply.has_value());
  wire::ChatRequest request;
  request.include_usage = size % 2 == 0;
  request.include_obfuscation = size % 3 == 0;
  auto replay = wire::ChatReplay::Create(answer.reply.json, request, {"id", 1});
  Require(replay.has_value());
  wire::SseReader reader;
  wire::SseReader::Event event;
  std::string out;
  std::string last;
  while ((*replay)->Next(1, out)) {
    reader.Feed(out);
    out.clear();
    while (*reader.Next(event)) {
      Require(event.has_data && event.name.empty() && event.raw.starts_with("data: ") &&
              event.data.find('\n') == std::string_view::npos);
      last = event.data;
    }
    Require(reader.rest().empty());
  }
  Require(last == "[DONE]");
  return 0;
}
