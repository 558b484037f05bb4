#include "gateway/client_keys.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace reflex::gateway {
namespace {

std::string HexOf(std::string_view token) { return base::ToHex(base::HashBytes(token)); }

std::string MessageOf(std::string_view text) {
  const Result<ClientKeyTable> table = ParseClientKeys(text);
  if (table) return "";
  EXPECT_EQ(table.error().code, ErrorCode::kInvalidArgument);
  return table.error().message;
}

TEST(ClientKeysFile, HoldsDigestsWithAndWithoutGroups) {
  const std::string text =
      "# who may call\n\n" + HexOf("one") + "\n  " + HexOf("two") + " \tteam-a  # the first team\r\n" + HexOf("three") + " team-b";
  const Result<ClientKeyTable> table = ParseClientKeys(text);
  ASSERT_TRUE(table) << table.error().message;
  EXPECT_EQ(table->size(), 3u);
  EXPECT_EQ(table->at(base::HashBytes("one")), "");
  EXPECT_EQ(table->at(base::HashBytes("two")), "team-a");
  EXPECT_EQ(table->at(base::HashBytes("three")), "team-b");
}

TEST(ClientKeysFile, UpperCaseDigitsAreDigits) {
  std::string hex = HexOf("one");
  for (char& c : hex) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  EXPECT_TRUE(ParseClientKeys(hex)->contains(base::HashBytes("one")));
}

TEST(ClientKeysFile, AnEmptyOneHasNoKeys) {
  EXPECT_EQ(ParseClientKeys("")->size(), 0u);
  EXPECT_EQ(ParseClientKeys("# nobody\n\n")->size(), 0u);
}

TEST(ClientKeysFile, ErrorsNameTheLineAndWhatIsAllowed) {
  const std::string good = HexOf("one") + "\n";
  for (const std::string& bad : {std::string("sk-a-plain-token"), HexOf("two").substr(1), HexOf("two") + "0",
                                 "g" + HexOf("two").substr(1), HexOf("two") + " two words", HexOf("two") + " gr\xc3\xbcn",
                                 HexOf("two") + " " + std::string(65, 'g'), HexOf("one") + " team"}) {
    const std::string message = MessageOf(good + "# comment\n" + bad + "\n");
    EXPECT_TRUE(message.starts_with("line 3: ")) << message;
    EXPECT_NE(message.find("64 hexadecimal"), std::string::npos) << message;
    EXPECT_EQ(message.find("plain-token"), std::string::npos) << "a token written there by mistake must not reach a log";
  }
}

TEST(ClientKeysFile, TokenOfABearerFieldIsWhatFollowsTheScheme) {
  EXPECT_EQ(TokenIn("Authorization", "Bearer abc"), "abc");
  EXPECT_EQ(TokenIn("authorization", "bEARER   abc "), "abc");
  EXPECT_EQ(TokenIn("Authorization", "Basic abc"), "");
  EXPECT_EQ(TokenIn("Authorization", "Bearer"), "");
  EXPECT_EQ(TokenIn("Authorization", "Bearer "), "");
  EXPECT_EQ(TokenIn("x-api-key", "Bearer abc"), "Bearer abc");
}

class ClientKeysTest : public ::testing::Test {
 protected:
  ClientKeysTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-keys-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    file_ = folder_ / "keys";
  }
  ~ClientKeysTest() override { std::filesystem::remove_all(folder_); }

  void Write(const std::string& text) { std::ofstream(file_, std::ios::trunc) << text; }
  static std::optional<ClientKeys::Found> Match(ClientKeys& keys, const http::IoThread& io, std::vector<http::Header> headers,
                                                std::string_view query = {}) {
    http::RequestHead head;
    head.headers = std::move(headers);
    head.query = query;
    return keys.Match(io, head);
  }

  std::filesystem::path folder_, file_;
  http::IoThread io_;
  std::vector<http::IoThread*> threads_ = {&io_};
};

TEST_F(ClientKeysTest, WithoutAFileNoKeyIsRequired) {
  const auto keys = ClientKeys::Open({}, threads_);
  ASSERT_TRUE(keys);
  EXPECT_FALSE((*keys)->required());
  EXPECT_TRUE((*keys)->Reload());
  EXPECT_FALSE(Match(**keys, io_, {{"Authorization", "Bearer one"}}));
}

TEST_F(ClientKeysTest, AMissingOrBadFileIsNamed) {
  const auto missing = ClientKeys::Open(file_, threads_);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kNotFound);
  EXPECT_NE(missing.error().message.find(file_.string()), std::string::npos);
  Write("nonsense\n");
  const auto bad = ClientKeys::Open(file_, threads_);
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(bad.error().message.find(file_.string()), std::string::npos);
  EXPECT_NE(bad.error().message.find("line 1"), std::string::npos);
}

TEST_F(ClientKeysTest, AKnownTokenMatchesInEveryPlaceAClientPutsIt) {
  Write(HexOf("one") + "\n" + HexOf("two") + " team\n");
  const auto keys = *ClientKeys::Open(file_, threads_);
  EXPECT_TRUE(keys->required());
  for (const http::Header& field :
       {http::Header{"Authorization", "Bearer two"}, {"API-KEY", "two"}, {"x-api-key", "two"}, {"x-goog-api-key", "two"}}) {
    const auto found = Match(*keys, io_, {field});
    ASSERT_TRUE(found) << field.name;
    EXPECT_EQ(found->group, "team");
    EXPECT_EQ(found->token, "two");
    EXPECT_NE(found->keys, nullptr);
  }
  EXPECT_EQ(Match(*keys, io_, {}, "alt=sse&key=two")->group, "team");
  EXPECT_EQ(Match(*keys, io_, {{"x-api-key", "one"}})->group, "");
}

TEST_F(ClientKeysTest, AnUnknownTokenDoesNotMatch) {
  Write(HexOf("one") + "\n" + HexOf("") + "\n");
  const auto keys = *ClientKeys::Open(file_, threads_);
  EXPECT_FALSE(Match(*keys, io_, {}));
  EXPECT_FALSE(Match(*keys, io_, {{"Authorization", "Bearer other"}}));
  EXPECT_FALSE(Match(*keys, io_, {{"Authorization", "one"}}));
  EXPECT_FALSE(Match(*keys, io_, {{"Authorization", "Bearer "}})) << "an empty token is none";
  EXPECT_FALSE(Match(*keys, io_, {{"Cookie", "one"}}));
  EXPECT_FALSE(Match(*keys, io_, {}, "monkey=one"));
  EXPECT_FALSE(Match(*keys, io_, {{"x-api-key", HexOf("one")}})) << "the digest is not the token";
}

TEST_F(ClientKeysTest, TheFirstKnownTokenDecides) {
  Write(HexOf("one") + " first\n" + HexOf("two") + " second\n");
  const auto keys = *ClientKeys::Open(file_, threads_);
  EXPECT_EQ(Match(*keys, io_, {{"x-api-key", "two"}, {"Authorization", "Bearer one"}})->group, "first");
  EXPECT_EQ(Match(*keys, io_, {{"x-api-key", "two"}, {"Authorization", "Bearer unknown"}})->group, "second");
  EXPECT_EQ(Match(*keys, io_, {{"x-api-key", "unknown"}, {"x-api-key", "two"}})->group, "second");
}

TEST_F(ClientKeysTest, ARequestFullOfTokensIsNotTriedToItsEnd) {
  Write(HexOf("one") + "\n");
  const auto keys = *ClientKeys::Open(file_, threads_);
  std::vector<http::Header> many(100, {"x-api-key", "guess"});
  many.push_back({"x-goog-api-key", "one"});
  EXPECT_FALSE(Match(*keys, io_, many));
}

TEST_F(ClientKeysTest, ReloadTakesNewKeysAndDropsOldOnes) {
  Write(HexOf("one") + " team\n");
  const auto keys = *ClientKeys::Open(file_, threads_);
  const auto held = Match(*keys, io_, {{"x-api-key", "one"}});
  ASSERT_TRUE(held);
  Write(HexOf("two") + "\n");
  ASSERT_TRUE(keys->Reload());
  EXPECT_FALSE(Match(*keys, io_, {{"x-api-key", "one"}}));
  EXPECT_TRUE(Match(*keys, io_, {{"x-api-key", "two"}}));
  EXPECT_EQ(held->group, "team") << "a request that began before keeps its group";
}

TEST_F(ClientKeysTest, AFailedReloadKeepsTheOldKeys) {
  Write(HexOf("one") + "\n");
  const auto keys = *ClientKeys::Open(file_, threads_);
  Write(HexOf("two") + "\nnonsense\n");
  const Result<void> reloaded = keys->Reload();
  ASSERT_FALSE(reloaded);
  EXPECT_NE(reloaded.error().message.find("line 2"), std::string::npos);
  EXPECT_TRUE(Match(*keys, io_, {{"x-api-key", "one"}}));
  EXPECT_FALSE(Match(*keys, io_, {{"x-api-key", "two"}}));
  std::filesystem::remove(file_);
  EXPECT_FALSE(keys->Reload());
  EXPECT_TRUE(Match(*keys, io_, {{"x-api-key", "one"}}));
}

TEST_F(ClientKeysTest, ThreadsMatchWhileTheFileIsReadAgain) {
  http::IoThread second, unlisted;
  threads_.push_back(&second);
  Write(HexOf("always") + " team\n");
  const auto keys = *ClientKeys::Open(file_, threads_);
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (http::IoThread* io : {&io_, &second, &unlisted}) {
    callers.emplace_back([&, io] {
      while (!stop.load()) {
        const auto found = Match(*keys, *io, {{"Authorization", "Bearer always"}});
        if (!found || found->group != "team") wrong.fetch_add(1);
        if (Match(*keys, *io, {{"Authorization", "Bearer never"}})) wrong.fetch_add(1);
      }
    });
  }
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(keys->Reload());
  stop.store(true);
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
}  // namespace reflex::gateway
