#include "app/command_line.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

#include "app/suggest.h"
#include "base/digest.h"

namespace reflex::app {
namespace {

bool LooksLikeBool(std::string_view text) {
  constexpr std::string_view kWords[] = {"true", "false", "on", "off", "yes", "no", "0", "1"};
  return std::ranges::find(kWords, text) != std::end(kWords);
}

// What CLI11 reads otherwise than people mean it: `--name=` is an empty value, and a switch alone is true.
std::vector<std::string> Normalise(const std::vector<std::string>& arguments) {
  std::vector<std::string> switches;
  for (const Setting& setting : SettingsTable()) {
    if (setting.kind == Kind::kBool) switches.push_back(setting.FlagName());
  }
  std::vector<std::string> normal;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool is_empty_value = argument.starts_with("--") && argument.ends_with('=') && argument.find('=') == argument.size() - 1;
    const bool is_switch = std::ranges::find(switches, argument) != switches.end();
    const bool has_value = i + 1 < arguments.size() && LooksLikeBool(arguments[i + 1]);
    normal.push_back(is_empty_value ? argument.substr(0, argument.size() - 1) : argument);
    if (is_empty_value) normal.emplace_back();
    if (is_switch && !has_value) normal.emplace_back("true");
  }
  return normal;
}

// Builds the parser once and reads one command line with it.
class Parser {
 public:
  Parser() : app_("", "reflex") {
    app_.set_help_flag("-h,--help");
    app_.fallthrough();
    app_.allow_extras();
    app_.require_subcommand(0, 1);
    app_.add_flag("-V,--version", version_);
    app_.add_option("--config", line_.config_file)->check([](const std::string&) { return std::string(); });
    for (const Setting& setting : SettingsTable()) AddSetting(setting);
    AddCommands();
  }

  Result<CommandLine> Parse(std::vector<std::string> arguments) {
    arguments = Normalise(arguments);
    std::ranges::reverse(arguments);
    try {
      app_.parse(std::move(arguments));
    } catch (const CLI::CallForHelp&) {
      line_.command = Command::kHelp;
      return line_;
    } catch (const CLI::ArgumentMismatch& error) {
      // "--port: At Most 1 required but received 2": the name is what helps.
      const std::string what = error.what();
      return Fail(ErrorCode::kInvalidArgument,
                  what.substr(0, what.find(':')) + " takes one value, once; `reflex --help` shows what is allowed");
    } catch (const CLI::ParseError& error) {
      return Fail(ErrorCode::kInvalidArgument, std::string(error.what()) + "; `reflex --help` shows what is allowed");
    }
    REFLEX_CHECK(RefuseExtras());
    return Finish();
  }

 private:
  CLI::App* AddCommand(CLI::App& parent, const std::string& name, Command command) {
    CLI::App* sub = parent.add_subcommand(name);
    sub->set_help_flag("-h,--help");
    sub->fallthrough();
    sub->allow_extras();
    sub->callback([this, command] { line_.command = command; });
    return sub;
  }

  void AddCommands() {
    AddCommand(app_, "serve", Command::kServe);
    AddCommand(app_, "config", Command::kConfig);
    AddCommand(app_, "version", Command::kVersion);
    AddCommand(app_, "settings-page", Command::kSettingsPage);
    AddCommand(app_, "health", Command::kHealth)->add_option("--url", line_.url);
    AddCommand(app_, "stats", Command::kStats)->add_option("--url", line_.url);
    CLI::App* purge = AddCommand(app_, "purge", Command::kPurge);
    purge->add_option("--url", line_.url);
    purge->add_flag("--all", line_.purge.all);
    purge->add_flag("--dry-run", line_.purge.dry_run);
    AddOptional(*purge, "--model", line_.purge.model);
    AddOptional(*purge, "--namespace", line_.purge.name_space);
    AddOptional(*purge, "--tag", line_.purge.tag);
    AddOptional(*purge, "--entry", line_.purge.entry);
    AddOptional(*purge, "--older-than", older_than_);
    CLI::App* entries = AddParent("entries");
    CLI::App* remove = AddCommand(*entries, "delete", Command::kEntriesDelete);
    remove->add_option("--url", line_.url);
    remove->add_option("key", line_.entry)->required();
    AddCommand(app_, "migrate", Command::kMigrate)->add_option("--to", line_.migrate_to)->required();
    AddModelCommands();
  }

  CLI::App* AddParent(const std::string& name) {
    CLI::App* parent = app_.add_subcommand(name);
    parent->fallthrough();
    parent->allow_extras();
    parent->require_subcommand(1);
    return parent;
  }

  void AddModelCommands() {
    CLI::App* explain = AddCommand(app_, "explain", Command::kExplain);
    explain->add_option("--url", line_.url);
    explain->add_option("--api-key", line_.api_key);
    explain->add_flag("--json", line_.json);
    explain->add_option("file", line_.file)->required();
    CLI::App* check = AddCommand(*AddParent("models"), "check", Command::kModelsCheck);
    check->add_flag("--json", line_.json);
    check->add_option("file", line_.file)->required();
    CLI::App* tauq = AddParent("tauq");
    AddTauq(*tauq, "encode", Command::kTauqEncode);
    AddTauq(*tauq, "decode", Command::kTauqDecode);
    AddSnapshotCommands();
    CLI::App* eval = AddParent("eval");
    for (const EvalKind kind : {EvalKind::kPairs, EvalKind::kStream, EvalKind::kRequests}) AddEval(*eval, kind);
  }

  void AddSnapshotCommands() {
    CLI::App* snapshot = AddParent("snapshot");
    AddCommand(*snapshot, "save", Command::kSnapshotSave)->add_option("--url", line_.url);
    AddCommand(*snapshot, "list", Command::kSnapshotList)->add_option("--url", line_.url);
    CLI::App* load = AddCommand(*snapshot, "load", Command::kSnapshotLoad);
    load->add_option("--url", line_.url);
    load->add_flag("--reembed", line_.reembed);
    load->add_option("name", line_.file);
    AddCommand(*snapshot, "verify", Command::kSnapshotVerify)->add_option("file", line_.file)->required();
  }

  void AddTauq(CLI::App& parent, const std::string& name, Command command) {
    CLI::App* tauq = AddCommand(parent, name, command);
    tauq->add_option("file", line_.file);
    tauq->callback([this, command] {
      line_.command = command;
      if (line_.file.empty()) line_.file = "-";
    });
  }

  void AddEval(CLI::App& parent, EvalKind kind) {
    CLI::App* eval = AddCommand(parent, std::string(Name(kind)), Command::kEval);
    eval->callback([this, kind] {
      line_.command = Command::kEval;
      line_.eval.kind = kind;
    });
    eval->add_option("file", line_.eval.file)->required();
    eval->add_option("--out", line_.eval.out);
    eval->add_option("--model", line_.eval.model);
    eval->add_option("--reranker", line_.eval.reranker);
    eval->add_flag("--json", line_.eval.json);
    if (kind == EvalKind::kPairs) {
      eval->add_option("--features", line_.eval.features);
      eval->add_option("--tokens", line_.eval.tokens);
    }
    if (kind == EvalKind::kRequests) return;
    eval->add_option("--scores", line_.eval.scores);
    CLI::Option* const cosine = eval->add_option("--cosine", line_.eval.cosine)->check(CLI::Range(-1.0, 1.0));
    for (const char* other : {"--reranker", "--scores", "--features", "--tokens"}) {
      if (CLI::Option* const option = eval->get_option_no_throw(other)) cosine->excludes(option);
    }
  }

  void AddOptional(CLI::App& app, const std::string& name, std::optional<std::string>& value) {
    app.add_option(name, ignored_)->each([&value](const std::string& text) { value = text; });
  }

  void AddSetting(const Setting& setting) {
    const std::string flag = setting.FlagName();
    const auto keep = [this, flag](const std::string& value) { line_.flags.push_back({flag, value}); };
    app_.add_option(flag, ignored_)->each(keep);
  }

  Result<void> RefuseExtras() {
    const std::vector<std::string> extras = app_.remaining(true);
    if (extras.empty()) return {};
    std::vector<std::string> known;
    const bool is_flag = extras[0].starts_with('-');
    if (is_flag) {
      known = {"--config", "--help", "--version"};
      for (const Setting& setting : SettingsTable()) known.push_back(setting.FlagName());
    } else {
      known = {"serve",   "config", "health", "stats",    "purge", "entries", "migrate",
               "explain", "eval",   "models", "snapshot", "tauq",  "version"};
    }
    // `--name=value`: the name is enough, the value may be a secret.
    const std::string name = is_flag ? extras[0].substr(0, extras[0].find('=')) : extras[0];
    const std::string value =
        is_flag && extras.size() > 1 && !extras[1].starts_with('-') ? " (value " + Quote(extras[1]) + ")" : "";
    return Fail(ErrorCode::kInvalidArgument, std::string(is_flag ? "unknown flag " : "unexpected argument ") + name + value +
                                                 DidYouMean(name, known) + "; allowed: " + ListOf(known));
  }

  Result<CommandLine> Finish() {
    line_.has_config_file = app_.count("--config") > 0;
    if (version_) line_.command = Command::kVersion;
    if (line_.command == Command::kPurge) {
      REFLEX_CHECK(FinishPurge());
    }
    if (line_.command == Command::kEntriesDelete) {
      REFLEX_CHECK(CheckEntry(line_.entry));
    }
    return std::move(line_);
  }

  static Result<void> CheckEntry(const std::string& entry) {
    if (base::DigestFromHex(entry)) return {};
    return Fail(ErrorCode::kInvalidArgument,
                "entry " + Quote(entry) + " is not allowed; allowed: 64 hexadecimal digits, as in X-Reflex-Entry");
  }

  Result<void> FinishPurge() {
    PurgeFilter& purge = line_.purge;
    if (older_than_) {
      const auto age = ParseDuration(*older_than_);
      if (!age)
        return Fail(ErrorCode::kInvalidArgument,
                    "--older-than = " + Quote(*older_than_) + " is not allowed; allowed: a duration such as \"24h\"");
      purge.older_than = *age;
    }
    const bool conditions = purge.model || purge.name_space || purge.tag || purge.older_than;
    const int kinds = (purge.all ? 1 : 0) + (purge.entry ? 1 : 0) + (conditions ? 1 : 0);
    if (purge.entry) {
      REFLEX_CHECK(CheckEntry(*purge.entry));
    }
    if (kinds == 1) return {};
    return Fail(ErrorCode::kInvalidArgument,
                "purge needs to know what to remove; allowed: --all, or --entry, or one or more of --model, --namespace, --tag, "
                "--older-than");
  }

  CommandLine line_;
  CLI::App app_;
  bool version_ = false;
  std::string ignored_;
  std::optional<std::string> older_than_;
};

}  // namespace

Result<CommandLine> ParseCommandLine(std::vector<std::string> arguments) {
  // On the heap: the parser's callbacks hold its address.
  return std::make_unique<Parser>()->Parse(std::move(arguments));
}

}  // namespace reflex::app
