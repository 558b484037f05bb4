// A transfer that is killed at any moment: the object or the file is there whole, as it was before, or not at all.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "child.h"
#include "cloud_world.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

constexpr int kMoments = 26;

template <class Fake>
class KilledTransfer {
 public:
  explicit KilledTransfer(std::string target) : target_(std::move(target)) { WriteBytes(folder_ / "source", bytes_); }

  // Kills the child when so many bytes of bodies went by; true when it ended before.
  bool Run(const char* way, const std::filesystem::path& file, std::size_t kill_at) {
    // The server may be about to tell of bytes when the child has gone.
    struct Watched {
      explicit Watched(std::vector<std::string> arguments) : child(std::move(arguments)) {}
      Child child;
      std::atomic<std::size_t> passed = 0;
    };
    const auto watched =
        std::make_shared<Watched>(std::vector<std::string>{REFLEX_CLOUD_TRANSFER, way, target_, fake_.url(), "a", file.string()});
    fake_.http().OnBytes([watched, kill_at](std::size_t bytes) {
      if (watched->passed.fetch_add(bytes) + bytes >= kill_at) watched->child.Kill();
    });
    const int status = watched->child.Wait();
    fake_.http().OnBytes({});
    EXPECT_TRUE(status == 0 || status == -9) << status;
    return status == 0;
  }

  void Uploads() {
    std::mt19937 random(26);
    int killed = 0;
    for (int i = 0; i < kMoments; ++i) {
      // Every second time an older object is there, which must stay or be replaced whole.
      std::string before;
      if (i % 2 == 1) fake_.Put("p/a", before = "older");
      const bool finished = Run("up", folder_ / "source", random() % (bytes_.size() + 2000));
      killed += finished ? 0 : 1;
      const auto objects = fake_.objects();
      if (finished || !objects.empty()) {
        ASSERT_EQ(objects.size(), 1u);
        const std::string& there = objects.at("p/a").bytes;
        ASSERT_TRUE(there == bytes_ || (!finished && there == before)) << there.size();
      } else {
        ASSERT_EQ(before, "");
      }
      fake_.Clear();
    }
    EXPECT_GE(killed, 20);
  }

  void Downloads() {
    fake_.Put("p/a", bytes_);
    std::mt19937 random(27);
    int killed = 0;
    for (int i = 0; i < kMoments; ++i) {
      const std::filesystem::path back = folder_ / "back";
      std::filesystem::remove(back);
      if (i % 2 == 1) WriteBytes(back, "older");
      const bool finished = Run("down", back, random() % (bytes_.size() + 2000));
      killed += finished ? 0 : 1;
      const std::string there = ReadBytes(back);
      ASSERT_TRUE(there == bytes_ || (!finished && there == (i % 2 == 1 ? "older" : ""))) << there.size();
    }
    EXPECT_GE(killed, 20);
  }

 private:
  Fake fake_;
  CloudFolder folder_;
  const std::string target_;
  const std::string bytes_ = SomeBytes(1'500'000);
};

TEST(KilledTransfer, LeavesNoHalfObjectOnGoogle) { KilledTransfer<FakeGoogle>("gs://bkt/p").Uploads(); }

TEST(KilledTransfer, LeavesNoHalfFileFromGoogle) { KilledTransfer<FakeGoogle>("gs://bkt/p").Downloads(); }

TEST(KilledTransfer, LeavesNoHalfObjectOnS3) {
  ::setenv("AWS_ACCESS_KEY_ID", "id", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  KilledTransfer<FakeS3>("s3://bkt/p").Uploads();
}

TEST(KilledTransfer, LeavesNoHalfFileFromS3) {
  ::setenv("AWS_ACCESS_KEY_ID", "id", 1);
  ::setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
  KilledTransfer<FakeS3>("s3://bkt/p").Downloads();
}

// A folder has no server to count bytes: the child is killed after a time that differs.
TEST(KilledTransfer, LeavesNoHalfFileInAFolder) {
  CloudFolder folder;
  const std::string bytes = SomeBytes(8'000'000);
  WriteBytes(folder / "source", bytes);
  std::mt19937 random(28);
  for (int i = 0; i < kMoments; ++i) {
    std::filesystem::remove_all(folder / "store");
    std::filesystem::create_directory(folder / "store");
    Child child({REFLEX_CLOUD_TRANSFER, "up", "file://" + (folder / "store").string(), "http://127.0.0.1:1", "a",
                 (folder / "source").string()});
    // Busy until the temporary file has grown so far.
    const std::size_t kill_at = random() % bytes.size();
    for (bool ended = false; !ended;) {
      for (const auto& entry : std::filesystem::directory_iterator(folder / "store")) {
        std::error_code gone;
        ended = ended || entry.path().filename() == "a" || (entry.file_size(gone) >= kill_at && !gone);
      }
    }
    child.Kill();
    const int status = child.Wait();
    ASSERT_TRUE(status == 0 || status == -9) << status;
    if (std::filesystem::exists(folder / "store/a")) ASSERT_TRUE(ReadBytes(folder / "store/a") == bytes);
  }
}

}  // namespace
}  // namespace reflex::test
