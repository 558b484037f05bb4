#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/reading.h"

namespace reflex::text {

// The prepared text with typing errors mended as the other text spells those words; nothing when there is none. A word counts as
// mistyped when it has at least four letters, is no English or listed word, and the other text has one that is, that it may be
// meant for (MayBeMistyped), with the same first letter, and that this text lacks ("methanol" is not "ethanol"). Two unknown words
// may be names: they are taken for one only where both are one edit away from the same single known word, or differ by a doubled
// letter, by two that are swapped or, from nine letters on, by one that is left out; and never where both are written like names.
std::optional<std::string> Respell(const Reading& text, const Reading& other);

// The words of a text in lower case that are neither English nor listed.
std::vector<PlainWord> FindUnknown(std::string_view lower);

}  // namespace reflex::text
