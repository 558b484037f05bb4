#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/settings.h"
#include "reflex/result.h"

namespace reflex::app {

enum class Command : std::uint8_t {
  kServe,
  kConfig,
  kHealth,
  kVersion,
  kStats,
  kPurge,
  kEntriesDelete,
  kHelp,
  kSettingsPage,  // Prints docs/configuration.md; for the build, not in --help.
};

// What `reflex purge` is to remove: all, or what meets every condition that is given.
struct PurgeFilter {
  bool all = false;
  bool dry_run = false;  // Only count.
  std::optional<std::string> model;
  std::optional<std::string> name_space;  // "" is that of requests without one.
  std::optional<std::string> tag;
  std::optional<std::chrono::milliseconds> older_than;
};

// The command line, taken apart. Values of settings are not looked at yet.
struct CommandLine {
  Command command = Command::kServe;
  std::vector<NamedValue> flags;  // Settings.
  std::string config_file;
  bool has_config_file = false;
  std::string url;  // health, stats, purge, entries: the Reflex to ask; empty: the one of these settings.
  PurgeFilter purge;
  std::string entry;  // entries delete: 64 hexadecimal digits.
};

// `arguments` are those after the program's name. Returns: kInvalidArgument with the argument, its value and what is allowed.
Result<CommandLine> ParseCommandLine(std::vector<std::string> arguments);

}  // namespace reflex::app
