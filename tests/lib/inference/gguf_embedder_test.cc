#include "inference/gguf_embedder.h"

#include <array>
#include <atomic>
#include <cmath>
#include <thread>

#include <gtest/gtest.h>

#include "inference/llama_model.h"

namespace reflex::inference {
namespace {

using namespace std::chrono_literals;

const std::string kBert = FIXTURES "/bert-embed.gguf";
constexpr std::string_view kQuestion = "How do I reset my password?";

std::unique_ptr<Embedder> Open(const std::string& path, GgufOptions options = {}) {
  auto opened = OpenGguf(path, options);
  EXPECT_TRUE(opened) << opened.error().message;
  return std::move(*opened);
}

float Cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * static_cast<double>(b[i]);
    aa += static_cast<double>(a[i]) * static_cast<double>(a[i]);
    bb += static_cast<double>(b[i]) * static_cast<double>(b[i]);
  }
  return static_cast<float>(ab / std::sqrt(aa * bb));
}

TEST(GgufEmbedder, GivesTheVectorsOfAnIndependentForwardPass) {
  // Recorded from a forward pass in double precision over the same file.
  const std::pair<Pooling, std::array<float, 6>> expected[] = {
      {Pooling::kMean, {0.2446f, 0.04633f, -0.0464f, 0.39663f, 0.03279f, 0.05251f}},
      {Pooling::kCls, {-0.08497f, -0.11271f, 0.16378f, 0.09856f, 0.0699f, -0.03217f}},
      {Pooling::kLast, {0.0765f, 0.22048f, -0.08059f, 0.39003f, 0.02818f, 0.14996f}}};
  for (const auto& [pooling, numbers] : expected) {
    GgufOptions options;
    options.pooling = pooling;
    const auto embedding = Open(kBert, options)->Embed(kQuestion, {}, 10s);
    ASSERT_TRUE(embedding) << embedding.error().message;
    ASSERT_EQ(embedding->text.size(), 32u);
    for (std::size_t i = 0; i < numbers.size(); ++i) EXPECT_NEAR(embedding->text[i], numbers[i], 2e-3f) << Name(pooling);
  }
}

TEST(GgufEmbedder, ItsPoolingIsTheLibrarys) {
  for (const char* file : {"bert-embed", "qwen2-embed", "qwen3-embed"}) {
    const std::string path = std::string(FIXTURES "/") + file + ".gguf";
    const auto model = LlamaModel::Open(path);
    ASSERT_TRUE(model) << model.error().message;
    for (const Pooling pooling : {Pooling::kMean, Pooling::kCls, Pooling::kLast}) {
      const auto context =
          LlamaContext::Open(**model, {.output = ModelOutput::kPooled, .pooling = pooling, .tokens_max = 64, .jobs_max = 1});
      ASSERT_TRUE(context) << context.error().message;
      BatchJob job;
      job.tokens = (*model)->Split(kQuestion, 64, false)->tokens;
      BatchJob* const batch[] = {&job};
      (*context)->Run(batch, BatchQueue::Clock::time_point::max());
      ASSERT_FALSE(job.error) << job.error->message;
      GgufOptions options;
      options.pooling = pooling;
      const auto ours = Open(path, options)->Embed(kQuestion, {}, 10s);
      ASSERT_TRUE(ours) << ours.error().message;
      EXPECT_GT(Cosine(ours->text, job.output), 0.99999f) << file << " " << Name(pooling);
    }
  }
}

TEST(GgufEmbedder, WordsAreMeansOfTheirPieces) {
  const auto model = LlamaModel::Open(kBert);
  ASSERT_TRUE(model);
  const std::string text = "Resetting my, password";
  const auto split = (*model)->Split(text, 64, true);
  ASSERT_TRUE(split);
  std::vector<std::string> cut;
  for (const TextSpan& span : split->spans) cut.push_back(text.substr(span.begin, span.end - span.begin));
  EXPECT_EQ(cut.front(), "");  // [CLS]
  EXPECT_EQ(cut.back(), "");
  EXPECT_EQ(cut[1], "Reset");
  std::string joined;
  for (const std::string& piece : cut) joined += piece;
  EXPECT_EQ(joined, "Resettingmy,password");

  const std::vector<TextSpan> words{{0, 9}, {10, 12}, {14, 22}, {14, 15}};
  const auto embedding = Open(kBert)->Embed(text, words, 10s);
  ASSERT_TRUE(embedding);
  ASSERT_EQ(embedding->words.size(), 4u * 32);
  const std::span<const float> rows = embedding->words;
  for (std::size_t w = 0; w < 4; ++w) EXPECT_NEAR(Cosine(rows.subspan(w * 32, 32), rows.subspan(w * 32, 32)), 1, 1e-5f);
  // Half of a piece has the whole piece's vector.
  EXPECT_NEAR(Cosine(rows.subspan(64, 32), rows.subspan(96, 32)), 1, 1e-5f);
  EXPECT_LT(Cosine(rows.first(32), rows.subspan(64, 32)), 0.999f);
}

// The rows of the file's own table, whatever stands around a word or before the text.
TEST(GgufEmbedder, InputRowsKnowNoContext) {
  const auto model = LlamaModel::Open(kBert);
  ASSERT_TRUE(model && (*model)->has_input_rows());
  GgufOptions options;
  options.prefix = "query: ";
  for (const auto& embedder : {Open(kBert), Open(kBert, options)}) {
    ASSERT_EQ(embedder->input_dimension(), 32u);
    const std::string text = "my Resetting, my";
    const std::vector<TextSpan> words{{0, 2}, {3, 12}, {14, 16}};
    const std::vector<float> found = embedder->InputRows(text, words);
    ASSERT_EQ(found.size(), 3u * 32);
    const std::span<const float> rows = found;
    EXPECT_NEAR(Cosine(rows.first(32), rows.subspan(64, 32)), 1, 1e-6f);
    const auto split = (*model)->Split("Resetting", 64, true);
    ASSERT_TRUE(split);
    std::vector<float> sum(32), row(32);
    for (std::size_t i = 1; i + 1 < split->tokens.size(); ++i) {
      (*model)->FirstRow(split->tokens[i], row);
      for (std::size_t k = 0; k < 32; ++k) sum[k] += row[k];
    }
    EXPECT_NEAR(Cosine(rows.subspan(32, 32), sum), 1, 1e-5f);
    EXPECT_NEAR(Cosine(rows.subspan(32, 32), rows.subspan(32, 32)), 1, 1e-5f);
  }
}

TEST(GgufEmbedder, PiecesOfBytesStandWhereTheyAre) {
  const auto model = LlamaModel::Open(FIXTURES "/qwen3-embed.gguf");
  ASSERT_TRUE(model);
  const std::string text = "été reset 中";
  const auto split = (*model)->Split(text, 64, true);
  ASSERT_TRUE(split);
  std::string joined;
  for (const TextSpan& span : split->spans) joined += text.substr(span.begin, span.end - span.begin);
  EXPECT_EQ(joined, text);
}

TEST(GgufEmbedder, NothingIsEverCut) {
  const auto embedder = Open(kBert);
  std::string longest = "a";
  for (int i = 1; i < 62; ++i) longest += " a";  // 62 pieces and two marks: the window.
  EXPECT_TRUE(embedder->Embed(longest, {}, 10s));
  const auto longer = embedder->Embed(longest + " a", {}, 10s);
  ASSERT_FALSE(longer);
  EXPECT_EQ(longer.error().code, ErrorCode::kTooLarge);
  EXPECT_EQ(longer.error().message, "the text has 65 pieces; the model takes 64");
  EXPECT_EQ(embedder->Embed(std::string(70'000, ' '), {}, 10s).error().code, ErrorCode::kTooLarge);
}

TEST(GgufEmbedder, OddTextsNeverEndTheProcess) {
  for (const char* file : {"bert-embed", "qwen2-embed"}) {
    const auto embedder = Open(std::string(FIXTURES "/") + file + ".gguf");
    for (const std::string_view bad : {"a\xff", "\xf7\xbf\xbf\xbf", "\xf4\x90\x80\x80", "\xc3", "\xed\xa0\x80"}) {
      const auto refused = embedder->Embed(bad, {}, 10s);
      ASSERT_FALSE(refused);
      EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
    }
    for (const std::string_view odd : {std::string_view("\0", 1), std::string_view("[CLS] [SEP] <|endoftext|>"),
                                       std::string_view("   "), std::string_view("\xf0\x9f\x98\x80"), std::string_view("")}) {
      const auto result = embedder->Embed(odd, {}, 10s);
      EXPECT_TRUE(result || result.error().code == ErrorCode::kInvalidArgument) << result.error().message;
    }
    const std::vector<TextSpan> outside{{0, 9}};
    EXPECT_EQ(embedder->Embed("short", outside, 10s).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(GgufEmbedder, NoTimeIsATimeoutAndHarmless) {
  const auto embedder = Open(kBert);
  EXPECT_EQ(embedder->Embed(kQuestion, {}, 0ns).error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(embedder->Embed(kQuestion, {}, 10s));
}

TEST(GgufEmbedder, APassIsGivenUpWhenNobodyWaits) {
  const auto model = LlamaModel::Open(kBert);
  ASSERT_TRUE(model);
  const auto context = LlamaContext::Open(**model, {.tokens_max = 64, .jobs_max = 1});
  ASSERT_TRUE(context);
  BatchJob job;
  job.tokens = (*model)->Split(kQuestion, 64, false)->tokens;
  BatchJob* const batch[] = {&job};
  (*context)->Run(batch, BatchQueue::Clock::time_point::min());
  ASSERT_TRUE(job.error);
  EXPECT_EQ(job.error->code, ErrorCode::kTimeout);
  job.error.reset();
  (*context)->Run(batch, BatchQueue::Clock::time_point::max());
  EXPECT_FALSE(job.error);
}

TEST(GgufEmbedder, LongTextsGoTheirOwnWay) {
  GgufOptions options;
  options.batch_tokens_max = 16;
  const auto short_lane = Open(kBert, options), one_lane = Open(kBert);
  const std::string text = "how do i reset my password and change my email account please help me delete the user";
  const auto a = short_lane->Embed(text, {}, 10s), b = one_lane->Embed(text, {}, 10s);
  ASSERT_TRUE(a && b);
  EXPECT_GT(Cosine(a->text, b->text), 0.99999f);
}

TEST(GgufEmbedder, ThePrefixCountsAndWordsKeepTheirPlace) {
  GgufOptions options;
  options.prefix = "query: ";
  const auto with = Open(kBert, options), without = Open(kBert);
  EXPECT_NE(with->model_id(), without->model_id());
  const std::vector<TextSpan> word{{0, 5}};
  const auto a = with->Embed("reset", word, 10s);
  const auto b = without->Embed("query: reset", std::vector<TextSpan>{{7, 12}}, 10s);
  ASSERT_TRUE(a && b);
  EXPECT_GT(Cosine(a->text, b->text), 0.99999f);
  EXPECT_GT(Cosine(a->words, b->words), 0.99999f);
}

TEST(GgufEmbedder, ManyCallersGetTheirOwnVectors) {
  GgufOptions options;
  options.contexts = 2;
  const auto embedder = Open(kBert, options);
  const std::vector<std::string> texts{"reset my password", "cancel the order", "weather in paris", "delete my account please"};
  std::vector<std::vector<float>> alone;
  for (const std::string& text : texts) alone.push_back(embedder->Embed(text, {}, 10s)->text);
  std::atomic<int> right = 0;
  std::vector<std::thread> callers;
  for (std::size_t caller = 0; caller < 6; ++caller) {
    callers.emplace_back([&, caller] {
      for (std::size_t i = 0; i < 50; ++i) {
        const std::size_t which = (caller + i) % texts.size();
        const auto embedding = embedder->Embed(texts[which], {}, 60s);
        // Not the same bits: sums depend on what shares the batch.
        right += embedding && Cosine(embedding->text, alone[which]) > 0.9999f;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(right, 300);
}

TEST(GgufEmbedder, OptionsOutOfRangeAreNamed) {
  const auto refused = [](auto change) {
    GgufOptions options;
    change(options);
    const auto opened = OpenGguf(kBert, options);
    return !opened && opened.error().code == ErrorCode::kInvalidArgument;
  };
  EXPECT_TRUE(refused([](GgufOptions& o) { o.contexts = 0; }));
  EXPECT_TRUE(refused([](GgufOptions& o) { o.contexts = kGgufContextsMax + 1; }));
  EXPECT_TRUE(refused([](GgufOptions& o) { o.queue_max = kGgufQueueMax + 1; }));
  EXPECT_FALSE(refused([](GgufOptions& o) { o.queue_max = kGgufQueueMax; }));
  EXPECT_TRUE(refused([](GgufOptions& o) { o.prefix = std::string(kGgufPrefixBytesMax + 1, 'a'); }));
  EXPECT_TRUE(refused([](GgufOptions& o) { o.batch_tokens_max = 4; }));
  EXPECT_TRUE(refused([](GgufOptions& o) { o.text_tokens_max = 9000; }));
  EXPECT_TRUE(refused([](GgufOptions& o) { o.prefix = "\xff"; }));
  EXPECT_EQ(OpenGguf(FIXTURES, {}).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(OpenGguf(FIXTURES "/none.gguf", {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace reflex::inference
