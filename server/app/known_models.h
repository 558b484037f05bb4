#pragma once

#include <string>

#include "reflex/embedder.h"

namespace reflex::app {

// The verifier this program has for the word vectors of a model: weights as SemanticTier::Parts::model_verifier takes them, or "".
// A model is known by what it computes and not by its file, so that every conversion of all-MiniLM-L6-v2 is (f32, f16, q8_0), and
// none with another pooling or a prefix. Embeds five short texts once; a model that fails at that is not known.
std::string ShippedVerifier(Embedder& model);

}  // namespace reflex::app
