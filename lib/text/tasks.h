#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace reflex::text {

// What a text asks to be done with its subject; one bit each. A text may have several, or none.
enum Task : std::uint32_t {
  kTaskCompare = 1 << 0,
  kTaskWho = 1 << 1,
  kTaskWhenPast = 1 << 2,  // "When was …"
  kTaskWhen = 1 << 3,      // "When should …", circumstances.
  kTaskWhere = 1 << 4,
  kTaskWhy = 1 << 5,
  kTaskFix = 1 << 6,
  kTaskTest = 1 << 7,
  kTaskReview = 1 << 8,
  kTaskTranslate = 1 << 9,
  kTaskSummarise = 1 << 10,
  kTaskExample = 1 << 11,
  kTaskExplain = 1 << 12,
  kTaskWrite = 1 << 13,
  kTaskYesNo = 1 << 14,
  kTaskHow = 1 << 15,
};

// The text in lower case with every run of other bytes than letters, digits and _ made one space, and a space at either end: words
// are found in it by a plain search.
std::string TokenText(std::string_view text);

// The tasks named anywhere in a text, given as TokenText.
std::uint32_t FindTasks(std::string_view tokens);

// The tasks whose verbs or question words ("write", "why", "what is") stand anywhere in the text.
std::uint32_t FindTaskVerbs(std::string_view tokens);

// The one task that the first words of the text name ("Explain …", "Can you write …", "Why does …"); 0 when they name none.
std::uint32_t LeadingTask(std::string_view tokens);

}  // namespace reflex::text
