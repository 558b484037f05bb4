#include "app/main.h"

#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/command_line.h"
#include "app/commands.h"
#include "app/eval_command.h"
#include "app/lifecycle.h"
#include "app/models.h"
#include "app/pages.h"
#include "app/snapshot_command.h"
#include "app/tauq_command.h"
#include "app/version.h"
#include "base/files.h"
#include "inference/probe.h"

namespace reflex::app {
namespace {

// Where clients of OpenAI's keep their credential; `reflex explain` asks as the caller that has it.
constexpr std::string_view kCredentialVariable = "OPENAI_API_KEY";
constexpr std::uint64_t kSettingsFileBytesMax = 1 << 20;

int Print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  return std::fflush(stdout) == 0 ? kExitDone : kExitFailed;
}

std::vector<NamedValue> ReadEnvironment(const char* const* environment) {
  std::vector<NamedValue> variables;
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry = *environment;
    const std::size_t equals = entry.find('=');
    if (equals == std::string_view::npos) continue;
    variables.push_back({std::string(entry.substr(0, equals)), std::string(entry.substr(equals + 1))});
  }
  return variables;
}

Result<LoadedSettings> Load(const CommandLine& line, const char* const* environment) {
  SettingsInput input{
      .file_name = line.config_file, .file_text = {}, .environment = ReadEnvironment(environment), .flags = line.flags};
  if (!line.has_config_file) {
    for (const NamedValue& variable : input.environment) {
      if (variable.name == kConfigVariable) input.file_name = variable.value;
    }
  }
  if (!input.file_name.empty()) {
    REFLEX_TRY(input.file_text, base::ReadFile(input.file_name, kSettingsFileBytesMax));
  }
  return LoadSettings(input);
}

int RunConfig(const LoadedSettings& loaded) {
  for (const std::string& warning : loaded.warnings) std::fprintf(stderr, "reflex: %s\n", warning.c_str());
  return Print(ConfigPage(loaded));
}

std::string CredentialOf(const CommandLine& line, const char* const* environment) {
  if (!line.api_key.empty()) return line.api_key;
  for (const NamedValue& variable : ReadEnvironment(environment)) {
    if (variable.name == kCredentialVariable) return variable.value;
  }
  return "";
}

int RunWithSettings(const CommandLine& line, LoadedSettings loaded, const char* const* environment) {
  switch (line.command) {
    case Command::kConfig: return RunConfig(loaded);
    case Command::kHealth: return RunHealth(line, loaded.settings);
    case Command::kStats: return RunStats(line, loaded.settings);
    case Command::kPurge: return RunPurge(line, loaded.settings);
    case Command::kEntriesDelete: return RunEntriesDelete(line, loaded.settings);
    case Command::kSnapshotSave:
    case Command::kSnapshotLoad:
    case Command::kSnapshotList: return RunSnapshot(line, std::move(loaded.settings));
    case Command::kMigrate: return RunMigrate(line, loaded.settings);
    case Command::kExplain: return RunExplain(line, loaded.settings, CredentialOf(line, environment));
    case Command::kEval: return RunEval(line, loaded.settings);
    default: return Serve(std::move(loaded));
  }
}

}  // namespace

int Main(int argc, const char* const* argv, const char* const* environment) {
  // A peer that closed, or a pager that was left, is an error of the write, not the end of the program.
  std::signal(SIGPIPE, SIG_IGN);
  // The process that looks at a model file, started by this program; no command of a person's.
  if (argc > 1 && argv[1] == kProbeCommand) {
    return inference::RunProbe(std::vector<std::string>(argv + 2, argv + argc), STDOUT_FILENO);
  }
  const Result<CommandLine> line = ParseCommandLine(std::vector<std::string>(argv + (argc > 0 ? 1 : 0), argv + argc));
  if (!line) return Failed(line.error().message, kExitUsage);
  if (line->command == Command::kHelp) return Print(HelpPage());
  if (line->command == Command::kVersion) return Print("reflex " + std::string(Version()) + "\n");
  if (line->command == Command::kSettingsPage) return Print(SettingsPage());
  if (line->command == Command::kTauqEncode || line->command == Command::kTauqDecode) return RunTauq(*line);
  if (line->command == Command::kSnapshotVerify) return RunSnapshotVerify(*line);
  if (line->command == Command::kModelsCheck) return RunModelsCheck(*line);
  Result<LoadedSettings> loaded = Load(*line, environment);
  if (!loaded) return Failed(loaded.error().message, kExitUsage);
  return RunWithSettings(*line, std::move(*loaded), environment);
}

}  // namespace reflex::app
