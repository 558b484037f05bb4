#include "inference/gguf_embedder.h"

namespace reflex::inference {

Result<Pooling> PoolingFromName(std::string_view name) {
  for (const Pooling pooling : {Pooling::kFile, Pooling::kMean, Pooling::kCls, Pooling::kLast}) {
    if (name == Name(pooling)) return pooling;
  }
  return Fail(ErrorCode::kInvalidArgument,
              "pooling \"" + std::string(name.substr(0, 40)) + "\"; allowed are file, mean, cls and last");
}

std::string_view Name(Pooling pooling) {
  switch (pooling) {
    case Pooling::kFile: return "file";
    case Pooling::kMean: return "mean";
    case Pooling::kCls: return "cls";
    case Pooling::kLast: return "last";
  }
  return "file";
}

}  // namespace reflex::inference
