#if !defined(REFLEX_HAVE_LLAMA)
#include "inference/gguf_embedder.h"

namespace reflex::inference {
namespace {

std::unexpected<Error> Absent(const std::filesystem::path& path) {
  return Fail(ErrorCode::kUnsupported,
              path.string() + ": this program was built without llama.cpp; `./dev build --models` adds it");
}

}  // namespace

bool HasLlama() { return false; }

Result<std::unique_ptr<Embedder>> OpenGguf(const std::filesystem::path& path, const GgufOptions&) { return Absent(path); }
Result<std::unique_ptr<PairScorer>> OpenGgufPairScorer(const std::filesystem::path& path, const GgufOptions&) {
  return Absent(path);
}

}  // namespace reflex::inference
#endif
