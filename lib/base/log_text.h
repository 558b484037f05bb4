#pragma once

#include <string>
#include <string_view>

namespace reflex::base {

// A value of a log line in quotes: nothing of it may end them or the line.
std::string Quoted(std::string_view text);

}  // namespace reflex::base
