#include "cache/semantic_facts.h"

#include <charconv>
#include <string_view>
#include <utility>

namespace reflex::cache {
namespace {

std::string_view UnitOf(const text::Quantity& quantity) {
  switch (quantity.measure) {
    case text::Measure::kPlain: return quantity.percent ? " %" : "";
    case text::Measure::kSeconds: return " s";
    case text::Measure::kMetres: return " m";
    case text::Measure::kGrams: return " g";
    case text::Measure::kLitres: return " l";
    case text::Measure::kBytes: return " bytes";
    case text::Measure::kCelsius: return " degrees C";
    case text::Measure::kFahrenheit: return " degrees F";
    case text::Measure::kMoney: return " of money";
    case text::Measure::kClock: return " minutes after midnight";
    case text::Measure::kMonth: return " (month)";
    case text::Measure::kWatts: return " W";
    case text::Measure::kWattHours: return " Wh";
    case text::Measure::kAmperes: return " A";
    case text::Measure::kAmpereHours: return " Ah";
    case text::Measure::kVersion: return " (version)";
    default: return "";
  }
}

// A version is kept as major * 10^6 + minor * 10^3 + patch; it reads better as written.
std::string NumberOf(const text::Quantity& quantity) {
  char digits[32];
  const double value = quantity.measure == text::Measure::kVersion ? quantity.written : quantity.value;
  const auto end = std::to_chars(digits, digits + sizeof digits, value);
  return std::string(digits, end.ptr) + std::string(UnitOf(quantity));
}

void AddAll(std::string_view name, const std::vector<std::string>& values, std::vector<std::string>& facts) {
  for (const std::string& value : values) facts.push_back(std::string(name) + " " + value);
}

void AddQuantifiers(std::uint32_t bits, std::vector<std::string>& facts) {
  constexpr std::pair<std::uint32_t, std::string_view> kNames[] = {
      {text::kAtLeast, "at least"}, {text::kAtMost, "at most"},   {text::kFirst, "first"},        {text::kLast, "last"},
      {text::kAll, "all"},          {text::kOnlyOne, "only one"}, {text::kMoreThan, "more than"}, {text::kLessThan, "less than"}};
  for (const auto& [bit, name] : kNames) {
    if ((bits & bit) != 0) facts.push_back("quantifier " + std::string(name));
  }
}

}  // namespace

std::vector<std::string> DescribeFacts(const verify::Reading& reading) {
  const text::Facts& found = reading.facts;
  std::vector<std::string> facts;
  for (const text::Quantity& number : found.numbers) facts.push_back("number " + NumberOf(number));
  const auto word = [&](std::uint32_t at) { return at < reading.words.size() ? reading.words[at].lower : std::string(); };
  for (const text::Negation& negation : found.negations) {
    facts.push_back("negation " + word(negation.word) + (negation.scope != negation.word ? " " + word(negation.scope) : ""));
  }
  for (const text::Relation& relation : found.relations) {
    facts.push_back("order " + word(relation.left) + " " + word(relation.word) + " " + word(relation.right));
  }
  AddAll("language", found.tools, facts);
  AddAll("entity", found.names, facts);
  AddAll("identifier", found.identifiers, facts);
  AddAll("quotation", found.quotes, facts);
  AddAll("code", found.code, facts);
  AddAll("output-language", found.output_languages, facts);
  AddAll("constraint", found.constraints, facts);
  AddAll("direction from", found.from, facts);
  AddAll("direction to", found.to, facts);
  AddQuantifiers(found.quantifiers, facts);
  if (found.present) facts.push_back("present");
  return facts;
}

}  // namespace reflex::cache
