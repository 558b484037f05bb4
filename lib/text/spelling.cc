#include "text/spelling.h"

#include <algorithm>
#include <array>
#include <utility>

namespace reflex::text {
namespace {

// British, American. Only pairs whose two spellings never mean different things; "programme" and "cheque" for example do.
using Pair = std::pair<std::string_view, std::string_view>;
constexpr auto kPairs = [] {
  auto pairs = std::to_array<Pair>({
      {"colour", "color"},           {"colours", "colors"},           {"coloured", "colored"},         {"colouring", "coloring"},
      {"behaviour", "behavior"},     {"behaviours", "behaviors"},     {"favourite", "favorite"},       {"favourites", "favorites"},
      {"favour", "favor"},           {"flavour", "flavor"},           {"flavours", "flavors"},         {"honour", "honor"},
      {"humour", "humor"},           {"neighbour", "neighbor"},       {"neighbours", "neighbors"},
      {"rumour", "rumor"},           {"vapour", "vapor"},             {"harbour", "harbor"},           {"centre", "center"},
      {"centred", "centered"},       {"centres", "centers"},          {"litre", "liter"},              {"litres", "liters"},
      {"kilometre", "kilometer"},      {"kilometres", "kilometers"},
      {"centimetre", "centimeter"},  {"centimetres", "centimeters"},  {"millimetre", "millimeter"},    {"millimetres", "millimeters"},
      {"theatre", "theater"},        {"fibre", "fiber"},              {"organise", "organize"},        {"organised", "organized"},
      {"organising", "organizing"},  {"organisation", "organization"}, {"optimise", "optimize"},       {"optimised", "optimized"},
      {"optimising", "optimizing"},  {"optimisation", "optimization"}, {"analyse", "analyze"},         {"analysed", "analyzed"},
      {"analysing", "analyzing"},    {"summarise", "summarize"},      {"summarised", "summarized"},    {"summarising", "summarizing"},
      {"recognise", "recognize"},    {"recognised", "recognized"},    {"realise", "realize"},          {"realised", "realized"},
      {"initialise", "initialize"},  {"initialised", "initialized"},  {"initialising", "initializing"}, {"serialise", "serialize"},
      {"serialised", "serialized"},  {"serialisation", "serialization"}, {"deserialise", "deserialize"}, {"normalise", "normalize"},
      {"normalised", "normalized"},  {"normalisation", "normalization"}, {"customise", "customize"},   {"customised", "customized"},
      {"minimise", "minimize"},      {"minimised", "minimized"},      {"maximise", "maximize"},        {"maximised", "maximized"},
      {"prioritise", "prioritize"},  {"categorise", "categorize"},    {"visualise", "visualize"},      {"visualisation", "visualization"},
      {"memorise", "memorize"},      {"apologise", "apologize"},      {"criticise", "criticize"},      {"emphasise", "emphasize"},
      {"specialise", "specialize"},  {"synchronise", "synchronize"},  {"synchronised", "synchronized"}, {"authorise", "authorize"},
      {"authorised", "authorized"},  {"authorisation", "authorization"}, {"capitalise", "capitalize"}, {"tokenise", "tokenize"},
      {"travelling", "traveling"},   {"travelled", "traveled"},       {"traveller", "traveler"},       {"cancelled", "canceled"},
      {"cancelling", "canceling"},   {"labelled", "labeled"},         {"labelling", "labeling"},       {"modelling", "modeling"},
      {"modelled", "modeled"},       {"grey", "gray"},                {"defence", "defense"},          {"offence", "offense"},
      {"catalogue", "catalog"},      {"aluminium", "aluminum"},       {"jewellery", "jewelry"},
      {"mould", "mold"},             {"plough", "plow"},              {"pyjamas", "pajamas"},          {"sceptical", "skeptical"},
      {"whilst", "while"},           {"learnt", "learned"},           {"paediatric", "pediatric"},   {"anaemia", "anemia"},           {"diarrhoea", "diarrhea"},       {"oestrogen", "estrogen"},
      {"skilful", "skillful"},       {"fulfil", "fulfill"},           {"enrol", "enroll"},             {"maths", "math"},
      {"moustache", "mustache"},     {"artefact", "artifact"},        {"artefacts", "artifacts"},      });
  std::ranges::sort(pairs);
  return pairs;
}();

}  // namespace

std::string_view CommonSpelling(std::string_view word) {
  const auto found = std::ranges::lower_bound(kPairs, word, {}, &Pair::first);
  return found != kPairs.end() && found->first == word ? found->second : word;
}

}  // namespace reflex::text
