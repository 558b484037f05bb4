#pragma once

#include <string>
#include <string_view>
#include <vector>

// What questions about commands and patterns say in signs, where every sign and its case counts.
namespace reflex::text {

// The options of commands in a prepared text, "-i", "-la", "--amend", as written and in order.
std::vector<std::string> FindOptions(std::string_view prepared);

// The options of `options` that are not among `others`, in a longer or shorter form of the same letter either ("-r", "--recursive")
// or in another order of letters ("-la", "-al").
std::vector<std::string> OptionsBeyond(const std::vector<std::string>& options, const std::vector<std::string>& others);

// Whether a text speaks of regular expressions or other patterns, in which '?' and '.' are no punctuation.
bool IsAboutPatterns(std::string_view text);

// The patterns in a prepared text that is about them, "^a+$", ".*?", without the quotes around them; none in any other text.
// In order.
std::vector<std::string> FindPatterns(std::string_view prepared);

}  // namespace reflex::text
