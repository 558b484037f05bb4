#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reflex::app {

// " (did you mean X?)" for the known name closest to `name`, "" where none is close.
std::string DidYouMean(std::string_view name, const std::vector<std::string>& known);

// "a, b, c"
std::string ListOf(const std::vector<std::string>& names);

}  // namespace reflex::app
