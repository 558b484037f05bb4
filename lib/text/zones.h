#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace reflex::text {

// A part of a text: prose, or bytes in which case and spacing may carry meaning.
struct Zone {
  std::size_t begin = 0, end = 0;
  bool verbatim = false;

  std::string_view Of(std::string_view text) const { return text.substr(begin, end - begin); }
};

// The text cut into zones, in order, without gaps. Verbatim are fences (``` to ```, or to the end), `spans`, "quoted" and 'quoted'
// strings on one line, curly ones too, and lines that look like code. Linear in the text's length.
std::vector<Zone> SplitZones(std::string_view text);

// Whether a line looks like code, a command or a query. `one_of_many`: other lines stand beside it, so that indentation counts.
bool LooksLikeCode(std::string_view line, bool one_of_many);

}  // namespace reflex::text
