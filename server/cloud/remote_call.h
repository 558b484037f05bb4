#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "cloud/http_call.h"
#include "cloud/object_store.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"

namespace reflex::cloud {

// One call of a user's on its way: how much time and how many repeats are left, and whom to tell how far it is. Not thread-safe.
class Operation {
 public:
  // `what` names it in messages: "upload of s3://b/p/name". The references outlive it.
  Operation(const CloudOptions& options, Clock& clock, Logger& logger, std::string what, Progress progress = {},
            std::uint64_t total = 0);

  // Pauses before a repeat: `retry_after` where the server named a time, else twice the last pause, of which a random half.
  // Returns: `reason` when no repeat is left, kTimeout when no time is, kCancelled.
  Result<void> WaitToRetry(const Error& reason, std::optional<std::chrono::milliseconds> retry_after = std::nullopt);
  // No repeat can help from here: the next WaitToRetry returns its reason.
  void GiveUp() { given_up_ = true; }
  // Something was achieved that need not be repeated; repeats are counted from here.
  void Moved() { retries_ = 0; }
  // Tells progress. Returns: kCancelled.
  Result<void> Report(std::uint64_t done);
  bool Continues(std::uint64_t done) const { return !progress_ || progress_(done, total_); }
  std::chrono::milliseconds Left() const;

  void set_total(std::uint64_t total) { total_ = total; }
  std::uint64_t done() const { return done_; }
  const std::string& what() const { return what_; }
  const CloudOptions& options() const { return options_; }
  Clock& clock() const { return clock_; }
  Logger& logger() const { return logger_; }

 private:
  Result<void> Wait(std::chrono::milliseconds pause);

  const CloudOptions& options_;
  Clock& clock_;
  Logger& logger_;
  std::string what_;
  Progress progress_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::int64_t started_ns_;
  std::uint32_t retries_ = 0;
  bool given_up_ = false;
};

// Gives a request what proves who sends it. Thread-safe.
class Signer {
 public:
  virtual ~Signer() = default;
  // Adds headers; may fetch credentials first. Returns: kUnavailable, kInvalidArgument (a credentials file), kTimeout, kCancelled.
  virtual Result<void> Sign(Operation& operation, HttpRequest& request) = 0;
  // Hears of an answer of 400, 401 or 403: true where credentials or clock were put right and one repeat makes sense.
  virtual bool Refused(const HttpReply& reply) = 0;
};

// Sends requests of an operation: signed, with its limits, repeated where that may help. Thread-safe.
class RemoteCaller {
 public:
  // The words of an error answer's body, "" for none.
  using ErrorWords = std::function<std::string(std::string_view body)>;

  // `signer` may be null: nothing is signed. All outlive the caller.
  RemoteCaller(HttpCaller& http, Signer* signer, ErrorWords words) : http_(http), signer_(signer), words_(std::move(words)) {}

  // One attempt, and a second one where the signer put its refusal right. Any status is a reply.
  Result<HttpReply> Once(Operation& operation, const HttpRequest& request);
  // Repeats failures that may pass. A reply has a status of another kind: 2xx, 3xx, 4xx. Requests with a sink are not for Send.
  Result<HttpReply> Send(Operation& operation, const HttpRequest& request);
  // An error for a status that the operation cannot use: 404 is kNotFound, all others kUnavailable.
  Error StatusError(const Operation& operation, const HttpReply& reply) const;

 private:
  HttpCaller& http_;
  Signer* signer_;
  ErrorWords words_;
};

// 408, 429, 500, 502, 503, 504.
bool MayPass(int status);
// Not reached, cut or out of time.
bool MayPass(ErrorCode code);
// What Retry-After says (RFC 9110, section 10.2.3), seconds or a date; nothing where it is absent or no such thing.
std::optional<std::chrono::milliseconds> RetryAfter(const HttpReply& reply, std::int64_t wall_ms);
// How far the server's clock (its Date) is ahead of `wall_ms`; nothing without a Date.
std::optional<std::int64_t> ClockAhead(const HttpReply& reply, std::int64_t wall_ms);
// Differences of clocks up to this are not corrected. Clouds refuse from 15 minutes (S3) or 10 (Google).
inline constexpr std::int64_t kClockSlackMs = 300'000;

// An environment variable by way of CloudOptions::variable.
std::string Variable(const CloudOptions& options, const char* name);

}  // namespace reflex::cloud
