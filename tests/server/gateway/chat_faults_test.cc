#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include "fakes/faulty_store.h"
#include "gateway_world.h"

// A provider that fails in every way, and clients that do: right status, nothing bad stored.
namespace reflex::gateway::testing {
namespace {

struct Fault {
  ErrorCode code;
  int status;
  std::string reason, error_code;
};
const Fault kBeforeHead[] = {{ErrorCode::kUnavailable, 502, "upstream-unreachable", "upstream_unreachable"},
                             {ErrorCode::kClosed, 502, "upstream-unreachable", "upstream_unreachable"},
                             {ErrorCode::kProtocol, 502, "upstream-protocol", "upstream_protocol"},
                             {ErrorCode::kTimeout, 504, "upstream-timeout", "upstream_timeout"}};
const Fault kInBody[] = {{ErrorCode::kClosed, 502, "upstream-truncated", "upstream_truncated"},
                         {ErrorCode::kProtocol, 502, "upstream-protocol", "upstream_protocol"},
                         {ErrorCode::kTimeout, 504, "upstream-timeout", "upstream_timeout"}};

Request NoStore(Request request) {
  request.headers.emplace_back("cache-control", "no-store");
  return request;
}

void ExpectProblem(const FakeExchange& exchange, const Fault& fault) {
  EXPECT_EQ(exchange.status(), fault.status);
  EXPECT_EQ(exchange.Header("X-Reflex-Status"), "error");
  EXPECT_EQ(exchange.Header("X-Reflex-Reason"), fault.reason);
  EXPECT_EQ(exchange.Header("Content-Type"), "application/json");
  EXPECT_FALSE(exchange.Header("X-Request-Id").empty());
  EXPECT_NE(exchange.body().find("\"code\":\"" + fault.error_code + "\""), std::string::npos) << exchange.body();
  EXPECT_NE(exchange.body().find("\"type\":\"upstream_error\",\"param\":null"), std::string::npos) << exchange.body();
}

TEST(ChatFaults, AProviderThatGivesNoHead) {
  GatewayWorld world;
  world.Start();
  for (const Fault& fault : kBeforeHead) {
    world.provider.OnCall([&](ProviderCall& call) { call.Fail(fault.code); });
    for (const Request& request : {Chat("q"), StreamChat("q"), NoStore(Chat("q")), NoStore(StreamChat("q"))}) {
      ExpectProblem(*world.Run(request), fault);
    }
  }
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

TEST(ChatFaults, APlainAnswerCutAtEachByteIsAnErrorAndNotStored) {
  GatewayWorld world;
  world.Start();
  const std::string answer = PlainAnswer("hello");
  for (const Fault& fault : kInBody) {
    for (std::size_t cut = 0; cut < answer.size(); ++cut) {
      world.provider.OnCall([&](ProviderCall& call) {
        call.Head(200, {{"content-type", "application/json"}}, answer.size());
        if (cut > 0) call.Piece(answer.substr(0, cut));
        call.Fail(fault.code);
      });
      ExpectProblem(*world.Run(Chat("q")), fault);
    }
  }
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

TEST(ChatFaults, AStreamCutAtEachByteEndsWithAnErrorEventAndIsNotStored) {
  GatewayWorld world;
  world.Start();
  std::string stream;
  for (const std::string& event : AnswerEvents({"a", "b"}, true)) stream += event;
  const std::size_t done = stream.find("data: [DONE]");
  for (std::size_t cut = 0; cut < done; ++cut) {
    world.provider.OnCall([&](ProviderCall& call) {
      call.EventHead();
      if (cut > 0) call.Piece(stream.substr(0, cut));
      call.Fail(ErrorCode::kClosed);
    });
    for (const Request& request : {StreamChat("q"), NoStore(StreamChat("q"))}) {
      const auto exchange = world.Run(request);
      EXPECT_EQ(exchange->status(), 200);
      EXPECT_TRUE(exchange->ended());
      const auto data = DataOf(exchange->body());
      ASSERT_FALSE(data.empty());
      EXPECT_NE(data.back().find(R"("code":"upstream_truncated")"), std::string::npos) << exchange->body();
      EXPECT_EQ(exchange->body().find("[DONE]"), std::string::npos);
      // Whole events only came before it.
      for (std::size_t i = 0; i + 1 < data.size(); ++i) EXPECT_EQ(data[i].back(), '}');
    }
  }
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

TEST(ChatFaults, AStreamThatEndsWithoutAFinishIsAnErrorToo) {
  GatewayWorld world;
  world.Start();
  const auto events = AnswerEvents({"a", "b"}, true);
  for (std::size_t count = 0; count < 3; ++count) {
    world.provider.OnCall([&](ProviderCall& call) {
      call.EventHead();
      for (std::size_t i = 0; i < count; ++i) call.Piece(events[i]);
      call.End();
    });
    const auto exchange = world.Run(StreamChat("q"));
    EXPECT_NE(exchange->body().find("upstream_truncated"), std::string::npos) << exchange->body();
  }
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

// A stream that nobody shares, whose body ends properly in the middle of an event.
TEST(ChatFaults, HalfAnEventOfARelayIsAnErrorEvent) {
  GatewayWorld world;
  world.Start();
  const std::string first = AnswerEvents({}, false)[0];
  for (const std::string half : {"data: {\"id\":\"c\",\"obj", "data: [DO", "da", "data: {\"id\":\"c\"}\ndata: {"}) {
    world.provider.OnCall([&](ProviderCall& call) { call.EventHead().Piece(first + half).End(); });
    const auto exchange = world.Run(NoStore(StreamChat("q")));
    EXPECT_TRUE(exchange->ended());
    ASSERT_EQ(DataOf(exchange->body()).size(), 2u) << exchange->body();
    EXPECT_TRUE(exchange->body().starts_with(first)) << exchange->body();
    EXPECT_NE(DataOf(exchange->body())[1].find("upstream_truncated"), std::string::npos) << exchange->body();
    EXPECT_FALSE(exchange->body().substr(first.size()).starts_with(half + "\n")) << exchange->body();
  }
}

TEST(ChatFaults, ARelaysLastEventMayLackItsBlankLine) {
  GatewayWorld world;
  world.Start();
  const auto events = AnswerEvents({"a"}, false);
  for (const std::string last : {"data: {\"id\":\"c\",\"choices\":[]}", "data: [DONE]", "data: [DONE]\n", "data: {}\r\n"}) {
    world.provider.OnCall([&](ProviderCall& call) { call.EventHead().Piece(events[0] + last).End(); });
    const auto exchange = world.Run(NoStore(StreamChat("q")));
    EXPECT_TRUE(exchange->body().starts_with(events[0] + last)) << exchange->body();
    EXPECT_EQ(DataOf(exchange->body()).size(), 2u) << exchange->body();
    EXPECT_EQ(exchange->body().find("error"), std::string::npos) << exchange->body();
  }
  world.provider.OnCall([&](ProviderCall& call) { call.EventHead().Piece(events.back() + "da").End(); });
  EXPECT_EQ(world.Run(NoStore(StreamChat("q")))->body(), events.back()) << "what follows [DONE] is not missed";
}

TEST(ChatFaults, AnEmptyErrorMemberEndsNothing) {
  GatewayWorld world;
  world.provider.OnCall([](ProviderCall& call) {
    call.EventHead();
    for (std::string event : AnswerEvents({"hel", "lo"}, true)) {
      if (event.starts_with("data: {")) event.insert(7, R"("error":"",)");
      call.Piece(event);
    }
    call.End();
  });
  world.Start();
  const auto exchange = world.Run(StreamChat("q"));
  EXPECT_EQ(ContentOf(exchange->body()), "hello");
  EXPECT_EQ(DataOf(exchange->body()).back(), "[DONE]");
  EXPECT_EQ(world.Run(Chat("q"))->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST(ChatFaults, DoneIsNotNeeded) {
  GatewayWorld world;
  world.provider.OnCall([](ProviderCall& call) {
    call.EventHead();
    auto events = AnswerEvents({"hel", "lo"}, true);
    events.pop_back();
    events.back().resize(events.back().size() - 2);  // Nor is the last blank line.
    for (const std::string& event : events) call.Piece(event);
    call.End();
  });
  world.Start();
  const auto exchange = world.Run(StreamChat("q"));
  EXPECT_EQ(ContentOf(exchange->body()), "hello");
  EXPECT_EQ(exchange->body().find("error"), std::string::npos);
  EXPECT_EQ(world.Run(Chat("q"))->Header("X-Reflex-Status"), "hit-l1-exact");
}

TEST(ChatFaults, DoneIsNotEnough) {
  GatewayWorld world;
  world.provider.OnCall([](ProviderCall& call) {
    call.EventHead();
    for (const std::string& event : AnswerEvents({"a"}, true)) call.Piece(event);
    call.Fail(ErrorCode::kClosed);
  });
  world.Start();
  const auto exchange = world.Run(StreamChat("q"));
  EXPECT_EQ(DataOf(exchange->body()).back(), "[DONE]") << "the client has all of it";
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

TEST(ChatFaults, AnErrorEventOfTheProviderIsPassedAndEndsTheStream) {
  GatewayWorld world;
  const std::string error = R"(data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":null}})"
                            "\n\n";
  world.provider.OnCall([&](ProviderCall& call) {
    call.EventHead();
    call.Piece(AnswerEvents({}, true)[0]).Piece(error).Piece("data: [DONE]\n\n").End();
  });
  world.Start();
  const auto exchange = world.Run(StreamChat("q"));
  EXPECT_TRUE(exchange->body().ends_with(error)) << exchange->body();
  EXPECT_TRUE(exchange->ended());
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

TEST(ChatFaults, StatusBodyAndRetryHeadersOfErrorsReachTheClientUnchanged) {
  GatewayWorld world;
  world.Start();
  for (const int status : {400, 401, 403, 404, 409, 422, 429, 500, 503, 529}) {
    const std::string error = R"({"error":{"message":"m )" + std::to_string(status) + R"(","type":"t","param":"p","code":"c"}})";
    world.provider.OnCall([&](ProviderCall& call) {
      call.Json(
          status, error,
          {{"retry-after", "7"}, {"retry-after-ms", "70"}, {"x-should-retry", "false"}, {"x-ratelimit-remaining-tokens", "0"}});
    });
    for (const Request& request : {Chat("q"), StreamChat("q"), NoStore(Chat("q"))}) {
      const auto exchange = world.Run(request);
      EXPECT_EQ(exchange->status(), status);
      EXPECT_EQ(exchange->body(), error);
      EXPECT_EQ(exchange->Header("retry-after"), "7");
      EXPECT_EQ(exchange->Header("retry-after-ms"), "70");
      EXPECT_EQ(exchange->Header("x-should-retry"), "false");
      EXPECT_EQ(exchange->Header("x-ratelimit-remaining-tokens"), "0");
      EXPECT_NE(exchange->Header("X-Reflex-Status"), "error") << "it is the provider's";
    }
  }
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

TEST(ChatFaults, GarbageInAStreamIsPassedButNotStored) {
  GatewayWorld world;
  world.provider.OnCall([](ProviderCall& call) {
    call.EventHead().Piece("data: garbage\n\n");
    for (const std::string& event : AnswerEvents({"a"}, true)) call.Piece(event);
    call.End();
  });
  world.Start();
  EXPECT_EQ(DataOf(world.Run(StreamChat("q"))->body()).front(), "garbage");
  EXPECT_EQ(world.cache->Stats().memory_entries, 0u);
}

// What a throw looks like from outside: no caller waits for ever, and the next one starts over.
TEST(ChatFaults, ACallThatThrowsEndsItsFlight) {
  for (const bool stream : {false, true}) {
    GatewayWorld world(2);
    world.Start();
    std::promise<void> joined;
    world.provider.OnCall([may_throw = joined.get_future().share()](ProviderCall&) {
      may_throw.wait();
      throw std::bad_alloc();
    });
    const auto first = world.Ask(stream ? StreamChat("q") : Chat("q"), 0);
    while (world.provider.calls() == 0) std::this_thread::yield();
    const auto second = world.Ask(Chat("q"), 1);
    world.Settle(1);
    joined.set_value();
    for (const auto& exchange : {first, second}) {
      exchange->WaitForDone();
      EXPECT_EQ(exchange->status(), 500);
      EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "internal");
    }
    EXPECT_EQ(world.provider.calls(), 1u) << "the second waited with the first";
    world.WaitForNoFlights();
    world.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("fine")); });
    EXPECT_EQ(ContentOfPlain(world.Run(Chat("q"))->body()), "fine");
  }
}

class ThrowingStore final : public fakes::FaultyStore {
 public:
  Result<void> Put(EntryPtr) override { throw std::bad_alloc(); }
};

TEST(ChatFaults, AThrowBehindTheHeadEndsItsFlightToo) {
  GatewayWorld world;
  world.Start(std::make_unique<ThrowingStore>());
  world.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("x")); });
  EXPECT_EQ(world.Run(Chat("plain"))->status(), 500);
  world.provider.OnCall([](ProviderCall& call) {
    call.EventHead();
    for (const std::string& event : AnswerEvents({"hel", "lo"}, true)) call.Piece(event);
    call.End();
  });
  const auto whole = world.Run(StreamChat("stream"));
  EXPECT_EQ(ContentOf(whole->body()), "hello");
  EXPECT_EQ(DataOf(whole->body()).back(), "[DONE]") << "the client has all of it";
  world.provider.OnCall([](ProviderCall& call) {
    call.EventHead();
    auto events = AnswerEvents({"hel", "lo"}, true);
    events.pop_back();  // Without [DONE] there is nothing to say that this was all.
    for (const std::string& event : events) call.Piece(event);
    call.End();
  });
  const auto open = world.Run(StreamChat("open"));
  EXPECT_NE(DataOf(open->body()).back().find("internal_error"), std::string::npos) << open->body();
  world.WaitForNoFlights();
}

TEST(ChatFaults, ABadRequestBodyIsTheClientsError) {
  GatewayWorld world;
  world.Start();
  const std::vector<std::pair<ErrorCode, int>> faults = {
      {ErrorCode::kTooLarge, 413}, {ErrorCode::kBusy, 503}, {ErrorCode::kTimeout, 408}, {ErrorCode::kProtocol, 400}};
  for (const auto& [code, status] : faults) {
    // The exchange fails its body before the handler reads it: set up by hand.
    Request request = Chat("q");
    const auto exchange = world.Prepare(request);
    exchange->FailBody(code);
    world.Handle(exchange);
    exchange->WaitForDone();
    EXPECT_EQ(exchange->status(), status);
    EXPECT_EQ(exchange->Header("X-Reflex-Status"), "error");
    EXPECT_EQ(exchange->Header("Retry-After"), status == 503 ? "1" : "");
  }
  EXPECT_EQ(world.provider.calls(), 0u);
}

TEST(ChatFaults, AProviderThatIsOffIs404) {
  GatewayWorld world;
  world.provider.table.openai.reset();
  world.Start();
  const auto exchange = world.Run(Chat("q"));
  EXPECT_EQ(exchange->status(), 404);
  EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "no-upstream");
}

}  // namespace
}  // namespace reflex::gateway::testing
