#include "redis/client.h"

#include <string>

#include <gtest/gtest.h>

#include "server/redis/redis_server.h"

namespace reflex::redis {
namespace {

using namespace std::chrono_literals;

ClientOptions Options(const std::string& url) {
  ClientOptions options;
  options.address = ParseAddress(url).value();
  return options;
}

TEST(Client, ABatchIsOneRoundTrip) {
  RedisServer server;
  const auto client = Client::Create(Options(server.url())).value();
  Batch batch;
  batch.Add("k", {"SET", "k", std::string(1'000'000, 'x')});
  for (int i = 0; i < 100; ++i) batch.Add("k", {"STRLEN", "k"});
  batch.Add("k", {"NOSUCHCOMMAND"});
  const auto replies = client->Run(batch, 10s);
  ASSERT_TRUE(replies) << replies.error().message;
  ASSERT_EQ(replies->size(), 102u);
  EXPECT_EQ((*replies)[100].integer, 1'000'000);
  EXPECT_TRUE((*replies)[101].is_error());
  EXPECT_EQ(client->Stats().round_trips, 1u);
  EXPECT_EQ(client->Stats().connections, 1u);
}

TEST(Client, AWrongPasswordIsSaidAndNotShown) {
  RedisServer server({"--requirepass", "right"});
  Batch batch;
  batch.Add("k", {"PING"});
  const auto refused =
      Client::Create(Options("redis://:hunter2@127.0.0.1:" + std::to_string(server.port()))).value()->Run(batch, 5s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(refused.error().message.find("hunter2"), std::string::npos);
  const auto client = Client::Create(Options("redis://:right@127.0.0.1:" + std::to_string(server.port()))).value();
  EXPECT_TRUE(client->Run(batch, 5s));
}

TEST(Client, AfterFailuresCallsFailAtOnceAndRecoverByThemselves) {
  RedisServer server;
  ClientOptions options = Options(server.url());
  options.breaker_pause = 50ms;
  const auto client = Client::Create(options).value();
  Batch batch;
  batch.Add("k", {"PING"});
  ASSERT_TRUE(client->Run(batch, 5s));
  server.Pause();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(client->Run(batch, 30ms).error().code, ErrorCode::kTimeout);
  EXPECT_TRUE(client->Stats().open);
  EXPECT_NE(client->Trouble(), "");
  while (client->Stats().refused == 0) (void)client->Run(batch, 30ms);
  server.Resume();
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (!client->Run(batch, 1s) && std::chrono::steady_clock::now() < end) {
  }
  EXPECT_FALSE(client->Stats().open);
  EXPECT_EQ(client->Trouble(), "");
}

TEST(Client, ARestartCostsNoCallOnAKeptConnection) {
  RedisServer server;
  const auto client = Client::Create(Options(server.url())).value();
  Batch batch;
  batch.Add("k", {"PING"});
  ASSERT_TRUE(client->Run(batch, 5s));
  server.Restart();
  EXPECT_TRUE(client->Run(batch, 5s));
  server.Kill();
  EXPECT_FALSE(client->Run(batch, 1s));
}

}  // namespace
}  // namespace reflex::redis
