#include "remote/rerank_wire.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "remote/json_numbers.h"
#include "wire/error_body.h"
#include "wire/json.h"

namespace reflex::remote {
namespace {

using wire::json::Document;
using wire::json::Value;

std::unexpected<Error> Wrong(const std::string& what) { return Fail(ErrorCode::kProtocol, what); }

// Probabilities of exactly 0 and 1 have no logit: the nearest ones that have.
double Logit(double probability) {
  const double p = std::clamp(probability, 1e-9, 1 - 1e-9);
  return std::log(p / (1 - p));
}

}  // namespace

Result<RerankForm> RerankFormFromName(std::string_view name) {
  if (name == "documents") return RerankForm::kDocuments;
  if (name == "tei") return RerankForm::kTei;
  return Fail(ErrorCode::kInvalidArgument, "\"" + std::string(name) + "\" is no form of a reranker; allowed: documents, tei");
}

Result<ScoreScale> ScoreScaleFromName(std::string_view name) {
  if (name == "probability") return ScoreScale::kProbability;
  if (name == "logit") return ScoreScale::kLogit;
  return Fail(ErrorCode::kInvalidArgument, "\"" + std::string(name) + "\" is no scale of scores; allowed: probability, logit");
}

ServiceCall RerankCall(RerankForm form, ScoreScale scale, std::string_view model, std::string_view query,
                       std::span<const std::string> texts) {
  const bool tei = form == RerankForm::kTei;
  std::string body = "{";
  if (!tei && !model.empty()) {
    body += R"("model":)";
    wire::AppendJsonString(model, body);
    body.push_back(',');
  }
  body += R"("query":)";
  wire::AppendJsonString(query, body);
  body += tei ? R"(,"texts":[)" : R"(,"documents":[)";
  for (std::size_t i = 0; i < texts.size(); ++i) {
    if (i > 0) body.push_back(',');
    wire::AppendJsonString(texts[i], body);
  }
  body.push_back(']');
  if (tei) {
    body += R"(,"raw_scores":)" + std::string(scale == ScoreScale::kLogit ? "true" : "false") + R"(,"truncate":false})";
  } else {
    body += R"(,"top_n":)" + std::to_string(texts.size()) + "}";
  }
  return {"POST", "/rerank", std::move(body)};
}

Result<std::vector<float>> ReadScores(ScoreScale scale, std::string_view body, std::size_t count) {
  Document document;
  if (const std::string_view reason = document.Parse(body); !reason.empty()) return Wrong("no JSON (" + std::string(reason) + ")");
  const Value list = document.root().IsArray() ? document.root() : document.root().Find("results");
  if (!list.IsArray()) return Wrong("it is no array and has no array \"results\"");
  if (list.size() != count) {
    return Wrong("it has " + std::to_string(list.size()) + " scores for " + std::to_string(count) + " texts");
  }
  std::vector<std::optional<float>> scores(count);
  for (const Value element : list.elements()) {
    const std::uint64_t index = element.Find("index") ? element.Find("index").Whole(count) : count;
    if (index >= count) return Wrong("a score's index is not one of the texts'");
    if (scores[index]) return Wrong("two scores have the index " + std::to_string(index));
    const Value said = element.Find("relevance_score") ? element.Find("relevance_score") : element.Find("score");
    const auto number = ReadNumber(said);
    if (!number || !std::isfinite(static_cast<float>(*number))) return Wrong("a score is no finite number");
    const bool probability = scale == ScoreScale::kProbability;
    if (probability && !(*number >= 0 && *number <= 1)) {
      return Wrong("the score " + std::string(said.raw()) + " is no probability; allowed: reranker.scores = \"logit\"");
    }
    scores[index] = static_cast<float>(probability ? Logit(*number) : *number);
  }
  std::vector<float> all;
  for (const auto& score : scores) all.push_back(*score);
  return all;
}

}  // namespace reflex::remote
