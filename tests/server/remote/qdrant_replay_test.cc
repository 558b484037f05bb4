// The Qdrant-like server of these tests answers as the real one did, in 55 recorded exchanges, but for one thing: members that it
// does not know are refused.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <string>

#include "fakes/client_thread.h"
#include "fakes/qdrant/server.h"
#include "wire/json.h"

namespace reflex::fakes::qdrant {
namespace {

// Equal as values: members in any order, numbers within rounding, without what is measured ("time") and places in a text.
bool Same(const Value& a, const Value& b) {
  if (!a || !b || a.kind() != b.kind()) return false;
  if (a.IsNumber()) {
    const double x = std::strtod(std::string(a.raw()).c_str(), nullptr), y = std::strtod(std::string(b.raw()).c_str(), nullptr);
    return std::abs(x - y) <= 2e-6 * std::max(1.0, std::abs(x));
  }
  if (a.IsString()) return a.text() == b.text();
  if (a.size() != b.size()) return false;
  if (a.IsArray()) {
    auto other = b.elements().begin();
    for (const Value element : a.elements()) {
      if (!Same(element, *other)) return false;
      ++other;
    }
    return true;
  }
  for (const auto& member : a.members()) {
    const Value other = b.Find(member.name());
    if (member.name() == "time" ? !other : !Same(member.value, other)) return false;
  }
  return true;
}

struct Exchange {
  explicit Exchange(const std::string& line) : text(line) { EXPECT_EQ(document.Parse(text), ""); }
  Value operator[](std::string_view name) const { return document.root().Find(name); }
  std::string body() const {
    if ((*this)["request_text"]) return std::string((*this)["request_text"].text());
    std::string compact;
    if ((*this)["request"]) (*this)["request"].AppendCompact(compact);
    return compact;
  }
  std::string text;
  wire::json::Document document;
};

Answer Send(ClientThread& thread, const Server& server, const Exchange& exchange, const std::string& body) {
  const http::Origin origin{false, "127.0.0.1", server.port()};
  std::vector<http::Header> headers;
  for (const auto& member : exchange["headers"].members()) headers.push_back({member.name(), member.value.text()});
  const std::string_view pieces[] = {body};
  http::ClientRequest request;
  request.origin = &origin;
  request.method = exchange["method"].text();
  request.target = exchange["path"].text();
  request.headers = headers;
  request.body = pieces;
  request.has_body = !body.empty();
  return thread.Run([&] { return Fetch(thread.client(), request); });
}

void ExpectAsRecorded(const Answer& answer, const Exchange& exchange) {
  EXPECT_TRUE(answer.complete());
  EXPECT_EQ(std::to_string(answer.status), exchange["status"].raw()) << answer.body;
  EXPECT_EQ(answer.Header("content-type"), exchange["content_type"].text());
  const Value recorded = exchange["response"];
  if (recorded.IsString()) {
    EXPECT_EQ(answer.body, recorded.text());
    return;
  }
  wire::json::Document document;
  ASSERT_EQ(document.Parse(answer.body), "") << answer.body;
  EXPECT_TRUE(Same(document.root(), recorded)) << answer.body << "\nrecorded: " << recorded.raw();
}

// The same body without the member that is not known.
std::string Without(std::string body, std::string_view member) {
  const std::size_t at = body.find(member);
  if (at != std::string::npos) body.erase(at, member.size());
  return body;
}

TEST(QdrantFake, AnswersAllRecordedExchangesAsTheRealServerDid) {
  std::ifstream file(QDRANT_EXCHANGES);
  Server open, locked("secret");
  ClientThread thread;
  std::size_t count = 0, refused = 0;
  for (std::string line; std::getline(file, line); ++count) {
    const Exchange exchange(line);
    const std::string name(exchange["name"].text());
    SCOPED_TRACE(name);
    const bool with_key = name.ends_with("api key") || name == "bearer" || name == "healthz without key";
    Server& server = with_key ? locked : open;
    std::string body = exchange.body();
    for (const std::string_view unknown : {R"(,"no_such_field":1)", R"(,"colour":"red")", R"(,"nonsense":true)"}) {
      if (body.find(unknown) == std::string::npos) continue;
      const Answer answer = Send(thread, server, exchange, body);
      EXPECT_EQ(answer.status, 400);
      EXPECT_NE(answer.body.find("unknown member"), std::string::npos) << answer.body;
      body = Without(body, unknown);
      ++refused;
    }
    ExpectAsRecorded(Send(thread, server, exchange, body), exchange);
  }
  EXPECT_EQ(count, 55u);
  EXPECT_EQ(refused, 3u);
}

}  // namespace
}  // namespace reflex::fakes::qdrant
