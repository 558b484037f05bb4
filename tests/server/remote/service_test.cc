#include "remote/service.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <utility>

#include <gtest/gtest.h>

#include "fakes/provider.h"
#include "server/remote/remote_world.h"

namespace reflex::remote {
namespace {

using fakes::Always;
using fakes::Ok;
using fakes::Peer;
using fakes::Provider;
using std::chrono::milliseconds;

std::string Status(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) + " S\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

TEST(Service, SendsTheCallAndGivesTheReply) {
  std::string head, body;
  Provider provider([&](Peer& peer) {
    while (auto request = peer.ReadRequest()) {
      head = request->head;
      body = request->body;
      if (!peer.Send(Ok("{\"a\":1}"))) return;
    }
  });
  RemoteWorld world;
  const auto service = world.Open(provider.url() + "/base", {.key_header = "api-key", .key = "s3cret"});
  const auto reply = service->Call({"PUT", "/x?wait=true", "{}"}, kPatience);
  ASSERT_TRUE(reply.has_value()) << reply.error().message;
  EXPECT_EQ(reply->status, 200);
  EXPECT_EQ(reply->body, "{\"a\":1}");
  EXPECT_TRUE(head.starts_with("PUT /base/x?wait=true HTTP/1.1\r\n")) << head;
  EXPECT_NE(head.find("\r\napi-key: s3cret\r\n"), std::string::npos);
  EXPECT_NE(head.find("\r\nContent-Type: application/json\r\n"), std::string::npos);
  EXPECT_EQ(body, "{}");
  EXPECT_EQ(provider.connections(), 1);
  EXPECT_TRUE(service->Call({"GET", "/y"}, kPatience).has_value());
  EXPECT_EQ(provider.connections(), 1);
  EXPECT_EQ(world.Metric(R"(reflex_remote_calls_total{service="thing",outcome="ok"})"), 2);
}

TEST(Service, AStatusBecomesACodeWithTheServicesOwnWords) {
  const std::pair<int, ErrorCode> kCases[] = {{400, ErrorCode::kInvalidArgument}, {404, ErrorCode::kInvalidArgument},
                                              {422, ErrorCode::kInvalidArgument}, {401, ErrorCode::kUnavailable},
                                              {403, ErrorCode::kUnavailable},     {429, ErrorCode::kUnavailable},
                                              {500, ErrorCode::kUnavailable},     {503, ErrorCode::kUnavailable},
                                              {408, ErrorCode::kTimeout},         {413, ErrorCode::kTooLarge}};
  for (const auto& [status, code] : kCases) {
    Provider provider(Always(Status(status, R"({"error":{"message":"no, thanks"}})")));
    RemoteWorld world;
    const auto reply = world.Open(provider.url())->Call({}, kPatience);
    ASSERT_FALSE(reply.has_value()) << status;
    EXPECT_EQ(reply.error().code, code) << status;
    EXPECT_EQ(reply.error().message, "thing answered " + std::to_string(status) + ": no, thanks");
  }
}

TEST(Service, ReadsAllFormsOfARefusal) {
  const auto text = [](std::string body) { return RefusalText({400, std::move(body)}); };
  EXPECT_EQ(text(R"({"status":{"error":"a"},"time":0})"), "a");
  EXPECT_EQ(text(R"({"error":"b","error_type":"x"})"), "b");
  EXPECT_EQ(text(R"({"error":{"message":"c"}})"), "c");
  EXPECT_EQ(text(R"({"message":"d"})"), "d");
  EXPECT_EQ(text(R"({"detail":"e"})"), "e");
  EXPECT_EQ(text("plain\r\n\"text\""), "plain   text ");
  EXPECT_EQ(text(""), "");
  EXPECT_EQ(text(std::string(199, 'x') + "\xC3\xA4"), std::string(199, 'x'));
}

TEST(Service, KeepsItsLimitWhateverTheServiceDoes) {
  Provider provider([](Peer& peer) {
    peer.ReadRequest();
    peer.Send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
    peer.AwaitClose();
  });
  RemoteWorld world;
  const auto service = world.Open(provider.url());
  const auto began = std::chrono::steady_clock::now();
  const auto reply = service->Call({}, milliseconds(50));
  ASSERT_FALSE(reply.has_value());
  EXPECT_EQ(reply.error().code, ErrorCode::kTimeout);
  EXPECT_GE(std::chrono::steady_clock::now() - began, milliseconds(50));
  // The connection is given up as well: the script returns.
  provider.AwaitNoneOpen();
}

TEST(Service, NobodyListeningIsUnavailable) {
  RemoteWorld world;
  const auto service = world.Open("http://127.0.0.1:" + std::to_string(fakes::UnusedPort()));
  EXPECT_EQ(service->Call({}, kPatience).error().code, ErrorCode::kUnavailable);
}

TEST(Service, StopsAskingAndResumes) {
  std::atomic<bool> good{false};
  std::atomic<int> asked{0};
  Provider provider([&](Peer& peer) {
    while (peer.ReadRequest()) {
      ++asked;
      if (!peer.Send(good ? Ok("{}") : Status(500, "{}"))) return;
    }
  });
  RemoteWorld world;
  const auto service = world.Open(provider.url(), {.breaker = {.failures_max = 2, .pause = milliseconds(100)}});
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(service->Call({}, kPatience).has_value());
  EXPECT_EQ(asked.load(), 2);
  EXPECT_NE(service->Degraded().find("thing is not asked for now: thing answered 500"), std::string::npos) << service->Degraded();
  EXPECT_NE(world.log.text().find("remote_stopped service=thing code=unavailable"), std::string::npos) << world.log.text();
  good = true;
  EXPECT_FALSE(service->Call({}, kPatience).has_value());
  world.clock.Advance(milliseconds(100));
  EXPECT_TRUE(service->Call({}, kPatience).has_value());
  EXPECT_EQ(service->Degraded(), "");
  EXPECT_NE(world.log.text().find("remote_resumed service=thing"), std::string::npos);
}

TEST(Service, ARefusedCallDoesNotStopTheOthers) {
  Provider provider(Always(Status(422, "{}")));
  RemoteWorld world;
  const auto service = world.Open(provider.url(), {.breaker = {.failures_max = 1}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(service->Call({}, kPatience).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(service->Degraded(), "");
}

TEST(Service, WhatTheJudgeRefusesIsAFailure) {
  Provider provider(Always(Ok("{}")));
  RemoteWorld world;
  const auto service = world.Open(provider.url(), {.breaker = {.failures_max = 1}});
  const auto judge = [](const ServiceReply&) -> Result<void> { return Fail(ErrorCode::kProtocol, "it is empty"); };
  const auto reply = service->Call({}, kPatience, judge);
  EXPECT_EQ(reply.error().code, ErrorCode::kProtocol);
  EXPECT_EQ(reply.error().message, "thing gave a wrong answer: it is empty");
  EXPECT_FALSE(service->Degraded().empty());
}

TEST(Service, CallsAndRepliesAreBounded) {
  std::atomic<int> open{0};
  Provider provider([&](Peer& peer) {
    peer.ReadRequest();
    ++open;
    peer.AwaitClose();
  });
  RemoteWorld world;
  auto service = world.Open(provider.url(), {.calls_max = 2});
  std::atomic<int> cancelled{0};
  for (int i = 0; i < 2; ++i) {
    service->Start({}, kPatience, {}, [&](const Result<ServiceReply>& reply) {
      cancelled += !reply && reply.error().code == ErrorCode::kCancelled ? 1 : 0;
    });
  }
  EXPECT_EQ(service->Call({}, kPatience).error().code, ErrorCode::kBusy);
  // What waits when the service goes is cancelled, not forgotten.
  while (open.load() < 2) std::this_thread::yield();
  service.reset();
  provider.AwaitNoneOpen();
  while (cancelled.load() < 2) std::this_thread::yield();

  Provider large(Always(Ok(std::string(2'000, 'x'))));
  const auto small = world.Open(large.url(), {.reply_bytes_max = 1'999});
  EXPECT_EQ(small->Call({}, kPatience).error().code, ErrorCode::kTooLarge);
}

TEST(Service, AMissingCaFileIsSaid) {
  RemoteWorld world;
  ServiceOptions options{.name = "thing", .ca_file = "/nonexistent/ca.pem"};
  options.base = http::ParseBaseUrl("https://127.0.0.1").value();
  const auto service = Service::Create(options, {world.line, world.pool, world.metrics, world.clock, world.log});
  ASSERT_FALSE(service.has_value());
  EXPECT_NE(service.error().message.find("/nonexistent/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace reflex::remote
