// Reads settings from their sources; what a value may be is in setting.cc, which settings there are in settings.cc.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <exception>
#include <optional>
#include <set>
#include <sstream>
#include <utility>

#include <toml++/toml.h>

#include "app/settings.h"
#include "app/suggest.h"

namespace reflex::app {
namespace {

std::unexpected<Error> Refuse(const Setting& setting, const std::string& value, const Source& source, const std::string& allowed) {
  const std::string shown = setting.secret ? "[secret]" : Quote(value);
  return Fail(ErrorCode::kInvalidArgument,
              std::string(setting.key) + " = " + shown + " (" + source.ToString() + ") is not allowed; allowed: " + allowed);
}

std::string Join(const std::vector<std::string>& pieces) {
  std::string joined;
  for (const std::string& piece : pieces) joined += (joined.empty() ? "" : ",") + piece;
  return joined;
}

class Loader {
 public:
  explicit Loader(const SettingsInput& input) : input_(input) { loaded_.sources.resize(SettingsTable().size()); }

  Result<LoadedSettings> Load() {
    REFLEX_CHECK(ReadText());
    REFLEX_CHECK(ReadEnvironment());
    REFLEX_CHECK(ReadFlags());
    REFLEX_CHECK(CheckTogether(loaded_.settings, loaded_.sources));
    const Settings& settings = loaded_.settings;
    // No mistake for `reflex migrate`, which knows both stores.
    const bool snapshots = !settings.snapshot.Target().empty() || settings.maintenance.save_interval.count() > 0;
    if (!settings.store_url.empty() && snapshots) {
      loaded_.warnings.push_back(
          "with store.url nothing is saved or restored as a snapshot: snapshot.target, snapshot.interval and the like have no "
          "effect");
    }
    // The bound on wrong hits is the verifier's: what the last judge adds is only as good as its calibration.
    const bool reranks = !settings.models.reranker_path.empty() || !settings.remote.reranker.url.empty();
    if (reranks && settings.gateway.verified_tier && IsDefault("reranker.scale") && IsDefault("reranker.offset")) {
      loaded_.warnings.push_back(
          "the cross-encoder is not calibrated (reranker.scale, reranker.offset), and cache.max_wrong_hits does not bound the hits "
          "it adds; docs/models.md says how to calibrate it, and setting either, even to what it is, ends this warning");
    }
    return std::move(loaded_);
  }

 private:
  bool IsDefault(std::string_view key) const {
    const auto row = std::ranges::find(SettingsTable(), key, &Setting::key);
    return loaded_.sources[static_cast<std::size_t>(row - SettingsTable().begin())].kind == Source::Kind::kDefault;
  }

  Result<void> Set(std::size_t row, const std::vector<std::string>& pieces, Source source) {
    const Setting& setting = SettingsTable()[row];
    if (const Result<void> assigned = Assign(setting, loaded_.settings, pieces); !assigned) {
      return Refuse(setting, Join(pieces), source, assigned.error().message);
    }
    loaded_.sources[row] = std::move(source);
    return {};
  }

  Result<void> SetText(std::size_t row, const std::string& text, Source source) {
    const bool is_list = SettingsTable()[row].kind == Kind::kList;
    return Set(row, is_list ? SplitList(text, ',') : std::vector<std::string>{text}, std::move(source));
  }

  Result<void> ReadText();
  Result<void> ReadTable(const toml::table& table, const std::string& prefix);
  Result<void> ReadNode(const std::string& key, const toml::node& node);
  Result<void> ReadEnvironment();
  Result<void> ReadFlags();
  bool BelongsToOrchestrator(const NamedValue& variable) const;
  void WarnOfUnknown(const std::string& name);
  const std::string* Variable(std::string_view name) const;

  const SettingsInput& input_;
  LoadedSettings loaded_;
};

// The one place where toml++ may throw.
Result<toml::table> ParseToml(const std::string& name, const std::string& text) {
  try {
    return toml::parse(text, name);
  } catch (const toml::parse_error& error) {
    return Fail(ErrorCode::kInvalidArgument,
                name + ":" + std::to_string(error.source().begin.line) + ": not TOML: " + std::string(error.description()));
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInvalidArgument, name + ": not TOML: " + error.what());
  }
}

Result<void> Loader::ReadText() {
  if (input_.file_name.empty()) return {};
  REFLEX_TRY(const toml::table table, ParseToml(input_.file_name, input_.file_text));
  return ReadTable(table, "");
}

Result<void> Loader::ReadTable(const toml::table& table, const std::string& prefix) {
  for (const auto& [name, node] : table) {
    const std::string key = prefix + std::string(name.str());
    const bool is_section = prefix.empty() && !SectionHelp(key).empty();
    if (const toml::table* inner = node.as_table(); inner != nullptr && is_section) {
      REFLEX_CHECK(ReadTable(*inner, key + "."));
    } else {
      REFLEX_CHECK(ReadNode(key, node));
    }
  }
  return {};
}

// The node as text, as it would be given in the environment; nullopt for what no setting can be (a table, a date, infinity).
std::optional<std::string> ScalarText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point(); number != nullptr && std::isfinite(number->get())) {
    char text[400];
    const auto [end, error] = std::to_chars(text, text + sizeof text, number->get(), std::chars_format::fixed);
    if (error == std::errc()) return std::string(text, end);
  }
  if (const auto* boolean = node.as_boolean()) return std::string(boolean->get() ? "true" : "false");
  return std::nullopt;
}

std::string AsWritten(const toml::node& node) {
  std::ostringstream text;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_table<decltype(value)>) {
      text << "{…}";
    } else if constexpr (toml::is_array<decltype(value)>) {
      text << "[…]";
    } else {
      text << value;
    }
  });
  return text.str();
}

std::string KeysLike(const std::string& key) {
  const std::string section = key.substr(0, key.find('.'));
  const bool known = key.contains('.') && !SectionHelp(section).empty();
  std::vector<std::string> names, all;
  for (const Setting& setting : SettingsTable()) {
    all.emplace_back(setting.key);
    if (known && setting.Section() == section) names.emplace_back(setting.key);
    if (!known && (names.empty() || names.back() != setting.Section())) names.emplace_back(setting.Section());
  }
  return DidYouMean(key, all) + "; allowed" + (known ? ": " : " are the sections ") + ListOf(names);
}

Result<void> Loader::ReadNode(const std::string& key, const toml::node& node) {
  const std::span<const Setting> table = SettingsTable();
  Source source{Source::Kind::kFile, input_.file_name + ":" + std::to_string(node.source().begin.line)};
  const auto row = std::ranges::find(table, key, &Setting::key);
  if (row == table.end()) {
    // The value of an unknown key may be a misspelt secret.
    return Fail(ErrorCode::kInvalidArgument, "unknown setting " + key + " (" + source.ToString() + ")" + KeysLike(key));
  }
  std::vector<std::string> pieces;
  bool readable = true;
  const auto add = [&](const toml::node& piece) {
    const std::optional<std::string> text = ScalarText(piece);
    readable = readable && text.has_value();
    pieces.push_back(text.value_or(""));
  };
  if (const toml::array* array = node.as_array(); array != nullptr && row->kind == Kind::kList) {
    for (const toml::node& piece : *array) add(piece);
  } else {
    add(node);
  }
  if (!readable) return Refuse(*row, AsWritten(node), source, Allowed(*row));
  if (row->kind == Kind::kList && node.is_string()) pieces = SplitList(pieces[0], ',');
  return Set(static_cast<std::size_t>(row - table.begin()), pieces, std::move(source));
}

const std::string* Loader::Variable(std::string_view name) const {
  const auto found = std::ranges::find(input_.environment, name, &NamedValue::name);
  return found == input_.environment.end() ? nullptr : &found->value;
}

// Kubernetes and Docker links describe a service called "reflex" in variables that look like ours.
bool Loader::BelongsToOrchestrator(const NamedValue& variable) const {
  if (variable.name == "REFLEX_PORT") return variable.value.contains("://");
  return variable.name.starts_with("REFLEX_PORT_") || variable.name.starts_with("REFLEX_SERVICE_");
}

void Loader::WarnOfUnknown(const std::string& name) {
  std::vector<std::string> known;
  for (const Setting& setting : SettingsTable()) known.push_back(setting.EnvName());
  if (name == kConfigVariable || std::ranges::find(known, name) != known.end()) return;
  loaded_.warnings.push_back("unknown variable " + name + " is ignored" + DidYouMean(name, known));
}

Result<void> Loader::ReadEnvironment() {
  std::string ignored;
  std::set<std::string> orchestrator;
  for (const NamedValue& variable : input_.environment) {
    if (!variable.name.starts_with("REFLEX_")) continue;
    if (BelongsToOrchestrator(variable)) {
      orchestrator.insert(variable.name);
      ignored += (ignored.empty() ? "" : ", ") + variable.name;
    } else {
      WarnOfUnknown(variable.name);
    }
  }
  if (!ignored.empty()) loaded_.warnings.push_back("ignored, as an orchestrator's description of a service: " + ignored);

  const std::span<const Setting> table = SettingsTable();
  for (std::size_t row = 0; row < table.size(); ++row) {
    std::vector<std::string> names = SplitList(table[row].also_env, ' ');
    names.insert(names.begin(), table[row].EnvName());
    for (const std::string& name : names) {
      const std::string* value = Variable(name);
      if (value == nullptr || orchestrator.contains(name)) continue;
      REFLEX_CHECK(SetText(row, *value, Source{Source::Kind::kEnvironment, name}));
      break;
    }
  }
  return {};
}

Result<void> Loader::ReadFlags() {
  const std::span<const Setting> table = SettingsTable();
  std::vector<std::string> known;
  for (const Setting& setting : table) known.push_back(setting.FlagName());
  for (const NamedValue& flag : input_.flags) {
    const auto found = std::ranges::find(known, flag.name);
    if (found == known.end()) {
      return Fail(ErrorCode::kInvalidArgument,
                  "unknown flag " + flag.name + DidYouMean(flag.name, known) + "; allowed: " + ListOf(known));
    }
    REFLEX_CHECK(SetText(static_cast<std::size_t>(found - known.begin()), flag.value, Source{Source::Kind::kFlag, flag.name}));
  }
  return {};
}

}  // namespace

Result<LoadedSettings> LoadSettings(const SettingsInput& input) { return Loader(input).Load(); }

}  // namespace reflex::app
