// The idle stop looked at a time that no request moved: a busy instance stopped itself. Here every request but health checks and
// metrics counts, to its last byte.
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "app/idle_watch.h"
#include "fakes/manual_clock.h"
#include "server/gateway/gateway_world.h"

namespace reflex::gateway::testing {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class IdleStop : public ::testing::Test {
 protected:
  IdleStop() {
    world_.Start();
    watch_.emplace([this] { return world_.gateway->activity(); }, clock_, minutes(5));
  }

  // Looks once a second for `time`; true if any look said idle.
  bool LooksIdleWithin(seconds time) {
    bool idle = false;
    for (seconds passed{0}; passed < time; ++passed) {
      clock_.Advance(seconds(1));
      idle = watch_->Look() || idle;
    }
    return idle;
  }
  ExchangePtr Get(std::string target) {
    Request request;
    request.method = "GET";
    request.target = std::move(target);
    request.headers = {{"Host", "127.0.0.1:8080"}};
    return world_.Run(std::move(request));
  }

  GatewayWorld world_;
  fakes::ManualClock clock_;
  std::optional<app::IdleWatch> watch_;
};

TEST_F(IdleStop, NeverComesWhileRequestsDo) {
  world_.provider.OnCall([](ProviderCall& call) { call.Json(200, PlainAnswer("hello")); });
  for (int i = 0; i < 20; ++i) {
    world_.Run(Chat("the same question"));  // A miss, then hits.
    ASSERT_FALSE(LooksIdleWithin(minutes(4))) << i;
  }
  EXPECT_TRUE(LooksIdleWithin(minutes(2))) << "and comes when they end";
}

TEST_F(IdleStop, NeverComesDuringOneLongStream) {
  const auto stream = world_.Ask(StreamChat("q"));
  const auto joined = world_.Ask(StreamChat("q"));
  const CallPtr call = world_.provider.Next();
  const auto events = AnswerEvents({"a", "b"}, true);
  call->EventHead();
  call->Piece(events[0]);
  stream->WaitForBody(1);
  joined->WaitForBody(1);
  EXPECT_FALSE(LooksIdleWithin(minutes(60)));
  for (std::size_t i = 1; i < events.size(); ++i) call->Piece(events[i]);
  call->End();
  stream->WaitForDone();
  joined->WaitForDone();
  world_.WaitForNoFlights();
  world_.Settle();
  EXPECT_FALSE(LooksIdleWithin(minutes(4)));
  EXPECT_TRUE(LooksIdleWithin(minutes(2)));
}

TEST_F(IdleStop, HealthChecksAndMetricsDoNotKeepItAwake) {
  ASSERT_FALSE(LooksIdleWithin(minutes(4)));
  for (const char* path : {"/healthz", "/ready", "/metrics"}) EXPECT_GT(Get(path)->status(), 0) << path;
  EXPECT_TRUE(LooksIdleWithin(minutes(2)));
}

}  // namespace
}  // namespace reflex::gateway::testing
