#include "app/request_log_writer.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "base/files.h"
#include "reflex/clock.h"

namespace reflex::app {
namespace {

class CountingLogger final : public Logger {
 public:
  void Log(LogLevel, std::string_view) override { lines.fetch_add(1); }
  std::atomic<int> lines{0};
};

class RequestLogWriterTest : public testing::Test {
 protected:
  RequestLogWriterTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "reflex-log-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    options_.file = root_ / "requests.log";
  }
  ~RequestLogWriterTest() override { std::filesystem::remove_all(root_); }

  void Open() {
    auto opened = RequestLogWriter::Open(options_, clock_, logger_, metrics_);
    ASSERT_TRUE(opened) << opened.error().message;
    log_ = std::move(*opened);
  }
  static std::string Content(const std::filesystem::path& path) { return base::ReadFile(path, 1 << 30).value_or(""); }
  static auto LinesIn(const std::string& text) { return std::ranges::count(text, '\n'); }
  static gateway::RequestRecord Record(std::string_view path) {
    gateway::RequestRecord record;
    record.method = "POST";
    record.path = path;
    record.status_name = "miss";
    record.status = 200;
    return record;
  }

  std::filesystem::path root_;
  RequestLogOptions options_;
  SystemClock clock_;
  CountingLogger logger_;
  base::MetricsRegistry metrics_;
  std::unique_ptr<RequestLogWriter> log_;
};

TEST_F(RequestLogWriterTest, ALineARequestReachesTheFile) {
  Open();
  log_->Write(Record("/v1/chat/completions"));
  log_->Write(Record("/v1/models"));
  log_->Flush();
  const std::string text = Content(options_.file);
  EXPECT_EQ(LinesIn(text), 2);
  EXPECT_NE(text.find("/v1/chat/completions"), std::string::npos);
  EXPECT_LT(text.find("/v1/chat/completions"), text.find("/v1/models"));
  struct stat status{};
  ASSERT_EQ(::stat(options_.file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(RequestLogWriterTest, LinesLeaveWithoutAFlushAndAtTheEnd) {
  options_.gather = std::chrono::milliseconds(1);
  Open();
  log_->Write(Record("/a"));
  while (LinesIn(Content(options_.file)) < 1) std::this_thread::yield();
  log_->Write(Record("/b"));
  log_.reset();
  EXPECT_EQ(LinesIn(Content(options_.file)), 2);
}

TEST_F(RequestLogWriterTest, ManyThreadsLoseNoLine) {
  options_.gather = std::chrono::milliseconds(1);
  options_.threads = 8;
  options_.buffer_bytes_max = 64 << 20;
  Open();
  constexpr int kThreads = 8, kLines = 2000;
  {
    std::vector<std::thread> threads;
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < kLines; ++i) log_->Write(Record("/x"));
      });
    }
    for (std::thread& thread : threads) thread.join();
  }
  log_->Flush();
  EXPECT_EQ(LinesIn(Content(options_.file)), kThreads * kLines);
  EXPECT_EQ(logger_.lines, 0);
}

TEST_F(RequestLogWriterTest, AFullBufferDropsCountsAndTells) {
  options_.gather = std::chrono::hours(1);
  options_.buffer_bytes_max = 4096;
  Open();
  constexpr int kLines = 1000;
  for (int i = 0; i < kLines; ++i) log_->Write(Record("/x"));
  log_->Flush();
  const auto written = LinesIn(Content(options_.file));
  EXPECT_GT(written, 10);
  EXPECT_LT(written, 100);
  EXPECT_EQ(logger_.lines, 1);
  EXPECT_NE(metrics_.Render().find("reflex_log_lines_dropped_total " + std::to_string(kLines - written)), std::string::npos)
      << metrics_.Render();
}

TEST_F(RequestLogWriterTest, AMovedFileContinuesUnderItsNameAfterReopen) {
  Open();
  log_->Write(Record("/before"));
  log_->Flush();
  std::filesystem::rename(options_.file, root_ / "old.log");
  ASSERT_TRUE(log_->Reopen());
  log_->Write(Record("/after"));
  log_->Flush();
  EXPECT_EQ(LinesIn(Content(root_ / "old.log")), 1);
  EXPECT_NE(Content(options_.file).find("/after"), std::string::npos);
}

TEST_F(RequestLogWriterTest, AReopenThatFailsKeepsTheOldFile) {
  Open();
  std::filesystem::rename(options_.file, root_ / "old.log");
  std::filesystem::create_directory(options_.file);
  EXPECT_FALSE(log_->Reopen());
  log_->Write(Record("/after"));
  log_->Flush();
  EXPECT_EQ(LinesIn(Content(root_ / "old.log")), 1);
}

TEST_F(RequestLogWriterTest, ATargetThatCannotBeWrittenLosesLinesAndGoesOn) {
  options_.file = "/dev/full";
  Open();
  log_->Write(Record("/x"));
  log_->Flush();
  log_->Write(Record("/x"));
  log_->Flush();
  EXPECT_EQ(logger_.lines, 2);
  EXPECT_NE(metrics_.Render().find("reflex_log_lines_dropped_total 2"), std::string::npos);
}

TEST_F(RequestLogWriterTest, AFileThatCannotBeOpenedIsAnError) {
  options_.file = root_ / "no" / "such" / "folder.log";
  const auto opened = RequestLogWriter::Open(options_, clock_, logger_, metrics_);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("folder.log"), std::string::npos);
}

}  // namespace
}  // namespace reflex::app
