#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway_world.h"

// Paths that are not cached go to their provider and back untouched.
namespace reflex::gateway::testing {
namespace {

TEST(PassThrough, MethodPathQueryHeadersAndBodyAreAsSent) {
  GatewayWorld world;
  world.Start();
  struct Case {
    std::string method, target, body;
  };
  const std::string binary("\0\xff\x80 --boundary\r\n", 16);
  for (const Case& asked : std::vector<Case>{{"GET", "/v1/models?limit=2", ""},
                                             {"GET", "/models", ""},
                                             {"POST", "/v1/embeddings", R"({"input":"x"})"},
                                             {"POST", "/v1/files?purpose=x", binary},
                                             {"DELETE", "/v1/files/f-1", ""},
                                             {"PATCH", "/v1/unknown/thing", "{"},
                                             {"GET", "/v1/chat/completions/chatcmpl-1", ""},
                                             {"POST", "/v1/responses", R"({"stream":true})"},
                                             {"OPTIONS", "/v1/models", ""}}) {
    const auto exchange =
        world.Ask({.method = asked.method, .target = asked.target, .headers = {{"X-Own", "1"}}, .body = asked.body});
    const auto call = world.provider.Next();
    EXPECT_EQ(call->method, asked.method);
    EXPECT_EQ(call->target, asked.target);
    EXPECT_EQ(call->body, asked.body);
    EXPECT_EQ(call->Header("x-own"), "1");
    EXPECT_FALSE(call->decode) << "encodings stay as they are";
    call->Head(207, {{"content-type", "x/y"}, {"content-encoding", "br"}, {"x-request-id", "theirs"}}, binary.size())
        .Piece(binary)
        .End();
    exchange->WaitForDone();
    EXPECT_EQ(exchange->status(), 207);
    EXPECT_EQ(exchange->body(), binary);
    EXPECT_EQ(exchange->Header("content-encoding"), "br");
    EXPECT_EQ(exchange->Header("x-request-id"), "theirs");
    EXPECT_EQ(exchange->Header("X-Reflex-Status"), "bypass");
    EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "path");
    EXPECT_EQ(exchange->Header("Cache-Status"), "reflex; fwd=bypass; fwd-status=207");
    EXPECT_TRUE(exchange->sent_whole());
  }
}

TEST(PassThrough, RepliesFlowPieceByPiece) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask({.target = "/v1/responses", .body = "{}"});
  const auto call = world.provider.Next();
  call->Head(200, {{"content-type", "text/event-stream"}}).Piece("event: a\ndata: {\"x\"");
  exchange->WaitForText("{\"x\"");
  call->Piece(":1}\n\n");
  exchange->WaitForText(":1}\n\n");
  call->End();
  exchange->WaitForDone();
  EXPECT_EQ(exchange->body(), "event: a\ndata: {\"x\":1}\n\n");
  EXPECT_TRUE(exchange->ended());
}

TEST(PassThrough, RequestBodiesFlowToo) {
  GatewayWorld world;
  world.Start();
  const std::string body(200'000, 'b');
  for (const bool chunked : {false, true}) {
    const auto exchange = world.Ask({.target = "/v1/files", .body = body, .chunked = chunked});
    const auto call = world.provider.Next();
    EXPECT_EQ(call->body, body);
    call->Json(200, "{}");
    exchange->WaitForDone();
    EXPECT_EQ(exchange->status(), 200);
  }
}

TEST(PassThrough, ABodyThatFailsIsTheClientsError) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Prepare({.target = "/v1/files", .body = std::string(200'000, 'b'), .chunked = true});
  exchange->FailBody(ErrorCode::kProtocol);
  world.Handle(exchange);
  exchange->WaitForDone();
  EXPECT_EQ(exchange->status(), 400);
  EXPECT_EQ(exchange->Header("X-Reflex-Reason"), "bad-request");
  EXPECT_EQ(world.provider.calls(), 0u);
}

TEST(PassThrough, CutRepliesAreSeenAsCut) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask({.method = "GET", .target = "/v1/files/x/content"});
  const auto call = world.provider.Next();
  call->Head(200, {{"content-type", "x/y"}}, 100).Piece("half");
  exchange->WaitForText("half");
  call->Fail(ErrorCode::kClosed);
  exchange->WaitForDone();
  EXPECT_TRUE(exchange->aborted());
  EXPECT_FALSE(exchange->ended());
  // Where nothing was sent yet, an error says more.
  const auto early = world.Ask({.method = "GET", .target = "/v1/files/x/content"});
  world.provider.Next()->Head(200, {{"content-type", "x/y"}}, 100).Fail(ErrorCode::kClosed);
  early->WaitForDone();
  EXPECT_EQ(early->status(), 502);
  EXPECT_EQ(early->Header("X-Reflex-Reason"), "upstream-truncated");
}

TEST(PassThrough, HeadAndEmptyRepliesHaveNoBody) {
  GatewayWorld world;
  world.Start();
  const auto head = world.Ask({.method = "HEAD", .target = "/v1/models"});
  world.provider.Next()->Head(200, {{"content-type", "application/json"}}, 1234).End();
  head->WaitForDone();
  EXPECT_EQ(head->status(), 200);
  EXPECT_EQ(head->body(), "");
  EXPECT_TRUE(head->ended());
  const auto none = world.Ask({.method = "DELETE", .target = "/v1/files/x"});
  world.provider.Next()->Head(204, {}).End();
  none->WaitForDone();
  EXPECT_EQ(none->status(), 204);
  EXPECT_TRUE(none->ended());
}

TEST(PassThrough, EachRequestGoesToItsProviderAndAMissingOneIs404) {
  GatewayWorld world;
  world.provider.table.anthropic = http::ParseBaseUrl("https://anthropic.test").value();
  world.Start();
  const auto messages = world.Ask({.target = "/v1/messages", .headers = {{"anthropic-version", "2023-06-01"}}, .body = "{}"});
  const auto call = world.provider.Next();
  EXPECT_EQ(call->provider, upstream::Provider::kAnthropic);
  call->Json(200, "{}");
  messages->WaitForDone();
  const auto gemini = world.Run({.target = "/v1beta/models/g:generateContent", .body = "{}"});
  EXPECT_EQ(gemini->status(), 404);
  EXPECT_EQ(gemini->Header("X-Reflex-Status"), "error");
  EXPECT_EQ(gemini->Header("X-Reflex-Reason"), "no-upstream");
  EXPECT_EQ(world.provider.calls(), 1u);
}

TEST(PassThrough, OurOwnPathsAreNeverForwarded) {
  GatewayWorld world;
  world.Start();
  EXPECT_EQ(world.Run({.method = "GET", .target = "/healthz"})->status(), 200);
  for (const std::string target : {"/ready", "/metrics", "/v1/reflex/stats", "/v1/reflex/unknown"}) {
    world.Run({.method = "GET", .target = target});
  }
  EXPECT_EQ(world.provider.calls(), 0u);
}

TEST(PassThrough, ALeavingClientCancelsTheCall) {
  GatewayWorld world;
  world.Start();
  const auto exchange = world.Ask({.target = "/v1/responses", .body = "{}"});
  const auto call = world.provider.Next();
  call->Head(200).Piece("x");
  exchange->WaitForBody(1);
  exchange->Leave();
  EXPECT_TRUE(call->WaitForCancel());
  exchange->WaitForDone();
  world.WaitForNoFlights();
}

TEST(PassThrough, OnlyRealUpgradesAskForATunnel) {
  GatewayWorld world;
  world.Start();
  for (const std::string protocol : {"websocket", "h2c"}) {
    const auto exchange = world.Ask({.method = "GET", .target = "/v1/realtime", .headers = {{"upgrade", protocol}}});
    const auto call = world.provider.Next();
    EXPECT_EQ(call->upgrade, protocol == "websocket");
    call->Json(400, "{}");
    exchange->WaitForDone();
    EXPECT_EQ(exchange->Header("X-Reflex-Reason"), protocol == "websocket" ? "upgrade" : "path");
  }
}

}  // namespace
}  // namespace reflex::gateway::testing
