#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "remote/service.h"

// What is said to embedders and what they answer, without I/O; docs/remote.md shows each form.
namespace reflex::remote {

enum class EmbedForm : std::uint8_t {
  kOpenAi,  // POST {base}/embeddings {"model","input":[…]}: OpenAI, vLLM, Ollama, llama-server, TEI.
  kTei,     // POST {base}/embed {"inputs":[…],"truncate":false}: Text Embeddings Inference.
};
// "openai" or "tei". Returns: kInvalidArgument.
Result<EmbedForm> EmbedFormFromName(std::string_view name);

ServiceCall EmbedCall(EmbedForm form, std::string_view model, std::span<const std::string> texts);

// The vectors of `count` texts in their order, each of unit length (all zero where the service gave no direction). `dimension` 0:
// any, but one for all. Returns: kProtocol, naming what is wrong: another number of vectors or of numbers in one, an index that is
// missing or there twice, a number that is not finite.
Result<std::vector<std::vector<float>>> ReadEmbeddings(EmbedForm form, std::string_view body, std::size_t count,
                                                       std::uint32_t dimension);

}  // namespace reflex::remote
