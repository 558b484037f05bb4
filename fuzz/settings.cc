// The settings file, and the text of every variable and flag: whatever they hold, they are refused with a message or give settings
// that read back as themselves.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "app/pages.h"
#include "app/settings.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

void CheckLoaded(const reflex::app::LoadedSettings& loaded) {
  Require(loaded.sources.size() == reflex::app::SettingsTable().size());
  Require(!loaded.settings.server.listen.empty());
  // What `reflex config` prints is a settings file for the same values; only secrets are hidden in it.
  const auto again = reflex::app::LoadSettings({.file_name = "config", .file_text = reflex::app::ConfigPage(loaded)});
  const bool open_without_key = !loaded.settings.upstream_key.empty();
  Require(again.has_value() || open_without_key);
  if (!again) return;
  for (const reflex::app::Setting& setting : reflex::app::SettingsTable()) {
    Require(Show(setting, again->settings) == Show(setting, loaded.settings));
  }
}

}  // namespace

// The first byte picks where the rest goes: 0 is the file, n > 0 the n-th setting's variable and flag.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const auto table = reflex::app::SettingsTable();
  if (data[0] == 0 || data[0] == '#') {
    const auto loaded = reflex::app::LoadSettings({.file_name = "fuzz.toml", .file_text = text});
    if (loaded) CheckLoaded(*loaded);
    if (!loaded) Require(!loaded.error().message.empty());
    return 0;
  }
  const reflex::app::Setting& setting = table[data[0] % table.size()];
  const auto variable = reflex::app::LoadSettings({.environment = {{setting.EnvName(), text}}});
  const auto flag = reflex::app::LoadSettings({.flags = {{setting.FlagName(), text}}});
  // An orchestrator's REFLEX_PORT is the one value that means another thing in a variable.
  Require(variable.has_value() == flag.has_value() || setting.key == "server.port");
  if (variable) CheckLoaded(*variable);
  if (flag) CheckLoaded(*flag);
  return 0;
}
