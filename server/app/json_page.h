#pragma once

#include <string>
#include <string_view>

namespace reflex::app {

// Any JSON as an indented page for a person: a member a line, elements with a dash. Text that is no JSON comes back as it is.
std::string JsonPage(std::string_view json);

}  // namespace reflex::app
