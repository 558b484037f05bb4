// docs/qdrant.md promises every request, with an example: it must show them as they are sent.
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "remote/qdrant_wire.h"

namespace reflex::remote::qdrant {
namespace {

std::vector<ServiceCall> AllCalls() {
  const Place place = Place::Of("reflex", "all-MiniLM-L6-v2", 4);
  Digest scope;
  for (std::size_t i = 0; i < scope.bytes.size(); ++i) scope.bytes[i] = static_cast<std::uint8_t>(i * 7 + 1);
  constexpr std::int64_t kNowMs = 1'800'000'000'000;
  Point point;
  point.scope = scope;
  point.label = 0x0123456789abcdef;
  point.vector = {0.5F, -0.5F, 0.5F, 0.5F};
  point.created_ms = kNowMs;
  point.expires_ms = kNowMs + 86'400'000;
  point.model = "gpt-4o-mini";
  point.name_space = "support";
  point.tags = {"faq"};
  const PointName name{scope, point.label};
  PurgeRule rule;
  rule.before_ms = kNowMs;
  rule.model = point.model;
  rule.name_space = point.name_space;
  rule.tag = "faq";
  std::vector<ServiceCall> calls{Describe(place),
                                 Create(place),
                                 Upsert(place, {&point, 1}),
                                 Query(place, scope, point.vector, 16, 3, kNowMs),
                                 Delete(place, {&name, 1}),
                                 DeletePurged(place, rule),
                                 DeleteExpired(place, kNowMs),
                                 CountScope(place, scope, kNowMs),
                                 CountAll(place)};
  for (std::size_t field = 0; field < kFields; ++field) calls.push_back(IndexField(place, field));
  return calls;
}

TEST(QdrantDoc, ShowsEveryRequestAsItIsSent) {
  std::ifstream file(QDRANT_DOC);
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  ASSERT_FALSE(page.empty()) << QDRANT_DOC;
  for (const ServiceCall& call : AllCalls()) {
    const std::string shown =
        "```\n" + call.method + " " + call.target + "\n" + call.body + (call.body.empty() ? "" : "\n") + "```\n";
    EXPECT_NE(page.find(shown), std::string::npos) << shown;
  }
}

}  // namespace
}  // namespace reflex::remote::qdrant
