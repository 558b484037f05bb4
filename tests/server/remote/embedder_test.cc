#include "remote/http_embedder.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "fakes/provider.h"
#include "server/remote/remote_world.h"
#include "wire/json.h"

namespace reflex::remote {
namespace {

using fakes::Always;
using fakes::Ok;
using fakes::Peer;
using fakes::Provider;

std::string Status(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " S\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A small embedding service: a text's vector is (length, 1, 0). In both forms, in an order of its own; texts with "long" are
// refused.
class EmbedServer {
 public:
  explicit EmbedServer(EmbedForm form) : form_(form), provider_([this](Peer& peer) { Serve(peer); }) {}
  ~EmbedServer() { Open(); }

  std::string url() const { return provider_.url(); }
  // Until Open, calls wait.
  void Close() { Set(true); }
  void Open() { Set(false); }
  std::vector<std::size_t> batches() {
    std::lock_guard lock(mutex_);
    return batches_;
  }
  std::string last_body() {
    std::lock_guard lock(mutex_);
    return last_body_;
  }
  void AwaitCall(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return batches_.size() >= count; });
  }

 private:
  void Set(bool closed) {
    std::lock_guard lock(mutex_);
    closed_ = closed;
    changed_.notify_all();
  }

  void Serve(Peer& peer) {
    while (const auto request = peer.ReadRequest()) {
      wire::json::Document document;
      EXPECT_EQ(document.Parse(request->body), "");
      const auto inputs = document.root().Find(form_ == EmbedForm::kTei ? "inputs" : "input");
      const std::string wanted = form_ == EmbedForm::kTei ? "POST /embed HTTP/1.1" : "POST /embeddings HTTP/1.1";
      EXPECT_EQ(request->first_line, wanted);
      std::vector<std::string> vectors;
      bool too_long = false;
      for (const auto text : inputs.elements()) {
        too_long = too_long || text.text().find("long") != std::string_view::npos;
        vectors.push_back("[" + std::to_string(text.text().size()) + ",1,0]");
      }
      {
        std::unique_lock lock(mutex_);
        batches_.push_back(vectors.size());
        last_body_ = request->body;
        changed_.notify_all();
        changed_.wait(lock, [this] { return !closed_; });
      }
      std::string reply = too_long ? Status(form_ == EmbedForm::kTei ? 413 : 400, R"({"error":"too long"})") : Ok(Body(vectors));
      if (!peer.Send(reply)) return;
    }
  }

  std::string Body(const std::vector<std::string>& vectors) const {
    std::string list;
    for (std::size_t i = vectors.size(); i-- > 0;) {
      // Last first: only the index says which is which.
      const std::size_t at = form_ == EmbedForm::kTei ? vectors.size() - 1 - i : i;
      list += list.empty() ? "" : ",";
      list += form_ == EmbedForm::kTei
                  ? vectors[at]
                  : R"({"object":"embedding","index":)" + std::to_string(at) + R"(,"embedding":)" + vectors[at] + "}";
    }
    return form_ == EmbedForm::kTei ? "[" + list + "]" : R"({"object":"list","data":[)" + list + R"(],"model":"m"})";
  }

  const EmbedForm form_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool closed_ = false;
  std::vector<std::size_t> batches_;
  std::string last_body_;
  Provider provider_;
};

HttpEmbedderOptions With(EmbedForm form) {
  HttpEmbedderOptions options;
  options.form = form;
  options.model = "m";
  options.time_limit = kPatience;
  return options;
}

void ExpectVectorOf(const Result<Embedding>& embedding, double length) {
  ASSERT_TRUE(embedding.has_value()) << embedding.error().message;
  ASSERT_EQ(embedding->text.size(), 3u);
  EXPECT_NEAR(embedding->text[0], length / std::sqrt(length * length + 1), 1e-6);
  EXPECT_TRUE(embedding->words.empty());
}

class Forms : public testing::TestWithParam<EmbedForm> {};

TEST_P(Forms, EmbedsWithUnitLengthAndKnowsItsDimensionFromTheStart) {
  EmbedServer server(GetParam());
  RemoteWorld world;
  const auto service = world.Open(server.url(), {.name = "embedder"});
  const auto opened = HttpEmbedder::Open(With(GetParam()), *service, kPatience);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  HttpEmbedder& embedder = **opened;
  EXPECT_EQ(embedder.dimension(), 3u);
  EXPECT_EQ(embedder.model_id(), "http m");
  EXPECT_FALSE(embedder.quick());
  EXPECT_FALSE(embedder.has_words());
  const TextSpan word{0, 4};
  ExpectVectorOf(embedder.Embed("four \"quoted\"\n", {&word, 1}, kPatience), 14);
  EXPECT_EQ(embedder.Embed("\xFF", {}, kPatience).error().code, ErrorCode::kInvalidArgument);
}

TEST_P(Forms, TextsThatWaitGoTogetherAndEachGetsItsOwn) {
  EmbedServer server(GetParam());
  RemoteWorld world;
  const auto service = world.Open(server.url(), {.name = "embedder"});
  HttpEmbedderOptions options = With(GetParam());
  options.calls_max = 1;
  options.batch_max = 5;
  const auto opened = HttpEmbedder::Open(options, *service, kPatience);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  server.Close();
  std::vector<std::thread> callers;
  const auto ask = [&](std::size_t length) {
    callers.emplace_back(
        [&, length] { ExpectVectorOf((*opened)->Embed(std::string(length, 'x'), {}, kPatience), static_cast<double>(length)); });
  };
  ask(1);
  server.AwaitCall(2);  // The first is the probe of the start.
  for (std::size_t length = 2; length <= 9; ++length) ask(length);
  // Let go when all wait; a caller that comes later makes one more call, so the number is bounded both ways.
  server.Open();
  for (std::thread& caller : callers) caller.join();
  std::size_t texts = 0;
  for (const std::size_t size : server.batches()) {
    EXPECT_LE(size, 5u);
    texts += size;
  }
  EXPECT_EQ(texts, 10u);
}

TEST_P(Forms, ATextThatIsTooLongFailsAlone) {
  EmbedServer server(GetParam());
  RemoteWorld world;
  const auto service = world.Open(server.url(), {.name = "embedder"});
  HttpEmbedderOptions options = With(GetParam());
  options.calls_max = 1;
  const auto opened = HttpEmbedder::Open(options, *service, kPatience);
  ASSERT_TRUE(opened.has_value());
  server.Close();
  std::vector<std::thread> callers;
  callers.emplace_back([&] { ExpectVectorOf((*opened)->Embed("a", {}, kPatience), 1); });
  server.AwaitCall(2);
  callers.emplace_back([&] { ExpectVectorOf((*opened)->Embed("bb", {}, kPatience), 2); });
  callers.emplace_back([&] { EXPECT_EQ((*opened)->Embed("long", {}, kPatience).error().code, ErrorCode::kTooLarge); });
  callers.emplace_back([&] { ExpectVectorOf((*opened)->Embed("ccc", {}, kPatience), 3); });
  server.Open();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(service->Degraded(), "");
}

std::string FormName(const testing::TestParamInfo<EmbedForm>& info) { return info.param == EmbedForm::kTei ? "Tei" : "OpenAi"; }
INSTANTIATE_TEST_SUITE_P(HttpEmbedder, Forms, testing::Values(EmbedForm::kOpenAi, EmbedForm::kTei), FormName);

TEST(HttpEmbedder, SendsWhatTheDocumentSays) {
  const std::string texts[] = {"a \"b\"", "c"};
  const ServiceCall openai = EmbedCall(EmbedForm::kOpenAi, "m", texts);
  EXPECT_EQ(openai.target, "/embeddings");
  EXPECT_EQ(openai.body, R"({"model":"m","input":["a \"b\"","c"],"encoding_format":"float"})");
  const ServiceCall tei = EmbedCall(EmbedForm::kTei, "m", texts);
  EXPECT_EQ(tei.target, "/embed");
  EXPECT_EQ(tei.body, R"({"inputs":["a \"b\"","c"],"normalize":true,"truncate":false})");
}

TEST(HttpEmbedder, APrefixIsPutBeforeEachTextAndIsPartOfTheId) {
  EmbedServer server(EmbedForm::kOpenAi);
  RemoteWorld world;
  const auto service = world.Open(server.url(), {.name = "embedder"});
  HttpEmbedderOptions options = With(EmbedForm::kOpenAi);
  options.prefix = "query: ";
  const auto opened = HttpEmbedder::Open(options, *service, kPatience);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ((*opened)->model_id(), "http m prefix=query: ");
  ExpectVectorOf((*opened)->Embed("abc", {}, kPatience), 10);
  EXPECT_NE(server.last_body().find("query: abc"), std::string::npos);
}

TEST(HttpEmbedder, AServiceThatIsAwayStopsTheStartUnlessTheDimensionIsKnown) {
  RemoteWorld world;
  const auto service = world.Open("http://127.0.0.1:" + std::to_string(fakes::UnusedPort()), {.name = "embedder"});
  HttpEmbedderOptions options = With(EmbedForm::kOpenAi);
  const auto refused = HttpEmbedder::Open(options, *service, kPatience);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(refused.error().message.find("set embedder.dimension"), std::string::npos) << refused.error().message;
  options.dimension = 3;
  const auto opened = HttpEmbedder::Open(options, *service, kPatience);
  ASSERT_TRUE(opened.has_value());
  EXPECT_EQ((*opened)->dimension(), 3u);
  EXPECT_EQ((*opened)->Embed("a", {}, kPatience).error().code, ErrorCode::kUnavailable);
}

TEST(HttpEmbedder, AnotherDimensionStopsTheStartWithBothNumbers) {
  EmbedServer server(EmbedForm::kOpenAi);
  RemoteWorld world;
  const auto service = world.Open(server.url(), {.name = "embedder"});
  HttpEmbedderOptions options = With(EmbedForm::kOpenAi);
  options.dimension = 384;
  const auto opened = HttpEmbedder::Open(options, *service, kPatience);
  ASSERT_FALSE(opened.has_value());
  EXPECT_EQ(opened.error().message, "embedder.dimension is 384, but the vectors of m have 3 numbers");
}

TEST(HttpEmbedder, AnAnswerOfAnotherFormStopsTheStart) {
  EmbedServer server(EmbedForm::kOpenAi);
  RemoteWorld world;
  Provider page(Always(Ok("<html>")));
  const auto service = world.Open(page.url(), {.name = "embedder"});
  const auto opened = HttpEmbedder::Open(With(EmbedForm::kOpenAi), *service, kPatience);
  ASSERT_FALSE(opened.has_value());
  EXPECT_NE(opened.error().message.find("embedder.form"), std::string::npos) << opened.error().message;
}

TEST(HttpEmbedder, RefusesOptionsOutOfRange) {
  RemoteWorld world;
  const auto service = world.Open("http://127.0.0.1:1", {.name = "embedder"});
  for (const auto& change : std::initializer_list<std::function<void(HttpEmbedderOptions&)>>{
           [](auto& o) { o.model = ""; }, [](auto& o) { o.calls_max = 0; }, [](auto& o) { o.queue_max = 0; },
           [](auto& o) { o.batch_max = 0; }, [](auto& o) { o.dimension = 70'000; }}) {
    HttpEmbedderOptions options = With(EmbedForm::kOpenAi);
    options.dimension = 3;
    change(options);
    EXPECT_EQ(HttpEmbedder::Open(options, *service, kPatience).error().code, ErrorCode::kInvalidArgument);
  }
  EXPECT_FALSE(EmbedFormFromName("grpc").has_value());
}

TEST(HttpEmbedder, TheQueueIsBoundedAndEachCallerKeepsItsLimit) {
  EmbedServer server(EmbedForm::kOpenAi);
  RemoteWorld world;
  const auto service = world.Open(server.url(), {.name = "embedder"});
  HttpEmbedderOptions options = With(EmbedForm::kOpenAi);
  options.calls_max = options.queue_max = 1;
  const auto opened = HttpEmbedder::Open(options, *service, kPatience);
  ASSERT_TRUE(opened.has_value());
  server.Close();
  std::thread patient([&] { ExpectVectorOf((*opened)->Embed("a", {}, kPatience), 1); });
  server.AwaitCall(2);
  // Who gives up leaves its place to the next.
  for (const char* text : {"b", "c"}) {
    EXPECT_EQ((*opened)->Embed(text, {}, std::chrono::milliseconds(1)).error().code, ErrorCode::kTimeout);
  }
  std::thread second([&] {
    Result<Embedding> embedding = (*opened)->Embed("dd", {}, kPatience);
    while (!embedding && embedding.error().code == ErrorCode::kBusy) embedding = (*opened)->Embed("dd", {}, kPatience);
    ExpectVectorOf(embedding, 2);
  });
  while ((*opened)->Embed("e", {}, std::chrono::milliseconds(1)).error().code != ErrorCode::kBusy) {
  }
  server.Open();
  patient.join();
  second.join();
  ExpectVectorOf((*opened)->Embed("dd", {}, kPatience), 2);
}

TEST(ReadEmbeddings, BelievesNoWrongAnswer) {
  const auto openai = [](const std::string& data) {
    return ReadEmbeddings(EmbedForm::kOpenAi, R"({"data":[)" + data + "]}", 2, 2);
  };
  const std::string a = R"({"index":0,"embedding":[1,0]})", b = R"({"index":1,"embedding":[0,2]})";
  ASSERT_TRUE(openai(b + "," + a).has_value());
  EXPECT_EQ(openai(b + "," + a)->at(1), (std::vector<float>{0, 1}));
  for (const std::string& wrong :
       {a, a + "," + a, a + "," + b + "," + b, a + R"(,{"index":2,"embedding":[1,0]})", a + R"(,{"embedding":[1,0]})",
        a + R"(,{"index":1,"embedding":[1,0,0]})", a + R"(,{"index":1,"embedding":[1,null]})",
        a + R"(,{"index":1,"embedding":[1,1e60]})", a + R"(,{"index":1,"embedding":"AACAPw=="})",
        a + R"(,{"index":-1,"embedding":[1,0]})", a + R"(,{"index":1})", a + ",7"}) {
    const auto read = openai(wrong);
    ASSERT_FALSE(read.has_value()) << wrong;
    EXPECT_EQ(read.error().code, ErrorCode::kProtocol);
  }
  EXPECT_FALSE(ReadEmbeddings(EmbedForm::kOpenAi, "[[1,0]]", 1, 0).has_value());
  EXPECT_FALSE(ReadEmbeddings(EmbedForm::kTei, R"({"data":[]})", 1, 0).has_value());
  EXPECT_FALSE(ReadEmbeddings(EmbedForm::kTei, "[[]]", 1, 0).has_value());
  EXPECT_FALSE(ReadEmbeddings(EmbedForm::kTei, "[[1,2],[1]]", 2, 0).has_value());
  EXPECT_EQ(ReadEmbeddings(EmbedForm::kTei, "[[0,0]]", 1, 0)->front(), (std::vector<float>{0, 0}));
}

}  // namespace
}  // namespace reflex::remote
