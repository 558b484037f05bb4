// Embedding: the built-in table, and a model in a file where REFLEX_MODEL_PATH names one (tools/make_minilm_gguf.py makes one).
#include <cstdlib>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "inference/gguf_embedder.h"
#include "inference/static_embedder.h"

namespace {

using namespace std::chrono_literals;

std::string Words(std::int64_t count) {
  constexpr const char* kWords[] = {"how", "do",      "i",     "reset", "the",    "password", "of",
                                    "my",  "account", "after", "a",     "failed", "order"};
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) text.append(kWords[static_cast<std::size_t>(i * 7) % std::size(kWords)]).append(" ");
  return text;
}

std::vector<reflex::TextSpan> Spans(const std::string& text) {
  std::vector<reflex::TextSpan> spans;
  for (std::uint32_t begin = 0; begin < text.size();) {
    const auto end = static_cast<std::uint32_t>(text.find(' ', begin));
    spans.push_back({begin, end});
    begin = end + 1;
  }
  return spans;
}

void StaticEmbed(benchmark::State& state) {
  reflex::inference::StaticEmbedder embedder;
  const std::string text = Words(state.range(0));
  const auto spans = state.range(1) ? Spans(text) : std::vector<reflex::TextSpan>();
  for (auto _ : state) benchmark::DoNotOptimize(embedder.Embed(text, spans, 1s));
}
BENCHMARK(StaticEmbed)->ArgNames({"words", "rows"})->ArgsProduct({{16, 64, 200}, {0, 1}});

// One embedder for all threads of a run.
std::unique_ptr<reflex::Embedder> embedder;

template <int kContexts>
void OpenModel(const benchmark::State&) {
  const char* path = std::getenv("REFLEX_MODEL_PATH");
  if (!path) return;
  reflex::inference::GgufOptions options;
  options.contexts = kContexts;
  if (auto opened = reflex::inference::OpenGguf(path, options)) embedder = std::move(*opened);
}
void CloseModel(const benchmark::State&) { embedder.reset(); }

// `tokens` with the two marks.
void ModelEmbed(benchmark::State& state) {
  if (!embedder) {
    state.SkipWithError("set REFLEX_MODEL_PATH, and build with models");
    return;
  }
  const std::string text = Words(state.range(0) - 2);
  const auto spans = Spans(text);
  for (auto _ : state) {
    if (!embedder->Embed(text, spans, 60s)) state.SkipWithError("the model failed");
  }
  state.SetItemsProcessed(state.iterations());
}
void TokensAndClock(benchmark::internal::Benchmark* bench) {
  bench->Teardown(CloseModel)->ArgName("tokens")->UseRealTime()->Unit(benchmark::kMillisecond);
}
BENCHMARK(ModelEmbed)->Name("ModelEmbed/contexts:1")->Setup(OpenModel<1>)->Apply(TokensAndClock)->Arg(16)->Arg(64)->Arg(256);
BENCHMARK(ModelEmbed)->Name("ModelEmbed/contexts:1")->Setup(OpenModel<1>)->Apply(TokensAndClock)->Arg(64)->Threads(2);
BENCHMARK(ModelEmbed)->Name("ModelEmbed/contexts:2")->Setup(OpenModel<2>)->Apply(TokensAndClock)->Arg(64)->Threads(2);

}  // namespace
