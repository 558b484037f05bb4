#include "text/tasks.h"

#include <algorithm>
#include <array>

#include "text/chars.h"
#include "text/cues.h"

namespace reflex::text {
namespace {

struct Cue {
  std::string_view words;
  std::uint32_t task;
};

constexpr auto kWords = std::to_array<Cue>({
    {"better", kTaskCompare},
    {"broken", kTaskFix},
    {"build", kTaskWrite},
    {"cause", kTaskWhy},
    {"causes", kTaskWhy},
    {"circumstances", kTaskWhen},
    {"code", kTaskWrite},
    {"compare", kTaskCompare},
    {"create", kTaskWrite},
    {"criticise", kTaskReview},
    {"criticize", kTaskReview},
    {"critique", kTaskReview},
    {"debug", kTaskFix},
    {"define", kTaskExplain},
    {"definition", kTaskExplain},
    {"describe", kTaskExplain},
    {"differ", kTaskCompare},
    {"difference", kTaskCompare},
    {"draft", kTaskWrite},
    {"error", kTaskFix},
    {"example", kTaskExample},
    {"examples", kTaskExample},
    {"explain", kTaskExplain},
    {"fail", kTaskFix},
    {"fails", kTaskFix},
    {"fix", kTaskFix},
    {"function", kTaskWrite},
    {"generate", kTaskWrite},
    {"gist", kTaskSummarise},
    {"implement", kTaskWrite},
    {"meaning", kTaskExplain},
    {"mock", kTaskTest},
    {"praise", kTaskReview},
    {"query", kTaskWrite},
    {"reason", kTaskWhy},
    {"reasons", kTaskWhy},
    {"regex", kTaskWrite},
    {"review", kTaskReview},
    {"script", kTaskWrite},
    {"situations", kTaskWhen},
    {"solve", kTaskFix},
    {"steps", kTaskHow},
    {"summarise", kTaskSummarise},
    {"summarize", kTaskSummarise},
    {"summary", kTaskSummarise},
    {"test", kTaskTest},
    {"testing", kTaskTest},
    {"tests", kTaskTest},
    {"tldr", kTaskSummarise},
    {"translate", kTaskTranslate},
    {"translation", kTaskTranslate},
    {"versus", kTaskCompare},
    {"vs", kTaskCompare},
    {"why", kTaskWhy},
    {"write", kTaskWrite},
});
static_assert(std::ranges::is_sorted(kWords, {}, &Cue::words));

constexpr auto kPhrases = std::to_array<Cue>({
    {" pros and cons ", kTaskCompare},
    {" when should ", kTaskWhen},
    {" when do ", kTaskWhen},
    {" when to ", kTaskWhen},
    {" when is ", kTaskWhen},
    {" when does ", kTaskWhen},
    {" use cases ", kTaskWhen},
    {" what makes ", kTaskWhy},
    {" not work", kTaskFix},
    {" tl dr ", kTaskSummarise},
    {" what is ", kTaskExplain},
    {" what are ", kTaskExplain},
    {" what does ", kTaskExplain},
    {" what do ", kTaskExplain},
    {" what was ", kTaskExplain},
    {" what s ", kTaskExplain},
    {" walk me ", kTaskExplain},
    {" how does ", kTaskExplain},
    {" how do ", kTaskHow},
    {" how can ", kTaskHow},
    {" how to ", kTaskHow},
    {" how would ", kTaskHow},
    {" how should ", kTaskHow},
    {" way to ", kTaskHow},
    {" show me how ", kTaskHow},
});

constexpr auto kStarts = std::to_array<Cue>({
    {" who ", kTaskWho},
    {" when was ", kTaskWhenPast},
    {" when were ", kTaskWhenPast},
    {" when did ", kTaskWhenPast},
    {" where ", kTaskWhere},
});

constexpr auto kYesNo = std::to_array<std::string_view>(
    {" is ", " are ", " can ", " could ", " does ", " do ", " should ", " will ", " may ", " has ", " have "});

// Words before the task: "can you please explain".
constexpr auto kLeadIns = std::to_array<std::string_view>({" can you ", " could you ", " would you ", " please ", " i want you to ",
                                                           " i need you to ", " help me ", " help me to ", " i want to ",
                                                           " i need to ", " i would like you to ", " d like you to "});
constexpr auto kImperatives = std::to_array<Cue>({
    {" write ", kTaskWrite},
    {" implement ", kTaskWrite},
    {" create ", kTaskWrite},
    {" generate ", kTaskWrite},
    {" draft ", kTaskWrite},
    {" compose ", kTaskWrite},
    {" explain ", kTaskExplain},
    {" describe ", kTaskExplain},
    {" define ", kTaskExplain},
    {" fix ", kTaskFix},
    {" debug ", kTaskFix},
    {" translate ", kTaskTranslate},
    {" summarize ", kTaskSummarise},
    {" summarise ", kTaskSummarise},
    {" review ", kTaskReview},
    {" critique ", kTaskReview},
    {" criticize ", kTaskReview},
    {" criticise ", kTaskReview},
    {" praise ", kTaskReview},
    {" compare ", kTaskCompare},
    {" why ", kTaskWhy},
    {" who ", kTaskWho},
    {" where ", kTaskWhere},
    {" when was ", kTaskWhenPast},
    {" when were ", kTaskWhenPast},
    {" when did ", kTaskWhenPast},
    {" when ", kTaskWhen},
    {" what is ", kTaskExplain},
    {" what s ", kTaskExplain},
    {" what does ", kTaskExplain},
    {" how ", kTaskHow},
});

constexpr CueSet kPhraseSet(CueTexts(kPhrases));
constexpr CueSet kImperativeSet(CueTexts(kImperatives));

}  // namespace

std::string TokenText(std::string_view text) {
  std::string tokens = " ";
  tokens.reserve(text.size() + 2);
  for (const char c : text) {
    if (IsAlnum(c) || c == '_' || !IsAscii(c)) {
      tokens.push_back(ToLower(c));
    } else if (tokens.back() != ' ') {
      tokens.push_back(' ');
    }
  }
  if (tokens.back() != ' ') tokens.push_back(' ');
  return tokens;
}

std::uint32_t FindTasks(std::string_view tokens) {
  std::uint32_t tasks = 0;
  for (std::size_t begin = 0; begin < tokens.size();) {
    const std::size_t end = std::min(tokens.find(' ', begin), tokens.size());
    const auto found = std::ranges::lower_bound(kWords, tokens.substr(begin, end - begin), {}, &Cue::words);
    if (found != kWords.end() && found->words == tokens.substr(begin, end - begin)) tasks |= found->task;
    begin = end + 1;
  }
  kPhraseSet.Find(tokens, [&](std::size_t found) {
    tasks |= kPhrases[found].task;
    return false;
  });
  for (const Cue& cue : kStarts) {
    if (tokens.starts_with(cue.words)) tasks |= cue.task;
  }
  for (const std::string_view verb : kYesNo) {
    if (tokens.starts_with(verb) && !tokens.substr(verb.size()).starts_with("you ")) tasks |= kTaskYesNo;
  }
  const std::size_t how_do = tokens.find(" how do ");
  if (how_do != std::string_view::npos && tokens.substr(how_do + 7).contains(" work ")) tasks |= kTaskExplain;
  return tasks;
}

std::uint32_t FindTaskVerbs(std::string_view tokens) {
  std::uint32_t tasks = 0;
  kImperativeSet.Find(tokens, [&](std::size_t found) {
    tasks |= kImperatives[found].task;
    return false;
  });
  return tasks;
}

std::uint32_t LeadingTask(std::string_view tokens) {
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view lead_in : kLeadIns) {
      if (!tokens.starts_with(lead_in)) continue;
      tokens.remove_prefix(lead_in.size() - 1);
      again = true;
    }
  }
  for (const Cue& cue : kImperatives) {
    if (tokens.starts_with(cue.words)) return cue.task;
  }
  return 0;
}

}  // namespace reflex::text
