#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "remote/service.h"

// What is said to rerankers and what they answer, without I/O; docs/remote.md shows each form.
namespace reflex::remote {

enum class RerankForm : std::uint8_t {
  kDocuments,  // POST {base}/rerank {"model","query","documents"}: Jina, Cohere, vLLM, llama-server.
  kTei,        // POST {base}/rerank {"query","texts","raw_scores"}: Text Embeddings Inference.
};
// "documents" or "tei". Returns: kInvalidArgument.
Result<RerankForm> RerankFormFromName(std::string_view name);

// What a service's scores are.
enum class ScoreScale : std::uint8_t {
  kProbability,  // 0 to 1: Jina, Cohere, vLLM and TEI as they come, Qwen3 rerankers on llama-server.
  kLogit,        // Any number: llama-server with BERT rerankers, TEI with raw_scores, vLLM with use_activation false.
};
// "probability" or "logit". Returns: kInvalidArgument.
Result<ScoreScale> ScoreScaleFromName(std::string_view name);

ServiceCall RerankCall(RerankForm form, ScoreScale scale, std::string_view model, std::string_view query,
                       std::span<const std::string> texts);

// One score a text, in the order of the texts, as logits. Takes the answers of both forms, "score" and "relevance_score".
// Returns: kProtocol, naming what is wrong: another number of scores, an index that is missing or there twice, no finite number, a
// probability outside 0 to 1.
Result<std::vector<float>> ReadScores(ScoreScale scale, std::string_view body, std::size_t count);

}  // namespace reflex::remote
