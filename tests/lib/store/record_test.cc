#include "store/record.h"

#include <string>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"

namespace reflex::store {
namespace {

TEST(Record, AnEntrySurvivesWithEveryField) {
  for (const int level : {0, 1, 9}) {
    for (const std::size_t bytes : {0u, 1u, 255u, 256u, 2'000u, 100'000u}) {
      EntryEncoder encoder(level);
      const EntryPtr entry = MakeEntry(3, bytes);
      const auto back = DecodeEntry(encoder.Encode(*entry));
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_EQ(*back, *entry) << level << " " << bytes;
    }
  }
}

TEST(Record, APlaceInAScopeSurvivesAndIsReadFromTheFront) {
  for (const int level : {0, 1}) {
    EntryEncoder encoder(level);
    const EntryPtr entry = MakeScoped(3, 8, 5'000);
    const std::string bytes(encoder.Encode(*entry));
    const auto back = DecodeEntry(bytes);
    ASSERT_TRUE(back) << back.error().message;
    EXPECT_EQ(*back, *entry);
    const auto place = DecodeScopePlace(std::string_view(bytes).substr(0, 101));
    ASSERT_TRUE(place);
    EXPECT_EQ(*place, (ScopePlace{ScopeOf(8), CanonicalOf(3)}));
    EXPECT_FALSE(DecodeScopePlace(std::string_view(bytes).substr(0, 100)));
    EXPECT_FALSE(DecodeScopePlace(encoder.Encode(*MakeEntry(3, 5'000)))) << "no scope, no place";
  }
}

TEST(Record, AScopedEntryWithoutAScopeIsCorrupt) {
  EntryEncoder encoder(0);
  std::string bytes(encoder.Encode(*MakeScoped(3, 8, 100)));
  bytes.replace(37, 32, std::string(32, '\0'));
  EXPECT_EQ(DecodeEntry(bytes).error().code, ErrorCode::kCorrupt);
}

TEST(Record, ScopeRowsSortByScopeThenCanonicalThenKey) {
  const std::string bytes = EncodeScopeRow(ScopeOf(1), CanonicalOf(2), KeyOf(3));
  const auto row = DecodeScopeRow(bytes);
  ASSERT_TRUE(row);
  EXPECT_EQ(row->scope, ScopeOf(1));
  EXPECT_EQ(row->member, (ScopeMember{KeyOf(3), CanonicalOf(2)}));
  EXPECT_TRUE(bytes.starts_with(EncodeScopeRow(ScopeOf(1), CanonicalOf(2), KeyOf(9)).substr(0, 64)));
  EXPECT_FALSE(DecodeScopeRow(bytes + "x"));
}

TEST(Record, NotesAndRulesSurviveAndDamagedOnesDoNot) {
  const std::string note = EncodeNote("key", "value");
  EXPECT_EQ(*DecodeNote("key", note), "value");
  EXPECT_FALSE(DecodeNote("kez", note));
  EXPECT_FALSE(DecodeNote("key", note.substr(1)));
  EXPECT_FALSE(DecodeNote("key", ""));
  StoredRule rule{PurgeAll(-5), 77};
  EXPECT_EQ(*DecodeRule(EncodeRule(rule)), rule);
  rule.rule.model = "m";
  rule.rule.name_space = "";
  rule.rule.tag = std::string(300, 't');
  std::string bytes = EncodeRule(rule);
  EXPECT_EQ(*DecodeRule(bytes), rule);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
    EXPECT_FALSE(DecodeRule(bytes)) << i;
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
  }
  EXPECT_EQ(*DecodeRuleKey(EncodeRuleKey(258)), 258u);
  EXPECT_LT(EncodeRuleKey(255), EncodeRuleKey(256));
  EXPECT_FALSE(DecodeRuleKey("short"));
}

TEST(Record, EmptyFieldsAndManyTagsSurvive) {
  EntryEncoder encoder(0);
  Entry entry;
  entry.tags.assign(1000, "t");
  entry.tags[7] = "";
  EXPECT_EQ(*DecodeEntry(encoder.Encode(entry)), entry);
}

TEST(Record, CompressionShrinksTextAndOnlyThen) {
  Entry text;
  text.reply = std::string(10'000, 'x');
  EXPECT_LT(EntryEncoder(1).Encode(text).size(), 500u);
  Entry noise;
  for (std::uint64_t i = 0; noise.reply.size() < 10'000; ++i) {
    const Digest digest = KeyOf(i);
    noise.reply.append(reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size());
  }
  EntryEncoder plain(0), packed(3);
  EXPECT_EQ(packed.Encode(noise), plain.Encode(noise));
}

TEST(Record, HeadReadsAllButReplyFromTheFront) {
  EntryEncoder encoder(1);
  const EntryPtr entry = MakeEntry(5, 50'000);
  const std::string bytes(encoder.Encode(*entry));
  Entry expected = *entry;
  expected.reply.clear();
  expected.layout.clear();
  const auto head = DecodeEntryHead(std::string_view(bytes).substr(0, 400));
  ASSERT_TRUE(head);
  EXPECT_EQ(*head, expected);
  const auto cut = DecodeEntryHead(std::string_view(bytes).substr(0, 60));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kTooLarge);
}

TEST(Record, EveryCutIsCorrupt) {
  for (const int level : {0, 1}) {
    EntryEncoder encoder(level);
    const std::string bytes(encoder.Encode(*MakeScoped(1, 1, 400)));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto entry = DecodeEntry(std::string_view(bytes).substr(0, size));
      ASSERT_FALSE(entry) << size;
      EXPECT_EQ(entry.error().code, ErrorCode::kCorrupt);
    }
    EXPECT_FALSE(DecodeEntry(bytes + "x"));
  }
}

TEST(Record, AnyFlippedBitChangesTheChecksum) {
  EntryEncoder encoder(0);
  std::string bytes(encoder.Encode(*MakeScoped(1, 1, 300)));
  const std::uint64_t checksum = Checksum(bytes);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
    ASSERT_NE(Checksum(bytes), checksum) << bit;
    (void)DecodeEntry(bytes);  // Must be safe, whatever it says.
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << bit % 8));
  }
}

TEST(Record, KeyRecordsSurviveAndImpossibleOnesDoNot) {
  const KeyRecord record{1ull << 40, 3, 5000, -1, 0xfedcba9876543210};
  const std::string bytes = EncodeKeyRecord(record);
  ASSERT_EQ(bytes.size(), kKeyRecordBytes);
  EXPECT_EQ(*DecodeKeyRecord(bytes), record);
  EXPECT_FALSE(DecodeKeyRecord(bytes.substr(1)));
  EXPECT_FALSE(DecodeKeyRecord(EncodeKeyRecord({1, 0, 5000, 0, 0})));
  EXPECT_FALSE(DecodeKeyRecord(EncodeKeyRecord({1, 5001, 5000, 0, 0})));
}

TEST(Record, ExpiryKeysSortByTimeThenId) {
  EXPECT_LT(EncodeExpiryKey(1, 900), EncodeExpiryKey(2, 1));
  EXPECT_LT(EncodeExpiryKey(255, 1), EncodeExpiryKey(256, 1));
  EXPECT_LT(EncodeExpiryKey(5, 255), EncodeExpiryKey(5, 256));
  const auto back = DecodeExpiryKey(EncodeExpiryKey(1'700'000'000'123, 42));
  ASSERT_TRUE(back);
  EXPECT_EQ(back->expires_ms, 1'700'000'000'123);
  EXPECT_EQ(back->first_id, 42u);
  EXPECT_FALSE(DecodeExpiryKey("short"));
}

}  // namespace
}  // namespace reflex::store
