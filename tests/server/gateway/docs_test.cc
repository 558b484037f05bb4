// The pages on headers and metrics promise whole lists: they must name everything the code can say.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>

#include "gateway/semantic_metrics.h"
#include "server/gateway/fake_tier.h"
#include "server/gateway/test_context.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

std::string Read(const std::string& path) {
  const std::filesystem::path root = std::filesystem::path(__FILE__).parent_path() / ".." / ".." / "..";
  std::ifstream file(root / path);
  EXPECT_TRUE(file) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

TEST(Docs, HeadersExplainsEveryReasonAndStatus) {
  const std::string page = Read("docs/headers.md");
  std::istringstream source(Read("server/wire/reason.h"));
  int reasons = 0;
  for (std::string line; std::getline(source, line);) {
    const std::size_t begin = line.find("= \"");
    if (begin == std::string::npos) continue;
    const std::string reason = line.substr(begin + 3, line.find('"', begin + 3) - begin - 3);
    EXPECT_NE(page.find("`" + reason + "`"), std::string::npos) << reason;
    ++reasons;
  }
  EXPECT_GT(reasons, 30);
  for (const Outcome outcome : {Outcome::kHit, Outcome::kCanonical, Outcome::kVerified, Outcome::kMiss, Outcome::kRefresh,
                                Outcome::kBypass, Outcome::kError, Outcome::kOwn}) {
    EXPECT_NE(page.find("| `" + std::string(Name(outcome)) + "` |"), std::string::npos) << Name(outcome);
  }
}

TEST(Docs, MetricsListsEveryMetricOfTheGateway) {
  const std::string page = Read("docs/metrics.md");
  testing::World world;
  testing::FakeTier tier;
  world.parts.semantic = &tier;
  world.Start();
  world.metrics->AddLeases(world.registry);
  std::string page_of_metrics = world.registry.Render();
  AppendBudgets(tier, page_of_metrics);
  std::istringstream text(page_of_metrics);
  int metrics = 0;
  for (std::string line; std::getline(text, line);) {
    constexpr std::string_view kHelp = "# HELP ";
    if (!line.starts_with(kHelp)) continue;
    std::string name = line.substr(kHelp.size(), line.find(' ', kHelp.size()) - kHelp.size());
    if (name.ends_with("_bucket")) name.resize(name.size() - 7);
    EXPECT_NE(page.find("`" + name + "`"), std::string::npos) << name;
    ++metrics;
  }
  EXPECT_GT(metrics, 12);
}

}  // namespace
}  // namespace reflex::gateway
