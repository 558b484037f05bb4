// What a hit costs in wire/: reading a 600-byte request, giving a 1.5 KB answer in both forms; and a chunk's folding on a miss.
#include <cstring>
#include <string>
#include <string_view>

#include <benchmark/benchmark.h>

#include "base/digest.h"
#include "wire/chat_question.h"
#include "wire/chat_reply.h"
#include "wire/chat_request.h"
#include "wire/sse.h"

namespace reflex::wire {
namespace {

std::string Request(std::size_t bytes) {
  std::string body =
      R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are a terse assistant. Answer in one sentence."},)"
      R"({"role":"user","content":"PLACE"}],"temperature":0.2,"max_completion_tokens":64,"stream":false,"user":"user-1234"})";
  const std::size_t place = body.find("PLACE");
  std::string text;
  while (body.size() + text.size() < bytes + 5) text += "What is the capital of the country that lies south of Denmark? ";
  text.resize(bytes + 5 - body.size());
  return body.replace(place, 5, text);
}

std::string Answer(std::size_t bytes) {
  std::string text;
  while (text.size() < bytes - 400) text += "The capital of Germany is Berlin, a city of about 3.7 million people. ";
  return R"({"id":"chatcmpl-C1a2B3c4D5e6F7g8H9i0J1k2L3m4N","object":"chat.completion","created":1763800000,"model":"gpt-4o-mini-2024-07-18",)"
         R"("choices":[{"index":0,"message":{"role":"assistant","content":")" +
         text +
         R"(","refusal":null,"annotations":[]},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":120,)"
         R"("completion_tokens":300,"total_tokens":420},"service_tier":"default","system_fingerprint":"fp_a1b2c3d4e5"})";
}

void ReadRequest(benchmark::State& state) {
  const std::string body = Request(static_cast<std::size_t>(state.range(0)));
  ChatRequestReader reader;
  for (auto _ : state) benchmark::DoNotOptimize(reader.Read(body));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(ReadRequest)->Arg(600)->Arg(6000)->Arg(256 << 10);

// After an exact miss only: the same body once more, for the question and its scope.
void ReadQuestion(benchmark::State& state) {
  const std::string body = Request(static_cast<std::size_t>(state.range(0)));
  ChatQuestionReader reader;
  for (auto _ : state) benchmark::DoNotOptimize(reader.Read(body, false));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(body.size()));
}
BENCHMARK(ReadQuestion)->Arg(600)->Arg(6000)->Arg(256 << 10);

// The share of ReadRequest that is SHA-256 alone.
void HashOnly(benchmark::State& state) {
  const std::string body = Request(static_cast<std::size_t>(state.range(0)));
  base::Sha256 hash;
  for (auto _ : state) {
    hash.Reset();
    hash.Update(body);
    benchmark::DoNotOptimize(hash.Finish());
  }
}
BENCHMARK(HashOnly)->Arg(600)->Arg(6000);

void PlainReply(benchmark::State& state) {
  const PlainAnswer answer = ReadPlainAnswer(Answer(1500), ChatRequest(), StorePolicy());
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        MakePlainReply(answer.reply.json, answer.reply.layout, "chatcmpl-0123456789abcdef01234567890ab", "1763800001"));
  }
}
BENCHMARK(PlainReply);

void ReadAnswer(benchmark::State& state) {
  const std::string body = Answer(1500);
  for (auto _ : state) benchmark::DoNotOptimize(ReadPlainAnswer(body, ChatRequest(), StorePolicy()));
}
BENCHMARK(ReadAnswer);

void ReplayStream(benchmark::State& state) {
  const std::string json = Answer(1500);
  std::string out;
  for (auto _ : state) {
    out.clear();
    auto replay = ChatReplay::Create(json, ChatRequest(), {"chatcmpl-0123456789abcdef01234567890ab", 1763800001});
    while ((*replay)->Next(16 << 10, out)) {
    }
    benchmark::DoNotOptimize(out);
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * static_cast<std::int64_t>(out.size()));
}
BENCHMARK(ReplayStream);

std::string Stream() {
  std::string out;
  ChatRequest request;
  request.include_usage = true;
  const std::string json = Answer(1500);
  auto replay = ChatReplay::Create(json, request, {"chatcmpl-0123456789abcdef01234567890ab", 1763800001});
  while ((*replay)->Next(1 << 20, out)) {
  }
  return out;
}

// Cutting, hiding and folding a whole stream; items are events.
void FoldStream(benchmark::State& state) {
  const std::string stream = Stream();
  std::int64_t events = 0;
  std::string scratch;
  for (auto _ : state) {
    SseReader reader;
    ChatFolder folder;
    SseReader::Event event;
    reader.Feed(stream);
    while (*reader.Next(event)) {
      benchmark::DoNotOptimize(HideUsage(event.raw, event.data, scratch));
      folder.Add(event.data);
      ++events;
    }
    benchmark::DoNotOptimize(folder.Finish(ChatRequest(), StorePolicy()));
  }
  state.SetItemsProcessed(events);
}
BENCHMARK(FoldStream);

}  // namespace
}  // namespace reflex::wire
