#pragma once

#include <string_view>

namespace reflex::text {

// Whether a text asks for something that is true only at the moment of asking: news, prices, the weather, the latest version, what
// was said before. Such an answer grows old at once. "The current directory" and "the latest commit" are no such thing.
bool AsksForPresent(std::string_view text);

}  // namespace reflex::text
