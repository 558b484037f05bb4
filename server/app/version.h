#pragma once

#include <string_view>

namespace reflex::app {

// "0.1.0": the project's version, from CMakeLists.txt.
std::string_view Version();

}  // namespace reflex::app
