#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "reflex/logger.h"

namespace reflex::fakes {

// A log that tests read. Thread-safe.
class KeptLog final : public Logger {
 public:
  void Log(LogLevel, std::string_view line) override {
    const std::lock_guard lock(mutex_);
    text_.append(line).append("\n");
  }
  bool Saw(std::string_view part) const {
    const std::lock_guard lock(mutex_);
    return text_.find(part) != std::string::npos;
  }
  // All lines.
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  std::string text_;
};

}  // namespace reflex::fakes
