#pragma once

#include <string>
#include <string_view>

#include "reflex/embedder.h"

namespace reflex::app {

// What judges pairs by the word vectors of a model, as SemanticTier::Parts takes it; all empty where nothing does.
struct KnownVerifier {
  std::string weights;
  std::string_view pair_net;
};

// The verifier this program has for a model, and the pair net it listens to; empty where it has none.
// A model is known by what it computes and not by its file, so that every conversion of all-MiniLM-L6-v2 is (f32, f16, q8_0), and
// none with another pooling or a prefix. Embeds five short texts once; a model that fails at that is not known.
KnownVerifier ShippedVerifier(Embedder& model);

}  // namespace reflex::app
