#pragma once

#include <string_view>

namespace reflex {

/// error: a request failed or the program cannot do its work; warning: we recovered; info: start and stop; debug: the rest.
enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Where the library says what happened. Thread-safe, never blocks for long, never throws.
class Logger {
 public:
  virtual ~Logger() = default;
  /// One event, one line, `event key=value key=value`. Never a prompt, an answer, a key or a token.
  virtual void Log(LogLevel level, std::string_view line) = 0;
};

/// Says nothing; for library users who want no log.
class NullLogger final : public Logger {
 public:
  void Log(LogLevel, std::string_view) override {}
};

}  // namespace reflex
