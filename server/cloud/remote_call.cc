#include "cloud/remote_call.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/digest.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

using std::chrono::milliseconds;

// While it pauses, an operation asks this often whether it shall go on.
constexpr milliseconds kPauseStep{100};
constexpr std::size_t kWordsMax = 300;

// Between half and all of `pause`.
milliseconds Jittered(milliseconds pause) {
  std::array<std::uint8_t, 2> random;
  base::RandomBytes(random);
  const std::int64_t share = random[0] * 256 + random[1];
  return milliseconds(pause.count() / 2 + pause.count() / 2 * share / 65'535);
}

// An answer's words on one line, without control characters, cut.
std::string OneLine(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  if (text.size() > kWordsMax) text.resize(kWordsMax);
  return text;
}

}  // namespace

Operation::Operation(const CloudOptions& options, Clock& clock, Logger& logger, std::string what, Progress progress,
                     std::uint64_t total)
    : options_(options),
      clock_(clock),
      logger_(logger),
      what_(std::move(what)),
      progress_(std::move(progress)),
      total_(total),
      started_ns_(clock.SteadyNs()) {}

milliseconds Operation::Left() const { return options_.time_limit - milliseconds((clock_.SteadyNs() - started_ns_) / 1'000'000); }

Result<void> Operation::Report(std::uint64_t done) {
  done_ = done;
  if (!Continues(done)) return Fail(ErrorCode::kCancelled, what_ + " was cancelled");
  return {};
}

Result<void> Operation::WaitToRetry(const Error& reason, std::optional<milliseconds> retry_after) {
  if (given_up_ || retries_ >= options_.retries_max) {
    // A connection that is cut each time is, for a caller, a place that cannot be reached.
    return Fail(reason.code == ErrorCode::kClosed ? ErrorCode::kUnavailable : reason.code, reason.message);
  }
  milliseconds pause = options_.retry_pause;
  for (std::uint32_t i = 0; i < retries_ && pause < options_.retry_pause_max; ++i) pause *= 2;
  pause = retry_after ? *retry_after : Jittered(std::min(pause, options_.retry_pause_max));
  pause = std::min(pause, options_.retry_pause_max);
  ++retries_;
  if (pause >= Left()) {
    return Fail(ErrorCode::kTimeout, what_ + ": no time is left to try again; the last failure: " + reason.message);
  }
  logger_.Log(LogLevel::kWarning, "cloud-retry attempt=" + std::to_string(retries_) + " pause_ms=" + std::to_string(pause.count()) +
                                      " reason=" + JsonQuote(reason.message));
  return Wait(pause);
}

Result<void> Operation::Wait(milliseconds pause) {
  if (options_.pause) {
    options_.pause(pause);
    return Report(done_);
  }
  while (pause > milliseconds(0)) {
    const milliseconds step = std::min(pause, kPauseStep);
    std::this_thread::sleep_for(step);
    pause -= step;
    REFLEX_CHECK(Report(done_));
  }
  return {};
}

Result<HttpReply> RemoteCaller::Once(Operation& operation, const HttpRequest& request) {
  for (bool repeated = false;; repeated = true) {
    HttpRequest attempt = request;
    attempt.connect_timeout = std::min(request.connect_timeout, operation.options().connect_timeout);
    attempt.stall_timeout = operation.options().stall_timeout;
    attempt.time_limit = std::min(request.time_limit, operation.Left());
    if (attempt.time_limit <= milliseconds(0)) {
      return Fail(ErrorCode::kTimeout,
                  operation.what() + " took longer than " + std::to_string(operation.options().time_limit.count()) + " ms");
    }
    if (!attempt.progress) {
      attempt.progress = [&operation](std::uint64_t, std::uint64_t) { return operation.Continues(operation.done()); };
    }
    if (Result<void> signed_now = signer_ == nullptr ? Result<void>() : signer_->Sign(operation, attempt); !signed_now) {
      // Whoever gives credentials was asked again already where that helps.
      operation.GiveUp();
      return std::unexpected(std::move(signed_now).error());
    }
    REFLEX_TRY(HttpReply reply, http_.Call(attempt));
    const bool refused = reply.status == 400 || reply.status == 401 || reply.status == 403;
    if (!refused || repeated || signer_ == nullptr || !signer_->Refused(reply)) return reply;
    operation.logger().Log(LogLevel::kWarning, "cloud-refused status=" + std::to_string(reply.status) + " again=true");
  }
}

Result<HttpReply> RemoteCaller::Send(Operation& operation, const HttpRequest& request) {
  for (;;) {
    Result<HttpReply> reply = Once(operation, request);
    if (reply && !MayPass(reply->status)) return reply;
    if (!reply && !MayPass(reply.error().code)) return reply;
    const Error reason = reply ? StatusError(operation, *reply) : reply.error();
    const auto after = reply ? RetryAfter(*reply, operation.clock().WallMs()) : std::nullopt;
    REFLEX_CHECK(operation.WaitToRetry(reason, after));
  }
}

Error RemoteCaller::StatusError(const Operation& operation, const HttpReply& reply) const {
  const std::string words = OneLine(words_ ? words_(reply.body) : std::string());
  return {reply.status == 404 ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
          operation.what() + ": status " + std::to_string(reply.status) + (words.empty() ? "" : ": " + words)};
}

bool MayPass(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

bool MayPass(ErrorCode code) {
  return code == ErrorCode::kUnavailable || code == ErrorCode::kClosed || code == ErrorCode::kTimeout;
}

std::optional<milliseconds> RetryAfter(const HttpReply& reply, std::int64_t wall_ms) {
  const std::string_view value = reply.Header("retry-after");
  if (const std::optional<std::uint64_t> seconds = ParseNumber(value)) {
    return milliseconds(static_cast<std::int64_t>(std::min<std::uint64_t>(*seconds, 86'400)) * 1000);
  }
  const std::optional<std::int64_t> moment = ParseHttpDate(value);
  if (!moment) return std::nullopt;
  // The server's own clock, where it tells it, is the one that the date was made with.
  return milliseconds(std::max<std::int64_t>(0, *moment - ParseHttpDate(reply.Header("date")).value_or(wall_ms)));
}

std::optional<std::int64_t> ClockAhead(const HttpReply& reply, std::int64_t wall_ms) {
  const std::optional<std::int64_t> date = ParseHttpDate(reply.Header("date"));
  if (!date) return std::nullopt;
  return *date - wall_ms;
}

std::string Variable(const CloudOptions& options, const char* name) {
  if (options.variable) return options.variable(name);
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

}  // namespace reflex::cloud
