#include <gtest/gtest.h>

#include <atomic>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gateway_world.h"

// Callers on two threads that join, read, leave and are answered all at once; worth most under the thread sanitizer.
namespace reflex::gateway::testing {
namespace {

TEST(FlightStress, EveryCallerGetsAWholeAnswerOrHasLeft) {
  GatewayWorld world(2);
  world.options.reply_bytes_max = 20'000;  // Some answers become relays.
  world.Start();
  // The provider answers from its own thread, in pieces, some calls badly.
  std::thread provider([&] {
    std::mt19937 random(7);
    for (;;) {
      const CallPtr call = world.provider.Next();
      if (call->body.find("stop") != std::string::npos) {
        call->Json(200, PlainAnswer("stop"));
        return;
      }
      const int words = random() % 8 == 0 ? 60 : 5;
      if (call->body.find(R"("stream":true)") == std::string::npos) {
        call->Json(200, PlainAnswer(std::string(static_cast<std::size_t>(words) * 500, 'x')));
        continue;
      }
      call->EventHead();
      const auto events = AnswerEvents(std::vector<std::string>(static_cast<std::size_t>(words), std::string(500, 'x')), true);
      for (const std::string& event : events) call->Piece(event);
      if (random() % 10 == 0) {
        call->Fail(ErrorCode::kClosed);
      } else {
        call->End();
      }
    }
  });
  std::vector<std::thread> clients;
  std::atomic<int> whole{0}, left{0};
  for (std::size_t thread = 0; thread < 2; ++thread) {
    clients.emplace_back([&, thread] {
      std::mt19937 random(static_cast<unsigned>(thread));
      for (int round = 0; round < 150; ++round) {
        const std::string question = "q" + std::to_string(round / 3);
        const bool stream = random() % 2 == 0;
        const auto exchange = world.Ask(stream ? StreamChat(question) : Chat(question), thread);
        if (random() % 4 == 0) {
          exchange->Leave();
          ++left;
        }
        exchange->WaitForDone();
        if (exchange->ended() && exchange->status() == 200) ++whole;
        if (random() % 40 == 0) static_cast<void>(world.cache->Clear());
      }
    });
  }
  for (std::thread& client : clients) client.join();
  world.Run(Chat("stop"));
  provider.join();
  world.WaitForNoFlights();
  EXPECT_GT(whole.load(), 100);
  EXPECT_GT(left.load(), 20);
}

}  // namespace
}  // namespace reflex::gateway::testing
