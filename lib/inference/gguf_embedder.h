#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "reflex/embedder.h"
#include "reflex/result.h"

namespace reflex::inference {

// How the vectors of a text's pieces become that of the text.
enum class Pooling : std::uint8_t { kFile, kMean, kCls, kLast };  // kFile: as the file says.

// "file", "mean", "cls" or "last". Returns: kInvalidArgument, naming what is allowed.
Result<Pooling> PoolingFromName(std::string_view name);
std::string_view Name(Pooling pooling);

// The limits of the options below that settings have too.
inline constexpr std::size_t kGgufPrefixBytesMax = 1'024;
inline constexpr std::uint32_t kGgufContextsMax = 64;
inline constexpr std::uint32_t kGgufQueueMax = 4'096;

// How a model in a GGUF file is run. Open checks the ranges.
struct GgufOptions {
  Pooling pooling = Pooling::kFile;
  // Put before every text; some models ask for one ("query: "). Part of model_id(). At most kGgufPrefixBytesMax bytes; a pair
  // scorer takes none.
  std::string prefix;
  // Texts that are embedded at the same time, one thread each: the callers' threads. 1 to kGgufContextsMax.
  std::uint32_t contexts = 2;
  // Pair scorers only: the second text of a pair gets a segment of its own, where the file has one. False for a model that was
  // trained with one segment for both.
  bool segments = true;
  // Callers that wait for a context; one more is refused with kBusy. 1 to kGgufQueueMax.
  std::uint32_t queue_max = 64;
  // Short texts that wait are embedded together up to this many pieces; longer texts go alone through a context of their own. 16 to
  // 1,024. Above 256 the attention over the whole batch costs more than batching gains.
  std::uint32_t batch_tokens_max = 192;
  // The longest text in pieces, with the model's own marks; the model's window where that is smaller. 16 to 8,192.
  std::uint32_t text_tokens_max = 512;
  // Texts beyond this are not even split into pieces. 1 to 16 MiB.
  std::size_t text_bytes_max = 64 * 1024;
};

// Whether this program was built with llama.cpp; where it was not, every call below answers kUnsupported and how to add it.
bool HasLlama();

// Opens an embedding model and makes its contexts. The file stays mapped while the embedder lives. The embedder starts no threads:
// a caller that finds a context free runs what is queued, others wait for their part of it. It must outlive its calls. A damaged
// file can end the process inside the model library: let CheckModel (inference/probe.h) look at a foreign file first. Returns:
// kInvalidArgument for an option out of range, a folder, or a file that is no embedding model; kNotFound; kUnsupported without
// llama.cpp or on a processor without AVX2, FMA, F16C and BMI2; kTooLarge when its contexts do not fit into memory.
Result<std::unique_ptr<Embedder>> OpenGguf(const std::filesystem::path& path, const GgufOptions& options);

// The same for a cross-encoder, one with a rank head; `pooling` must be kFile.
Result<std::unique_ptr<PairScorer>> OpenGgufPairScorer(const std::filesystem::path& path, const GgufOptions& options);

}  // namespace reflex::inference
