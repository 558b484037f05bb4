#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reflex/result.h"

namespace reflex::app {

struct Settings;

// What a value is and how it is written.
enum class Kind : std::uint8_t {
  kText,      // Anything; may be empty.
  kPath,      // A file or folder; empty for none.
  kUrl,       // http or https base URL; empty switches off.
  kList,      // Texts, separated by commas (an array in the file).
  kBool,      // true or false.
  kCount,     // A whole number.
  kPercent,   // 0 to 100, with or without "%".
  kShare,     // 0 to 1: "0.003" or "0.3%"; `min` and `max` in millionths.
  kDecimal,   // A decimal number, which may be negative: "-0.5".
  kBytes,     // "64MiB", "8GiB" or plain bytes.
  kDuration,  // "100ms", "10s", "5m", "24h", "7d".
  kChoice,    // One of a list.
};

// Where a setting's value lives. The pointer's type must fit the kind.
using Field = std::variant<std::string*, std::filesystem::path*, std::vector<std::string>*, bool*, std::uint16_t*, std::uint32_t*,
                           std::uint64_t*, int*, double*, std::chrono::milliseconds*, std::chrono::seconds*>;

// One setting: everything the file, the environment, the flags, `reflex config`, `reflex --help` and docs/configuration.md say
// about it comes from here. The default is what a default-made Settings holds.
struct Setting {
  std::string_view key;  // "memory.bytes": the name in the file; the part before the dot is its section.
  Kind kind = Kind::kText;
  Field (*field)(Settings&) = nullptr;
  std::string_view help;           // One or two sentences, for a person who runs Reflex.
  std::string_view env = {};       // Empty: REFLEX_ and the key in capitals, "REFLEX_MEMORY_BYTES".
  std::string_view also_env = {};  // Variables of other programs that count when `env` is not set, separated by spaces.
  std::uint64_t min = 0;           // For numbers, bytes and (in milliseconds) durations.
  std::uint64_t max = std::numeric_limits<std::int64_t>::max();
  double least = 0, most = 0;     // For kDecimal, in place of `min` and `max`.
  std::string_view choices = {};  // For kChoice, separated by spaces.
  std::string_view form = {};     // For texts with a form: what is allowed, in words; checked by CheckTogether.
  bool secret = false;            // Shown as [secret].

  std::string EnvName() const;
  // "--memory-bytes": the environment's name without REFLEX_, in small letters.
  std::string FlagName() const;
  std::string_view Section() const { return key.substr(0, key.find('.')); }
};

// What is allowed, in words: "a whole number from 0 to 65535".
std::string Allowed(const Setting& setting);

// Sets the field from the pieces of a value: one piece, or any number for a list. Returns: kInvalidArgument; the message is what is
// allowed, without name and value.
Result<void> Assign(const Setting& setting, Settings& settings, const std::vector<std::string>& pieces);

// The value as it would be written in a file: "64MiB", "[\"a\", \"b\"]", "true". Text is quoted.
std::string Show(const Setting& setting, const Settings& settings);
// The same for the command line: no quotes, lists with commas; secrets hidden.
std::string ShowPlain(const Setting& setting, const Settings& settings);

// A text as a TOML string or list element, quoted and escaped.
std::string Quote(std::string_view text);

// Cuts at `separator`, trims spaces, drops empty pieces.
std::vector<std::string> SplitList(std::string_view text, char separator);

// "64MiB", "1 GiB", "500kB", "4096". Returns: kInvalidArgument.
Result<std::uint64_t> ParseBytes(std::string_view text);
// In milliseconds. Returns: kInvalidArgument, also for a number without a unit.
Result<std::chrono::milliseconds> ParseDuration(std::string_view text);
std::string ShowBytes(std::uint64_t bytes);
std::string ShowDuration(std::chrono::milliseconds duration);

}  // namespace reflex::app
