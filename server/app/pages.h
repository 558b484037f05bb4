#pragma once

#include <string>

#include "app/settings.h"

// Texts made from the settings table.
namespace reflex::app {

// `reflex --help`.
std::string HelpPage();

// docs/configuration.md.
std::string SettingsPage();

// `reflex config`: the effective values as a settings file, each with its source; secrets hidden.
std::string ConfigPage(const LoadedSettings& loaded);

}  // namespace reflex::app
