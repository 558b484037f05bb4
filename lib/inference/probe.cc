#include "inference/probe.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <functional>
#include <memory>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/digest.h"
#include "inference/gguf_file.h"

extern char** environ;  // NOLINT(readability-redundant-declaration): what posix_spawn hands on.

namespace reflex::inference {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kAnswerBytesMax = 64 * 1024;
constexpr std::string_view kSample = "How do I reset the password of my account after a failed login?";
constexpr std::size_t kSamples = 5;
constexpr std::string_view kFailed = "failed ";  // What an answer begins with that is an error: "failed CODE MESSAGE".

// ---- The parent ----

struct Pipe {
  int read = -1, write = -1;
  ~Pipe() {
    if (read >= 0) ::close(read);
    CloseWrite();
  }
  void CloseWrite() {
    if (write >= 0) ::close(write);
    write = -1;
  }
};

Result<pid_t> Spawn(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // The answer comes over standard output; what the library prints before it aborts is nobody's business.
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, 1);
  posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, argv[0], &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) return Fail(ErrorCode::kIo, arguments[0] + ": cannot be started: " + std::generic_category().message(error));
  return child;
}

// Reads until the child closes its end; false when the time is over.
bool ReadAll(int from, Clock::time_point until, std::string& answer) {
  std::array<char, 4096> buffer;
  while (answer.size() < kAnswerBytesMax) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now()).count();
    if (left <= 0) return false;
    pollfd wait{from, POLLIN, 0};
    const int ready = ::poll(&wait, 1, static_cast<int>(left));
    if (ready <= 0) continue;  // Time is looked at again, and so is what interrupted.
    const ssize_t size = ::read(from, buffer.data(), buffer.size());
    if (size == 0) return true;
    if (size > 0) answer.append(buffer.data(), static_cast<std::size_t>(size));
    if (size < 0 && errno != EINTR) return true;
  }
  return true;
}

// The child's status; one that has not ended by then is killed.
int Wait(pid_t child, Clock::time_point until, bool& in_time) {
  int status = 0;
  while (in_time) {
    const pid_t ended = ::waitpid(child, &status, WNOHANG);
    if (ended == child) return status;
    in_time = Clock::now() < until && (ended == 0 || errno == EINTR);
    ::poll(nullptr, 0, 1);
  }
  ::kill(child, SIGKILL);
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

Result<ModelReport> ReadAnswer(const std::string& path, const std::string& answer, int status) {
  if (WIFSIGNALED(status)) {
    return Fail(ErrorCode::kInvalidArgument, path + ": no usable model: the program that looked at it was ended by signal " +
                                                 std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")");
  }
  if (answer.starts_with(kFailed)) {
    const std::string_view rest = std::string_view(answer).substr(kFailed.size());
    const std::size_t space = std::min(rest.find(' '), rest.size());
    std::string message(rest.substr(std::min(space + 1, rest.size())));
    while (message.ends_with('\n')) message.pop_back();
    for (const ErrorCode code : {ErrorCode::kNotFound, ErrorCode::kUnsupported, ErrorCode::kTooLarge, ErrorCode::kIo}) {
      if (rest.substr(0, space) == Name(code)) return Fail(code, message);
    }
    return Fail(ErrorCode::kInvalidArgument, message);
  }
  auto report = ParseReport(answer);
  if (!report) return Fail(ErrorCode::kIo, path + ": the look at it gave no answer: " + report.error().message);
  return report;
}

// ---- The child ----

Result<double> SampleTime(const std::function<Result<void>()>& once) {
  std::vector<double> times;
  REFLEX_CHECK(once());
  for (std::size_t i = 0; i < kSamples; ++i) {
    const auto start = Clock::now();
    REFLEX_CHECK(once());
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::ranges::nth_element(times, times.begin() + kSamples / 2);
  return times[kSamples / 2];
}

// What the head of the file says.
Result<ModelReport> ReadHead(const std::filesystem::path& path) {
  REFLEX_TRY(const MappedFile file, MappedFile::Open(path));
  auto read = GgufHead::Read(file.bytes());
  if (!read) return Fail(read.error().code, path.string() + ": " + read.error().message);
  ModelReport report;
  report.architecture = read->architecture().value_or("");
  report.name = read->Text("general.name").value_or("");
  report.bytes = file.bytes().size();
  report.sha256 = base::ToHex(base::HashBytes(file.bytes()));
  report.window =
      static_cast<std::uint32_t>(std::min<std::uint64_t>(read->ArchitectureNumber("context_length").value_or(0), 0xffffffff));
  report.pieces = static_cast<std::uint32_t>(read->vocabulary().size());
  constexpr std::array<const char*, 5> kPoolings{"none", "mean", "cls", "last", "rank"};
  report.pooling = kPoolings[std::min<std::uint64_t>(read->ArchitectureNumber("pooling_type").value_or(0), 4)];
  return report;
}

Result<ModelReport> Look(const std::filesystem::path& path, ModelUse use, Pooling pooling) {
  constexpr std::chrono::minutes kLimit{10};
  REFLEX_TRY(ModelReport report, ReadHead(path));
  GgufOptions options;
  options.contexts = 1;
  const auto start = Clock::now();
  const auto loaded = [&] { report.load_ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count(); };
  if (use == ModelUse::kPairScorer) {
    REFLEX_TRY(const auto scorer, OpenGgufPairScorer(path, options));
    loaded();
    report.dimension = 1;
    report.pooling = "rank";
    REFLEX_TRY(report.sample_ms, SampleTime([&]() -> Result<void> {
                 REFLEX_CHECK(scorer->Score(kSample, kSample, kLimit));
                 return {};
               }));
    return report;
  }
  options.pooling = pooling;
  REFLEX_TRY(const auto embedder, OpenGguf(path, options));
  loaded();
  report.dimension = embedder->dimension();
  if (pooling != Pooling::kFile) report.pooling = Name(pooling);
  REFLEX_TRY(report.sample_ms, SampleTime([&]() -> Result<void> {
               REFLEX_CHECK(embedder->Embed(kSample, {}, kLimit));
               return {};
             }));
  return report;
}

bool WriteAll(int to, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t size = ::write(to, bytes.data(), bytes.size());
    if (size < 0 && errno != EINTR) return false;
    if (size > 0) bytes.remove_prefix(static_cast<std::size_t>(size));
  }
  return true;
}

}  // namespace

Result<ModelReport> CheckModel(const std::filesystem::path& path, const ProbeOptions& options) {
  if (options.command.empty()) return Fail(ErrorCode::kInvalidArgument, "a look at a model needs a program to start");
  if (options.limit < std::chrono::seconds(1) || options.limit > std::chrono::minutes(10)) {
    return Fail(ErrorCode::kInvalidArgument, "time limit of a look at a model: allowed are 1 s to 10 min");
  }
  // What needs no child is said without one.
  REFLEX_CHECK(MappedFile::Open(path));
  std::vector<std::string> arguments = options.command;
  arguments.emplace_back(options.use == ModelUse::kPairScorer ? "pair" : "embed");
  arguments.emplace_back(Name(options.pooling));
  arguments.push_back(path.string());

  Pipe pipe;
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return Fail(ErrorCode::kIo, "pipe: " + std::generic_category().message(errno));
  pipe.read = ends[0];
  pipe.write = ends[1];
  const auto until = Clock::now() + options.limit;
  REFLEX_TRY(const pid_t child, Spawn(arguments, pipe.write));
  pipe.CloseWrite();
  std::string answer;
  bool in_time = ReadAll(pipe.read, until, answer);
  const int status = Wait(child, until, in_time);
  if (!in_time) {
    return Fail(ErrorCode::kTimeout,
                path.string() + ": the look at it took longer than " + std::to_string(options.limit.count()) + " ms");
  }
  return ReadAnswer(path.string(), answer, status);
}

int RunProbe(std::span<const std::string> arguments, int out) {
  const bool known = arguments.size() == 3 && (arguments[0] == "embed" || arguments[0] == "pair");
  const auto pooling = known ? PoolingFromName(arguments[1]) : Fail(ErrorCode::kInvalidArgument, "usage: embed|pair POOLING FILE");
  Result<ModelReport> report = Fail(ErrorCode::kInternal, "");
  if (pooling) {
    report = Look(arguments[2], arguments[0] == "pair" ? ModelUse::kPairScorer : ModelUse::kEmbedder, *pooling);
  } else {
    report = std::unexpected(pooling.error());
  }
  const std::string answer =
      report ? FormatReport(*report)
             : std::string(kFailed) + std::string(Name(report.error().code)) + " " + report.error().message + "\n";
  return WriteAll(out, answer) && report ? 0 : 1;
}

}  // namespace reflex::inference
