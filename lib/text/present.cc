#include "text/present.h"

#include <algorithm>
#include <array>

#include "text/cues.h"
#include "text/tasks.h"

namespace reflex::text {
namespace {

// Whatever else is asked, these speak of the moment or of this conversation.
constexpr CueSet kAlways(std::to_array<std::string_view>({" right now ",
                                                          " as of now ",
                                                          " as of today ",
                                                          " these days ",
                                                          " my last message ",
                                                          " my previous message ",
                                                          " my last question ",
                                                          " my previous question ",
                                                          " your last answer ",
                                                          " your previous answer ",
                                                          " what i just said ",
                                                          " what did i just ",
                                                          " you just said ",
                                                          " earlier in this conversation ",
                                                          " what time is it ",
                                                          " what day is it ",
                                                          " what year is it ",
                                                          " breaking news ",
                                                          " recent news ",
                                                          " news about ",
                                                          " news on ",
                                                          " latest stable ",
                                                          " current version of ",
                                                          " weather forecast ",
                                                          " weather today ",
                                                          " weather tomorrow ",
                                                          " current price ",
                                                          " exchange rate ",
                                                          " price of bitcoin ",
                                                          " price of gold ",
                                                          " price of oil ",
                                                          " bitcoin price ",
                                                          " gold price ",
                                                          " oil price ",
                                                          " price of silver ",
                                                          " price of ethereum ",
                                                          " ethereum price ",
                                                          " stock price ",
                                                          " share price ",
                                                          " current events ",
                                                          " currently the ",
                                                          " who is the current ",
                                                          " who s the current "}));

// The moment, where the text is not about a program that works with dates.
constexpr CueSet kDays(std::to_array<std::string_view>({" today ",
                                                        " today s ",
                                                        " todays ",
                                                        " tonight ",
                                                        " tomorrow ",
                                                        " yesterday ",
                                                        " this week ",
                                                        " this weekend ",
                                                        " this month ",
                                                        " this year ",
                                                        " this morning ",
                                                        " this evening ",
                                                        " this afternoon ",
                                                        " last night ",
                                                        " last week ",
                                                        " next week ",
                                                        " currently ",
                                                        " nowadays ",
                                                        " so far this ",
                                                        " in the news ",
                                                        " latest ",
                                                        " newest ",
                                                        " most recent ",
                                                        " who is winning ",
                                                        " who s winning ",
                                                        " whats the weather ",
                                                        " weather in ",
                                                        " how much is bitcoin ",
                                                        " whats the time ",
                                                        " is down ",
                                                        " upcoming ",
                                                        " current weather ",
                                                        " what s the weather ",
                                                        " what is the weather ",
                                                        " how s the weather ",
                                                        " how is the weather ",
                                                        " is it raining ",
                                                        " is it open ",
                                                        " still open ",
                                                        " still alive "}));
constexpr CueSet kWork(std::to_array<std::string_view>(
    {" function ", " script ",  " query ",      " code ",     " sql ",       " regex ",   " api ",     " formula ",
     " column ",   " python ",  " javascript ", " java ",     " bash ",      " excel ",   " git ",     " commit ",
     " commits ",  " date in ", " migration ",  " branch ",   " row ",       " record ",  " entry ",   " file ",
     " image ",    " docker ",  " table ",      " database ", " group ",     " element ", " value ",   " timestamp ",
     " datetime ", " cron ",    " log ",        " logs ",     " files ",     " rows ",    " records ", " write a ",
     " write an ", " email ",   " story ",      " poem ",     " translate ", " sentence "}));

// "current" before one of these speaks of the world, not of a directory or a thread.
constexpr auto kCurrent = std::to_array<std::string_view>(
    {"president", "prime",      "ceo",         "king",   "queen",     "pope",  "chancellor", "government", "champion",
     "champions", "population", "temperature", "time",   "date",      "year",  "month",      "season",     "rate",
     "rates",     "interest",   "inflation",   "market", "situation", "news",  "status",     "world",      "score",
     "minister",  "mayor",      "governor",    "record", "exchange",  "stock", "trends",     "state"});

// "the latest Node.js version", "newest stable release": also of programs.
bool HasLatestVersion(std::string_view tokens) {
  constexpr std::size_t kWordsBetween = 3;
  for (const std::string_view cue : {" latest ", " newest ", " most recent "}) {
    const std::size_t at = tokens.find(cue);
    if (at == std::string_view::npos) continue;
    std::string_view rest = tokens.substr(at + cue.size());
    for (std::size_t i = 0; i <= kWordsBetween && !rest.empty(); ++i) {
      const std::string_view word = rest.substr(0, rest.find(' '));
      if (word == "version" || word == "release" || word == "news") return true;
      rest.remove_prefix(std::min(rest.size(), word.size() + 1));
    }
  }
  return false;
}

bool HasCurrentOf(std::string_view tokens) {
  constexpr std::string_view kCue = " current ";
  for (std::size_t at = tokens.find(kCue); at != std::string_view::npos; at = tokens.find(kCue, at + 1)) {
    const std::string_view rest = tokens.substr(at + kCue.size());
    if (std::ranges::find(kCurrent, rest.substr(0, rest.find(' '))) != kCurrent.end()) return true;
  }
  return false;
}

// "What is the time" by itself or of a place; "what is the time complexity" and "what is the date of Easter" are other questions.
bool AsksForClock(std::string_view tokens) {
  constexpr auto kCues =
      std::to_array<std::string_view>({" what is the time ", " what s the time ", " what is the date ", " what s the date "});
  constexpr auto kNext = std::to_array<std::string_view>({"", "in", "at", "there", "here", "please", "and", "right", "like"});
  return std::ranges::any_of(kCues, [&](std::string_view cue) {
    const std::size_t at = tokens.find(cue);
    if (at == std::string_view::npos) return false;
    const std::string_view rest = tokens.substr(at + cue.size());
    return std::ranges::find(kNext, rest.substr(0, rest.find(' '))) != kNext.end();
  });
}

// "now" as the last word, or before "in"; "by now" and "from now" tell a length of time, "know now" is somebody's knowledge.
bool EndsWithNow(std::string_view tokens) {
  if (!tokens.ends_with(" now ")) return false;
  const std::string_view before = tokens.substr(0, tokens.size() - 5);
  return !before.ends_with(" by") && !before.ends_with(" from") && !before.ends_with(" until") && !before.ends_with(" know");
}

}  // namespace

bool AsksForPresent(std::string_view text) {
  const std::string tokens = TokenText(text);
  if (kAlways.FindAny(tokens) || AsksForClock(tokens) || HasLatestVersion(tokens)) return true;
  if (kWork.FindAny(tokens)) return false;
  return kDays.FindAny(tokens) || tokens.ends_with(" at the moment ") || HasCurrentOf(tokens) || EndsWithNow(tokens);
}

}  // namespace reflex::text
