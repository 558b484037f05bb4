#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "cloud/names.h"
#include "cloud_world.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

TEST(Target, IsAPlaceAndAPrefix) {
  const auto parsed = cloud::ParseTarget("s3://my-bucket/a/b/");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->text, "s3://my-bucket/a/b");
  EXPECT_EQ(parsed->place, "my-bucket");
  EXPECT_EQ(parsed->prefix, "a/b/");
  const auto bare = cloud::ParseTarget("gs://my-bucket");
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->prefix, "");
  const auto folder = cloud::ParseTarget("file:///var/lib/reflex/");
  ASSERT_TRUE(folder);
  EXPECT_EQ(folder->place, "/var/lib/reflex");
}

TEST(Target, ThatIsNoneIsRefusedWithWhatIsAllowed) {
  for (const char* text : {"", "bucket", "http://bucket", "file://relative", "gs://", "s3://ab", "s3://Bucket/x", "gs://b c/x",
                           "s3://bucket//x", "s3://bucket/../x", "gs://bucket/a b"}) {
    CloudWorld world;
    const auto store = cloud::OpenObjectStore(text, world.options, world.clock, world.log);
    ASSERT_FALSE(store) << text;
    EXPECT_EQ(store.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(store.error().message.find("allowed: file:///path, gs://bucket/prefix, s3://bucket/prefix"), std::string::npos);
  }
}

TEST(Target, OptionsThatCannotBeAreRefusedByName) {
  const auto refused = [](std::string_view target, const auto& change, std::string_view setting) {
    CloudWorld world;
    world.options.region = "eu-central-1";
    change(world.options);
    const auto store = cloud::OpenObjectStore(target, world.options, world.clock, world.log);
    ASSERT_FALSE(store) << setting;
    EXPECT_EQ(store.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(store.error().message.find(setting), std::string::npos) << store.error().message;
    EXPECT_NE(store.error().message.find("allowed:"), std::string::npos) << store.error().message;
  };
  refused("s3://bucket", [](auto& o) { o.region.clear(); }, "cloud.region");
  refused("s3://bucket", [](auto& o) { o.region = "eu/../x"; }, "cloud.region");
  refused("s3://bucket", [](auto& o) { o.s3_style = "other"; }, "cloud.s3_style");
  refused("s3://bucket", [](auto& o) { o.part_bytes = 0; }, "cloud.part_bytes");
  for (const char* url :
       {"ftp://host", "host", "http://", "http://host:0", "http://host:99999", "http://host?x", "http://user@host", "http://a b"}) {
    refused("gs://bucket", [&](auto& o) { o.endpoint = url; }, "cloud.endpoint");
    refused("s3://bucket", [&](auto& o) { o.endpoint = url; }, "cloud.endpoint");
    refused("gs://bucket", [&](auto& o) { o.metadata_endpoint = url; }, "cloud.metadata_endpoint");
  }
}

TEST(Target, OpeningContactsNothing) {
  CloudWorld world;
  FakeGoogle google;
  world.options.endpoint = world.options.metadata_endpoint = google.url();
  const auto gs = world.Open("gs://bkt/x");
  const auto s3 = world.Open("s3://bkt/x");
  EXPECT_TRUE(google.http().seen().empty());
  EXPECT_EQ(gs->target(), "gs://bkt/x");
  EXPECT_FALSE(gs->local());
  EXPECT_FALSE(s3->local());
  EXPECT_TRUE(world.Open("file:///tmp")->local());
}

TEST(Target, WhatKilledTransfersLeftInAFolderGoesAfterADay) {
  CloudWorld world;
  const auto left = [&](const char* name, int hours) {
    WriteBytes(world.folder / name, "x");
    std::filesystem::last_write_time(world.folder / name,
                                     std::filesystem::file_time_type::clock::now() - std::chrono::hours(hours));
  };
  left(".a.part-0123456789abcdef", 25);
  left(".b.part-0123456789abcdef", 23);
  left(".c.part-of-theirs", 25);
  left("d.part-0123456789abcdef", 25);
  WriteBytes(world.folder / "source", "new");
  ASSERT_TRUE(world.Open("file://" + world.folder.path().string())->Upload(world.folder / "source", "z", {}));
  EXPECT_FALSE(std::filesystem::exists(world.folder / ".a.part-0123456789abcdef"));
  EXPECT_EQ(world.folder.files(), 5u);
}

TEST(Target, AFolderTakesTheLongestNames) {
  CloudWorld world;
  const auto store = world.Open("file://" + (world.folder / "store").string());
  WriteBytes(world.folder / "source", "x");
  const std::string name(255, 'n');
  ASSERT_TRUE(store->Upload(world.folder / "source", name, {}));
  ASSERT_TRUE(store->Download(name, world.folder / name, {}));
  EXPECT_EQ(store->List()->at(0).name, name);
}

TEST(Target, AMissingLocalFolderIsAnEmptyList) {
  CloudWorld world;
  const auto store = world.Open("file://" + (world.folder / "absent").string());
  const auto objects = store->List();
  ASSERT_TRUE(objects);
  EXPECT_TRUE(objects->empty());
  EXPECT_EQ(store->Download("a", world.folder / "back", {}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace reflex::test
