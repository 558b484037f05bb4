#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "base/digest.h"
#include "gateway_world.h"

// No answer ever crosses from one tenant to another: random callers against a map that says who may share.
namespace reflex::gateway::testing {
namespace {

struct Caller {
  std::vector<std::pair<std::string, std::string>> headers;
  std::string query;
  std::string shares_as;  // Equal for callers that may share an answer to the same body.
};

class RandomCallers {
 public:
  explicit RandomCallers(unsigned seed) : random_(seed) {}

  Caller Next() {
    Caller caller;
    // Few values, so that callers meet; values that run into each other where lengths are not kept apart.
    static const std::vector<std::string> kNames = {
        "Authorization", "api-key", "x-api-key", "Cookie", "X-Team", "X-Reflex-Namespace", "OpenAI-Organization", "OpenAI-Project"};
    static const std::vector<std::string> kValues = {"a", "b", "ab", "ba", "a,b", "Bearer a", "Bearer ab", "Basic a"};
    for (const std::string& name : kNames) {
      if (Pick(3) != 0) continue;
      const std::string& value = kValues[Pick(kValues.size())];
      caller.headers.emplace_back(name, value);
      caller.shares_as += std::to_string(name.size()) + name + "=" + std::to_string(value.size()) + value + ";";
    }
    if (Pick(4) == 0) {
      const std::string value = Pick(2) == 0 ? "a" : "ab";
      caller.query = "?key=" + value;
      caller.shares_as += "?key=" + value;
    }
    std::shuffle(caller.headers.begin(), caller.headers.end(), random_);
    return caller;
  }
  std::size_t Pick(std::size_t count) { return random_() % count; }

 private:
  std::mt19937 random_;
};

TEST(ChatTenants, NoAnswerEverCrosses) {
  GatewayWorld world(2);
  world.options.tenant_headers = {"X-Team"};
  std::atomic<int> answers{0};
  world.provider.OnCall([&](ProviderCall& call) { call.Json(200, PlainAnswer("answer " + std::to_string(++answers))); });
  world.Start();
  RandomCallers callers(20261125);
  std::map<std::string, std::string> expected;  // Caller and body to the one answer it may get.
  int hits = 0;
  for (int round = 0; round < 6000; ++round) {
    const Caller caller = callers.Next();
    const std::string question = "q" + std::to_string(callers.Pick(3));
    Request request{.target = "/v1/chat/completions" + caller.query, .headers = caller.headers, .body = ChatBody(question)};
    const auto exchange = world.Run(std::move(request), callers.Pick(2));
    ASSERT_EQ(exchange->status(), 200);
    const std::string content = ContentOfPlain(exchange->body());
    const auto [at, fresh] = expected.try_emplace(caller.shares_as + "|" + question, content);
    EXPECT_EQ(at->second, content) << "a caller got what is another's: " << caller.shares_as;
    EXPECT_EQ(exchange->Header("X-Reflex-Status"), fresh ? "miss" : "hit-l1-exact") << caller.shares_as;
    hits += fresh ? 0 : 1;
  }
  // The map is the other direction too: an answer belongs to one key.
  std::map<std::string, int> owners;
  for (const auto& [key, answer] : expected) EXPECT_EQ(++owners[answer], 1) << answer;
  EXPECT_GT(hits, 500) << "the callers must meet for the test to say something";
}

// Callers that ask at the same time, so that flights are shared, are kept apart as well.
TEST(ChatTenants, NoFlightIsSharedAcross) {
  GatewayWorld world(2);
  std::atomic<int> answers{0};
  world.Start();
  RandomCallers callers(7);
  for (int round = 0; round < 40; ++round) {
    std::map<std::string, std::string> answer_of;
    std::map<std::string, ExchangePtr> first_of;
    std::vector<std::pair<std::string, ExchangePtr>> asked;
    const std::size_t calls_before = world.provider.calls();
    for (int i = 0; i < 12; ++i) {
      const Caller caller = callers.Next();
      const std::size_t thread = callers.Pick(2);
      asked.emplace_back(caller.shares_as, world.Ask({.target = "/v1/chat/completions" + caller.query,
                                                      .headers = caller.headers,
                                                      .body = ChatBody("round " + std::to_string(round))},
                                                     thread));
      world.Settle(thread);
    }
    // X-Team is no credential here: it does not keep anybody apart.
    const auto group = [](std::string who) {
      const std::size_t at = who.find("6X-Team=");
      if (at != std::string::npos) who.erase(at, who.find(';', at) + 1 - at);
      return who;
    };
    std::map<std::string, int> groups;
    for (const auto& [who, exchange] : asked) ++groups[group(who)];
    ASSERT_EQ(world.provider.calls() - calls_before, groups.size());
    for (std::size_t i = 0; i < groups.size(); ++i)
      world.provider.Next()->Json(200, PlainAnswer("answer " + std::to_string(++answers)));
    std::map<std::string, std::string> owner_of;
    for (const auto& [who, exchange] : asked) {
      exchange->WaitForDone();
      const std::string content = ContentOfPlain(exchange->body());
      EXPECT_EQ(answer_of.try_emplace(group(who), content).first->second, content);
      EXPECT_EQ(owner_of.try_emplace(content, group(who)).first->second, group(who));
    }
  }
}

TEST(ChatTenants, AGroupOfClientKeysSharesAndOthersDoNot) {
  std::string pattern = (std::filesystem::temp_directory_path() / "reflex-tenants-XXXXXX").string();
  ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
  const std::filesystem::path folder = pattern;
  const auto file = folder / "keys";
  {
    std::ofstream out(file);
    const auto line = [&](std::string_view token, std::string_view group) {
      out << base::ToHex(base::HashBytes(token)) << " " << group << "\n";
    };
    line("t1", "red");
    line("t2", "red");
    line("t3", "blue");
    line("t4", "");
  }
  GatewayWorld world;
  world.options.client_keys_file = file;
  std::atomic<int> answers{0};
  world.provider.OnCall([&](ProviderCall& call) { call.Json(200, PlainAnswer("answer " + std::to_string(++answers))); });
  world.Start();
  const auto ask = [&](const std::string& token) {
    return world.Run({.headers = {{"authorization", "Bearer " + token}}, .body = ChatBody("q")});
  };
  EXPECT_EQ(ContentOfPlain(ask("t1")->body()), "answer 1");
  EXPECT_EQ(ContentOfPlain(ask("t2")->body()), "answer 1");
  EXPECT_EQ(ContentOfPlain(ask("t3")->body()), "answer 2");
  EXPECT_EQ(ContentOfPlain(ask("t4")->body()), "answer 3");
  EXPECT_EQ(ask("stranger")->status(), 401);
  EXPECT_EQ(world.provider.calls(), 3u);
  std::filesystem::remove_all(folder);
}

TEST(ChatTenants, TheOperatorMaySayWhoShares) {
  for (const TenantFrom from : {TenantFrom::kHeader, TenantFrom::kOne}) {
    GatewayWorld world;
    world.options.tenant_from = from;
    world.options.tenant_header = "X-User";
    std::atomic<int> answers{0};
    world.provider.OnCall([&](ProviderCall& call) { call.Json(200, PlainAnswer("answer " + std::to_string(++answers))); });
    world.Start();
    const auto ask = [&](const std::string& token, const std::string& user) {
      return ContentOfPlain(world.Run({.headers = {{"authorization", token}, {"x-user", user}}, .body = ChatBody("q")})->body());
    };
    EXPECT_EQ(ask("a", "u1"), "answer 1");
    EXPECT_EQ(ask("b", "u1"), "answer 1");
    EXPECT_EQ(ask("a", "u2"), from == TenantFrom::kOne ? "answer 1" : "answer 2");
  }
}

}  // namespace
}  // namespace reflex::gateway::testing
