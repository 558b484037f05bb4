#include "app/log.h"

#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <utility>

namespace reflex::app {
namespace {

spdlog::level::level_enum LevelOf(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::err;
}

class StderrLogger final : public Logger {
 public:
  explicit StderrLogger(std::string_view level) : logger_("reflex", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
    logger_.set_level(spdlog::level::from_str(std::string(level)));
    // A log that cannot be written must not end the program or be written about.
    logger_.set_error_handler([](const std::string&) {});
  }

  void Log(LogLevel level, std::string_view line) override {
    logger_.log(LevelOf(level), spdlog::string_view_t(line.data(), line.size()));
  }

 private:
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Logger> NewStderrLogger(std::string_view level) { return std::make_unique<StderrLogger>(level); }

}  // namespace reflex::app
