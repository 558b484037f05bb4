#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "gateway/context.h"
#include "gateway/gateway.h"
#include "http/task.h"
#include "reflex/types.h"

namespace reflex::gateway {

// Which semantic hits are audited: a share of them, spread evenly by a counter, at most so many in a minute (counted from its first
// audit), and only so many at a time. Thread-safe.
class Audits {
 public:
  // Audits that run at once; more are left out.
  static constexpr std::uint32_t kRunningMax = 16;

  explicit Audits(const AuditOptions& options) : options_(options) {}

  enum class Kind : std::uint8_t {
    kNone,
    kHit,      // The user's question is asked.
    kControl,  // The stored question is asked again: one in five, and shows how often two answers to one question seem to differ.
  };
  // For every semantic hit, once. A hit that is chosen counts as running until End.
  Kind Begin(std::int64_t now_ns) EXCLUDES(mutex_);
  void End() EXCLUDES(mutex_);

  const AuditOptions& options() const { return options_; }

 private:
  const AuditOptions& options_;
  base::Mutex mutex_;
  double due_ GUARDED_BY(mutex_) = 0;  // Grows by the share with every hit; an audit takes 1.
  std::uint64_t chosen_ GUARDED_BY(mutex_) = 0;
  std::int64_t minute_began_ns_ GUARDED_BY(mutex_) = 0;
  std::uint32_t in_minute_ GUARDED_BY(mutex_) = 0;
  std::uint32_t running_ GUARDED_BY(mutex_) = 0;
};

// Everything an audit needs when the request is gone: the caller's credential among it, which is dropped with it.
struct AuditCall {
  std::string target;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;  // For the provider: plain, with the question to ask.
  std::string question;
  EntryPtr entry;  // What was served.
  std::string name_space;
  upstream::Provider provider = upstream::Provider::kOpenAi;
  bool control = false;
};

// Starts the audit of a semantic hit if it is chosen: a coroutine on the context's thread that nobody waits for. `body` is the
// request's, `question` its last text. Never for a request that must not be stored.
void AuditHit(RequestContext& context, std::string_view body, std::string_view question, EntryPtr served);

}  // namespace reflex::gateway
