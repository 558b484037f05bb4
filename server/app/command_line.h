#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/eval_rows.h"
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
  kMigrate,
  kExplain,
  kEval,
  kModelsCheck,
  kTauqEncode,
  kTauqDecode,
  kSnapshotSave,
  kSnapshotLoad,
  kSnapshotList,
  kSnapshotVerify,
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
  std::optional<std::string> entry;  // 64 hexadecimal digits; alone.
  std::optional<std::chrono::milliseconds> older_than;
};

// What `reflex eval` is to try, and where the results go; empty: nowhere.
struct EvalRequest {
  EvalKind kind = EvalKind::kPairs;
  std::string file;
  std::string out;               // Predictions, a JSON line a row.
  std::string features;          // The verifier's features, tab-separated; pairs only.
  std::string tokens;            // The tokens' pieces and vectors, for training; pairs only.
  std::string scores;            // Scores and whether they were right, tab-separated.
  std::optional<double> cosine;  // Decide by this alone.
  std::string model, reranker;   // In place of the settings'.
  bool json = false;             // The report as JSON.
};

// The command line, taken apart. Values of settings are not looked at yet.
struct CommandLine {
  Command command = Command::kServe;
  std::vector<NamedValue> flags;  // Settings.
  std::string config_file;
  bool has_config_file = false;
  std::string url;  // health, stats, purge, entries, snapshot: the Reflex to ask; empty: the one of these settings.
  PurgeFilter purge;
  std::string entry;       // entries delete: 64 hexadecimal digits.
  std::string migrate_to;  // migrate: "shared" or "local".
  EvalRequest eval;
  std::string file;      // explain: a chat request, "-" for standard input. models check: a model.
                         // tauq: what is read, "-" for standard input. snapshot: a name to load, a file to verify.
  bool reembed = false;  // snapshot load: vectors of another embedder are made anew.
  std::string api_key;   // explain: the caller's credential.
  bool json = false;     // explain, models check: the raw answer.
};

// `arguments` are those after the program's name. Returns: kInvalidArgument with the argument, its value and what is allowed.
Result<CommandLine> ParseCommandLine(std::vector<std::string> arguments);

}  // namespace reflex::app
