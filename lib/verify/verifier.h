#pragma once

#include <vector>

#include "text/facts.h"
#include "verify/features.h"
#include "verify/model.h"

namespace reflex::verify {

// What is known of a question and a cached one.
struct Verdict {
  double score = 0;                       // 0 to 1; 0 where the verifier is not competent, and beside a veto.
  std::vector<text::Conflict> conflicts;  // Any of them is a veto.
  Features features{};                    // All zero where there is no score.
  bool competent = false;                 // Both texts are English enough and short enough to be judged.

  // Whether the pair may be served at this threshold.
  bool Accepts(double threshold) const { return competent && conflicts.empty() && score >= threshold; }
};

// Judges whether the answer to one question may serve another. Immutable; thread-safe.
class Verifier {
 public:
  explicit Verifier(Model model) : model_(std::move(model)) {}

  // Embeddings as for Compare. Microseconds for short texts, well under a millisecond for 200 words.
  Verdict Judge(const Reading& question, const Reading& cached, const Embedding& question_vectors,
                const Embedding& cached_vectors) const;

  const Model& model() const { return model_; }

 private:
  Model model_;
};

// Whether the word lists can read the text: UTF-8, English, with words, and not too long.
bool IsCompetent(const Reading& reading);

}  // namespace reflex::verify
