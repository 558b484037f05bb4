#include "cache/semantic_judge.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "text/respell.h"
#include "verify/model.h"
#include "verify/vectors.h"

namespace reflex::cache {
namespace {

// Quick embedders take microseconds: the limit is only a form.
constexpr std::chrono::seconds kQuickLimit{1};

// A hair below zero and above one is rounding.
float Cosine(const Embedding& a, const Embedding& b) {
  const float lengths = verify::Dot(a.text, a.text) * verify::Dot(b.text, b.text);
  return lengths > 0 ? std::clamp(verify::Dot(a.text, b.text) / std::sqrt(lengths), -1.0f, 1.0f) : 0;
}

// A pair with its typing errors mended, each text as the other spells the words; the texts as they were where there are none.
class Mended {
 public:
  // Both outlive the object.
  Mended(Question& question, const verify::Reading& cached) : question_(question), cached_(cached) {
    if (const auto text = text::Respell(question.reading, cached)) spelled_.emplace(*text);
    if (const auto text = text::Respell(cached, question.reading)) spelled_cached_.emplace(verify::Read(*text));
  }

  Question& question() { return spelled_ ? *spelled_ : question_; }
  const verify::Reading& cached() const { return spelled_cached_ ? *spelled_cached_ : cached_; }
  bool cached_as_stored() const { return !spelled_cached_; }

 private:
  Question& question_;
  const verify::Reading& cached_;
  std::optional<Question> spelled_;
  std::optional<verify::Reading> spelled_cached_;
};

}  // namespace

PairJudge::PairJudge(EntryStore& store, Embedder& words, Embedder* model, verify::Verifier builtin, std::optional<Own> own)
    : store_(store),
      words_(words),
      model_(model),
      builtin_(std::move(builtin)),
      own_(std::move(own)),
      maker_(VectorMaker::Of(embedder().model_id(), embedder().dimension())) {}

Result<PairJudge::Own> PairJudge::OpenOwn(Embedder* model, const ModelVerifier& of_model) {
  if (model == nullptr) return Fail(ErrorCode::kInvalidArgument, "a verifier for a model is given, but no model");
  REFLEX_TRY(auto weights, verify::Model::Parse(of_model.weights));
  if (weights.embedder() != model->model_id()) {
    return Fail(ErrorCode::kInvalidArgument,
                "the verifier was trained with the model \"" + weights.embedder() + "\", not with \"" + model->model_id() + "\"");
  }
  std::optional<verify::PairNet> net;
  if (!of_model.net.empty()) {
    REFLEX_TRY(net, verify::PairNet::Parse(of_model.net));
    if (of_model.lexical == nullptr || of_model.lexical->dimension() != net->width() || model->dimension() != net->context()) {
      return Fail(ErrorCode::kInvalidArgument, "a pair net of width " + std::to_string(net->width()) + " over " +
                                                   std::to_string(net->context()) +
                                                   " dimensions needs a lexical table and a model of those sizes");
    }
  }
  if (weights.listens_to_net() && !net) {
    return Fail(ErrorCode::kInvalidArgument, "the verifier listens to a pair net (its line \"net\"), and there is none");
  }
  return Own{verify::Verifier(std::move(weights)), std::move(net), of_model.lexical};
}

Result<PairJudge> PairJudge::Create(EntryStore& store, Embedder& words, Embedder* model, const ModelVerifier& of_model) {
  const auto& builtin = verify::Model::Builtin();
  if (!builtin) return Fail(ErrorCode::kCorrupt, "the program's verifier cannot be read: " + builtin.error().message);
  std::optional<Own> own;
  if (!of_model.weights.empty()) {
    REFLEX_TRY(own, OpenOwn(model, of_model));
  }
  return PairJudge(store, words, model, verify::Verifier(*builtin), std::move(own));
}

bool PairJudge::EmbedWords(Question& question) const {
  if (question.by_words) return true;
  auto embedding = words_.Embed(question.reading.prepared, question.spans, kQuickLimit);
  if (!embedding) return false;
  question.by_words = std::move(*embedding);
  return true;
}

float PairJudge::QuickSimilarity(Question& question, std::string_view text) const {
  if (!EmbedWords(question)) return -1;
  const auto embedding = words_.Embed(text, {}, kQuickLimit);
  return embedding ? Cosine(*question.by_words, *embedding) : -1;
}

Result<const Embedding*> PairJudge::EmbedForIndex(Question& question, std::chrono::nanoseconds limit) const {
  std::optional<Embedding>& held = model_ != nullptr ? question.by_model : question.by_words;
  if (!held) {
    REFLEX_TRY(held, embedder().Embed(question.reading.prepared, question.spans, limit));
  }
  return &*held;
}

std::optional<Embedding> PairJudge::OwnVectors(const Digest& key, const std::vector<TextSpan>& spans) const {
  if (!own_) return std::nullopt;
  const auto bytes = store_.FindVector(key);
  return bytes && !bytes->empty() ? ReadRecord(*bytes, maker_, spans) : std::nullopt;
}

Judgement PairJudge::Judge(Question& question, const Digest& key, const verify::Reading& cached,
                           std::optional<float> similarity) const {
  Mended pair(question, cached);
  return JudgeAsRead(pair.question(), key, pair.cached(), similarity);
}

Judgement PairJudge::JudgeAsRead(Question& question, const Digest& key, const verify::Reading& cached,
                                 std::optional<float> similarity) const {
  if (!similarity) return JudgeWithVectors(question, key, cached);
  Judgement judgement;
  judgement.verdict.competent = verify::IsCompetent(question.reading) && verify::IsCompetent(cached);
  if (judgement.verdict.competent) judgement.verdict.conflicts = text::FindConflicts(question.reading, cached);
  // Most candidates end here, and vectors of words take longer than guards.
  if (judgement.verdict.competent && judgement.verdict.conflicts.empty()) judgement = JudgeWithVectors(question, key, cached);
  judgement.similarity = *similarity;
  return judgement;
}

Result<Judgement> PairJudge::JudgeByModel(Question& question, const Digest& key, const verify::Reading& cached,
                                          std::chrono::nanoseconds limit) const {
  Mended pair(question, cached);
  REFLEX_CHECK(EmbedForIndex(pair.question(), limit));
  const auto spans = verify::WordSpans(pair.cached());
  std::optional<Embedding> vectors;
  if (pair.cached_as_stored()) vectors = OwnVectors(key, spans);
  if (!vectors) {
    REFLEX_TRY(vectors, model_->Embed(pair.cached().prepared, spans, limit));
  }
  return JudgeOwn(pair.question(), pair.cached(), spans, *vectors);
}

Judgement PairJudge::JudgeOwn(Question& question, const verify::Reading& cached, const std::vector<TextSpan>& spans,
                              const Embedding& vectors) const {
  Judgement judgement;
  judgement.by_model = true;
  judgement.similarity = Cosine(*question.by_model, vectors);
  verify::Verdict& verdict = judgement.verdict;
  const verify::Model& model = own_->verifier.model();
  verdict = own_->verifier.Judge(question.reading, cached, *question.by_model, vectors);
  if (!model.listens() || !verdict.competent || !verdict.conflicts.empty()) return judgement;
  const double own_score = std::exchange(verdict.score, 0);  // Half a judgement is none.
  const auto words = words_.Embed(cached.prepared, spans, kQuickLimit);
  if (!words || !EmbedWords(question)) return judgement;
  const std::optional<double> net = model.listens_to_net() ? AskNet(question, cached, spans, vectors) : 0;
  if (!net) return judgement;
  verdict.score = model.Join(own_score, builtin_.Judge(question.reading, cached, *question.by_words, *words).score, *net);
  return judgement;
}

std::optional<double> PairJudge::AskNet(Question& question, const verify::Reading& cached, const std::vector<TextSpan>& spans,
                                        const Embedding& vectors) const {
  if (!question.lexical) {
    auto embedding = own_->lexical->Embed(question.reading.prepared, question.spans, kQuickLimit);
    if (!embedding) return std::nullopt;
    question.lexical = std::move(*embedding);
  }
  const auto lexical = own_->lexical->Embed(cached.prepared, spans, kQuickLimit);
  if (!lexical) return std::nullopt;
  return own_->net->Score({question.lexical->words, question.by_model->words}, {lexical->words, vectors.words});
}

Judgement PairJudge::JudgeWithVectors(Question& question, const Digest& key, const verify::Reading& cached) const {
  const auto spans = verify::WordSpans(cached);
  if (question.by_model) {
    if (const auto vectors = OwnVectors(key, spans)) {
      return JudgeOwn(question, cached, spans, *vectors);
    }
  }
  Judgement judgement;
  const auto vectors = words_.Embed(cached.prepared, spans, kQuickLimit);
  if (!vectors || !EmbedWords(question)) return judgement;
  judgement.similarity = Cosine(*question.by_words, *vectors);
  judgement.verdict = builtin_.Judge(question.reading, cached, *question.by_words, *vectors);
  return judgement;
}

}  // namespace reflex::cache
