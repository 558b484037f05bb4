#pragma once

#include <string>
#include <string_view>

namespace reflex::text {

// The text two near repeats of one question have in common: NFC, plain spacing, straight quotes, no thousands commas, lower case
// where case carries no meaning, no end punctuation, no greetings and thanks around the question, one spelling of British and
// American words. Inside code, quoted strings, identifiers and paths everything stays. Texts that need different answers keep
// different canonical texts: where that is in doubt nothing is changed. Idempotent. A text that is not UTF-8 comes back as it is.
// Linear in the text's length. The rules are in docs/canonical.md.
std::string CanonicalText(std::string_view text);

// The verifier's input: spacing, quotes and greetings as above, everything else as written. Empty only for a text without any
// character but spaces. A text that is not UTF-8 comes back as it is.
std::string PreparedText(std::string_view text);

// The part of a text that is left without greetings, thanks and small talk before and after it; the whole text when nothing else is
// in it, or when they may be what it is about (a translation, for example).
std::string_view WithoutCourtesy(std::string_view text);

}  // namespace reflex::text
