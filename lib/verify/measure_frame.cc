// The frame of a question: who, when, how much, and in which time it stands. Words of the frame are function words to the
// alignment, which weighs them little.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "text/tasks.h"
#include "verify/measures.h"

namespace reflex::verify {
namespace {

using text::WordType;

struct FrameWord {
  std::string_view word;
  std::uint8_t group;
};

// Words of one group say the same as far as the answer goes.
constexpr auto kQuantities = std::to_array<FrameWord>(
    {{"all", 0},      {"any", 1},       {"both", 2},  {"each", 0},   {"entire", 3},  {"every", 0},   {"everything", 0},
     {"few", 4},      {"fewer", 5},     {"first", 6}, {"last", 7},   {"least", 8},   {"less", 5},    {"many", 9},
     {"more", 10},    {"most", 11},     {"much", 9},  {"next", 12},  {"one", 13},    {"only", 14},   {"other", 15},
     {"another", 15}, {"previous", 16}, {"rest", 15}, {"same", 17},  {"several", 9}, {"single", 13}, {"some", 1},
     {"whole", 3},    {"enough", 18},   {"too", 19},  {"again", 20}, {"always", 21}, {"never", 22},  {"still", 23},
     {"yet", 23},     {"just", 14},     {"half", 24}, {"twice", 25}, {"double", 25}, {"once", 13},   {"different", 26},
     {"new", 27},     {"old", 28}});
constexpr auto kTimes = std::to_array<FrameWord>(
    {{"is", 0},      {"are", 0},    {"am", 0},     {"do", 0},     {"does", 0},     {"did", 1},   {"was", 1},    {"were", 1},
     {"had", 1},     {"has", 1},    {"have", 2},   {"been", 1},   {"will", 3},     {"shall", 3}, {"going", 3},  {"would", 4},
     {"should", 5},  {"must", 5},   {"may", 6},    {"might", 6},  {"can", 7},      {"could", 7}, {"before", 8}, {"after", 9},
     {"during", 10}, {"while", 10}, {"until", 11}, {"since", 12}, {"already", 13}, {"ever", 14}});
constexpr auto kPersons = std::to_array<FrameWord>({{"i", 0},
                                                    {"me", 0},
                                                    {"my", 0},
                                                    {"mine", 0},
                                                    {"myself", 0},
                                                    {"you", 1},
                                                    {"your", 1},
                                                    {"he", 2},
                                                    {"him", 2},
                                                    {"his", 2},
                                                    {"she", 3},
                                                    {"her", 3},
                                                    {"we", 4},
                                                    {"us", 4},
                                                    {"our", 4},
                                                    {"they", 5},
                                                    {"them", 5},
                                                    {"their", 5}});
constexpr auto kQuestions = std::to_array<FrameWord>({{"who", 0},
                                                      {"whom", 0},
                                                      {"whose", 0},
                                                      {"what", 1},
                                                      {"which", 1},
                                                      {"when", 2},
                                                      {"where", 3},
                                                      {"why", 4},
                                                      {"how", 5},
                                                      {"many", 6},
                                                      {"much", 6},
                                                      {"long", 7},
                                                      {"often", 8}});

template <std::size_t N>
std::uint32_t Groups(const Reading& reading, const std::array<FrameWord, N>& list) {
  std::uint32_t groups = 0;
  for (const text::Word& word : reading.words) {
    const auto found = std::ranges::find(list, word.lower, &FrameWord::word);
    if (found != list.end()) groups |= 1u << found->group;
  }
  return groups;
}

template <std::size_t N>
float Difference(const Reading& a, const Reading& b, const std::array<FrameWord, N>& list) {
  return static_cast<float>(std::popcount(Groups(a, list) ^ Groups(b, list)));
}

// Unmatched words that stand for one certain thing; those of both texts stand against each other.
float Substituted(const Side& a, const Side& b, bool (*wanted)(const text::Word&)) {
  const auto count = [&](const Side& side) {
    return std::ranges::count_if(side.left, [&](std::uint32_t i) { return wanted(side.word(i)); });
  };
  return static_cast<float>(std::min(count(a), count(b)));
}

float ContentSimilarity(const Side& side, bool from_end) {
  for (std::size_t k = 0; k < side.size(); ++k) {
    const std::size_t i = from_end ? side.size() - 1 - k : k;
    if (!side.IsFunction(i) && side.word(i).type != WordType::kOther) return side.best[i];
  }
  return 0;
}

}  // namespace

void MeasureFrame(const Alignment& alignment, Features& out) {
  const Side &a = alignment.a(), &b = alignment.b();
  const Reading &x = *a.reading, &y = *b.reading;
  At<"frame_quantity">(out) = Difference(x, y, kQuantities);
  At<"frame_time">(out) = Difference(x, y, kTimes);
  At<"frame_person">(out) = Difference(x, y, kPersons);
  At<"frame_question">(out) = Difference(x, y, kQuestions);
  At<"kind_same">(out) = x.frame != 0 && x.frame == y.frame;
  At<"kind_differs">(out) = x.frame != 0 && y.frame != 0 && x.frame != y.frame;
  At<"kind_none">(out) = x.frame == 0 || y.frame == 0;
  At<"head_sim">(out) = std::min(ContentSimilarity(a, false), ContentSimilarity(b, false));
  At<"tail_sim">(out) = std::min(ContentSimilarity(a, true), ContentSimilarity(b, true));
  At<"sub_names">(out) = Substituted(a, b, [](const text::Word& word) {
    return word.type == WordType::kTool || word.type == WordType::kEntity || word.type == WordType::kIdentifier;
  });
  At<"sub_capitals">(out) = Substituted(a, b, [](const text::Word& word) { return word.capital && word.span.begin > 0; });
  At<"sub_numbers">(out) = Substituted(a, b, [](const text::Word& word) { return word.type == WordType::kNumber; });
  At<"neg_parity">(out) = (x.facts.negations.size() + y.facts.negations.size()) % 2 != 0;
  At<"yesno_differs">(out) = ((x.tasks ^ y.tasks) & text::kTaskYesNo) != 0;
  At<"how_differs">(out) = ((x.tasks ^ y.tasks) & text::kTaskHow) != 0;
  const auto is_technical = [](const Reading& reading) { return std::ranges::any_of(reading.words, &text::Word::technical); };
  At<"technical">(out) = is_technical(x) && is_technical(y);
  At<"long_min">(out) = static_cast<float>(std::min(a.size(), b.size())) / 100;
}

}  // namespace reflex::verify
