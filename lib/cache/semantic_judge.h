#pragma once

#include <chrono>
#include <optional>
#include <string_view>
#include <vector>

#include "cache/semantic_record.h"
#include "reflex/embedder.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "verify/pair_net.h"
#include "verify/reading.h"
#include "verify/verifier.h"

namespace reflex::cache {

// A question as the verifiers see it. The parts below the reading are made when they are first needed.
struct Question {
  explicit Question(std::string_view text)
      : reading(verify::Read(text)), words(verify::WordSpans(reading)), tokens(verify::TokenSpans(reading)) {}

  verify::Reading reading;
  std::vector<TextSpan> words, tokens;
  std::optional<Embedding> by_words;  // Of the quick embedder, by words.
  std::optional<Embedding> by_model;  // By tokens.
  std::optional<Embedding> words_by_model;
  std::optional<verify::PairNet::Text> in_builtin_net, in_own_net;
};

// What judges pairs by the word vectors of a model, as SemanticTier::Parts has it.
struct ModelVerifier {
  std::string_view weights;  // Empty: nothing does.
  std::string_view net;
};

struct Judgement {
  verify::Verdict verdict;
  float similarity = 0;   // Cosine of the text vectors: the known one, or of those it was judged with.
  bool by_model = false;  // Judged with the model's word vectors and weights; else with the built-in ones.
};

// Scores pairs of a question and a cached one: with the model's word vectors where both have them and the program has weights for
// them, else with the built-in ones. Thread-safe, immutable.
class PairJudge {
 public:
  // `model` may be null. The references outlive the object. Returns: kCorrupt for a built-in verifier that cannot be read;
  // kInvalidArgument, kNewerFormat for the model's.
  static Result<PairJudge> Create(EntryStore& store, Embedder& words, Embedder* model, const ModelVerifier& of_model);

  // The embedder whose vectors the index has.
  Embedder& embedder() const { return model_ != nullptr ? *model_ : words_; }
  // Whether pairs can be judged with the model's word vectors.
  bool has_own() const { return own_.has_value(); }
  const verify::Verifier& verifier(bool by_model) const { return by_model ? own_->verifier : builtin_; }

  // Fills question.by_words. False when the text cannot be embedded (it is not UTF-8, for example).
  bool EmbedWords(Question& question) const;
  // Cosine of the quick embedder's text vectors, -1 where one has none. Microseconds; says how near a text is, never whether it
  // serves.
  float QuickSimilarity(Question& question, std::string_view text) const;
  // Fills question.by_model, or by_words where there is no model; what the index is asked with. Errors as Embedder::Embed.
  Result<const Embedding*> EmbedForIndex(Question& question, std::chrono::nanoseconds limit) const;

  // The model's vectors of a cached question's tokens, from the store; nothing where there are none that fit.
  std::optional<Embedding> OwnVectors(const Digest& key, const std::vector<TextSpan>& tokens) const;

  // Judges one candidate, typing errors mended as the other text spells the words. Reads its stored vectors when question.by_model
  // is there. With a known similarity a candidate that a guard vetoes is not embedded at all.
  Judgement Judge(Question& question, const Digest& key, const verify::Reading& cached, std::optional<float> similarity) const;

  // Judges a pair with the model's word vectors and weights, made now where there are none that fit; typing errors mended as by
  // Judge. REQUIRES: has_own(). Errors as Embedder::Embed.
  Result<Judgement> JudgeByModel(Question& question, const Digest& key, const verify::Reading& cached,
                                 std::chrono::nanoseconds limit) const;

 private:
  // A verifier of the model's token vectors and what it listens to.
  struct Own {
    verify::Verifier verifier;
    std::optional<verify::PairNet> net;
  };
  static Result<Own> OpenOwn(Embedder* model, const ModelVerifier& of_model);
  // The built-in verifier, joined with what its pair net says. REQUIRES: question.by_words.
  verify::Verdict JudgeByWords(Question& question, const verify::Reading& cached, const Embedding& vectors) const;
  // REQUIRES: has_own(), question.by_model. Joined with what the built-in verifier and the net say where the weights want that.
  Judgement JudgeOwn(Question& question, const verify::Reading& cached, const std::vector<TextSpan>& tokens,
                     const Embedding& vectors) const;
  Judgement JudgeAsRead(Question& question, const Digest& key, const verify::Reading& cached,
                        std::optional<float> similarity) const;
  Judgement JudgeWithVectors(Question& question, const Digest& key, const verify::Reading& cached) const;
  PairJudge(EntryStore& store, Embedder& words, Embedder* model, verify::Verifier builtin, std::optional<Own> own);

  EntryStore& store_;
  Embedder& words_;
  Embedder* model_;
  verify::Verifier builtin_;
  std::optional<Own> own_;
  VectorMaker maker_;
};

}  // namespace reflex::cache
