// What every ObjectStore does, whoever answers it.
#include <gtest/gtest.h>

#include <algorithm>

#include "place.h"

namespace reflex::test {
namespace {

class ObjectStoreSuite : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Place> place_ = MakePlace(GetParam());
  std::unique_ptr<cloud::ObjectStore> store_ = place_->Open();
  CloudFolder& folder_ = place_->world.folder;

  std::filesystem::path File(const std::string& bytes) {
    WriteBytes(folder_ / "source", bytes);
    return folder_ / "source";
  }
  std::vector<std::string> Names() {
    std::vector<std::string> names;
    const auto objects = store_->List();
    EXPECT_TRUE(objects) << objects.error().message;
    if (!objects) return names;
    for (const cloud::ObjectInfo& object : *objects) names.push_back(object.name);
    std::ranges::sort(names);
    return names;
  }
};

TEST_P(ObjectStoreSuite, RoundTripsFilesOfManySizes) {
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{256 << 10}, std::size_t{300'007}, place_->big()}) {
    const std::string bytes = SomeBytes(size, size + 1);
    const std::string name = "of " + std::to_string(size) + " bytes+&=%.snap";
    std::uint64_t last = 0;
    std::uint64_t total = 0;
    const auto progress = [&](std::uint64_t done, std::uint64_t all) { return last = done, total = all, true; };
    const auto sent = store_->Upload(File(bytes), name, progress);
    ASSERT_TRUE(sent) << sent.error().message;
    EXPECT_EQ(last, size);
    EXPECT_EQ(total, size);
    const auto got = store_->Download(name, folder_ / "back", progress);
    ASSERT_TRUE(got) << got.error().message;
    EXPECT_TRUE(ReadBytes(folder_ / "back") == bytes) << size;
    EXPECT_EQ(last, size);
    EXPECT_EQ(total, size);
  }
  EXPECT_EQ(Names().size(), 5u);
  EXPECT_EQ(folder_.files(), 2u);  // No temporary file stays.
}

TEST_P(ObjectStoreSuite, ReplacesAnObjectOfTheSameName) {
  ASSERT_TRUE(store_->Upload(File("first"), "a", {}));
  ASSERT_TRUE(store_->Upload(File("the second"), "a", {}));
  ASSERT_TRUE(store_->Download("a", folder_ / "back", {}));
  EXPECT_EQ(ReadBytes(folder_ / "back"), "the second");
  EXPECT_EQ(Names(), std::vector<std::string>{"a"});
}

TEST_P(ObjectStoreSuite, ListsWhatIsThereWithSizesNewestFirst) {
  EXPECT_TRUE(Names().empty());
  for (const char* name : {"b", "a", "d", "c", "e"}) {
    const auto sent = store_->Upload(File(std::string("size of ") + name), name, {});
    ASSERT_TRUE(sent) << sent.error().message;
  }
  const auto objects = store_->List();
  ASSERT_TRUE(objects) << objects.error().message;
  ASSERT_EQ(objects->size(), 5u);
  for (std::size_t i = 0; i < objects->size(); ++i) {
    EXPECT_EQ((*objects)[i].bytes, 9u);
    EXPECT_GT((*objects)[i].modified_ms, 1'700'000'000'000);
    if (i > 0) EXPECT_GE((*objects)[i - 1].modified_ms, (*objects)[i].modified_ms);
  }
  EXPECT_EQ(Names(), (std::vector<std::string>{"a", "b", "c", "d", "e"}));
}

TEST_P(ObjectStoreSuite, SeesOnlyItsOwnPrefix) {
  ASSERT_TRUE(store_->Upload(File("x"), "mine", {}));
  const auto below = place_->world.Open(place_->target() + "/below");
  ASSERT_TRUE(below->Upload(File("y"), "other", {}));
  EXPECT_EQ(Names(), std::vector<std::string>{"mine"});
  const auto beside = place_->world.Open(place_->target() + "-beside");
  const auto listed = beside->List();
  ASSERT_TRUE(listed);
  EXPECT_TRUE(listed->empty());
}

TEST_P(ObjectStoreSuite, AnAbsentObjectIsNotFoundAndLeavesNoFile) {
  const auto got = store_->Download("nothing", folder_ / "back", {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kNotFound) << got.error().message;
  EXPECT_NE(got.error().message.find("nothing"), std::string::npos);
  EXPECT_EQ(folder_.files(), 0u);
}

TEST_P(ObjectStoreSuite, RemovesAndDoesNotMindWhatIsGone) {
  ASSERT_TRUE(store_->Upload(File("x"), "a", {}));
  ASSERT_TRUE(store_->Delete("a"));
  ASSERT_TRUE(store_->Delete("a"));
  EXPECT_TRUE(Names().empty());
}

TEST_P(ObjectStoreSuite, RefusesNamesThatCouldMeanAnotherPlace) {
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string(".hidden"), std::string("a\nb"), std::string(256, 'a')}) {
    EXPECT_EQ(store_->Upload(File("x"), name, {}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->Download(name, folder_ / "back", {}).error().code, ErrorCode::kInvalidArgument);
    EXPECT_EQ(store_->Delete(name).error().code, ErrorCode::kInvalidArgument);
  }
}

TEST_P(ObjectStoreSuite, AnAbsentFileIsNotFound) {
  EXPECT_EQ(store_->Upload(folder_ / "absent", "a", {}).error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(Names().empty());
}

TEST_P(ObjectStoreSuite, AnUploadThatIsCancelledHalfWayLeavesNothing) {
  const std::string bytes = SomeBytes(place_->big());
  const auto half = [&](std::uint64_t done, std::uint64_t total) { return done < total / 2; };
  const auto sent = store_->Upload(File(bytes), "a", half);
  ASSERT_FALSE(sent);
  EXPECT_EQ(sent.error().code, ErrorCode::kCancelled) << sent.error().message;
  EXPECT_TRUE(Names().empty());
}

TEST_P(ObjectStoreSuite, ADownloadThatIsCancelledHalfWayKeepsWhatWasThere) {
  ASSERT_TRUE(store_->Upload(File(SomeBytes(place_->big())), "a", {}));
  WriteBytes(folder_ / "back", "what was there");
  bool begun = false;
  const auto got = store_->Download("a", folder_ / "back", [&](std::uint64_t done, std::uint64_t) { return !(begun = done > 0); });
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kCancelled) << got.error().message;
  EXPECT_EQ(ReadBytes(folder_ / "back"), "what was there");
  EXPECT_EQ(folder_.files(), 2u);
}

}  // namespace

INSTANTIATE_TEST_SUITE_P(Stores, ObjectStoreSuite, ::testing::Values(REFLEX_PLACES), NameOf);

}  // namespace reflex::test
