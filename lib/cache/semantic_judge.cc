#include "cache/semantic_judge.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "text/respell.h"
#include "verify/encoder.h"
#include "verify/measures.h"
#include "verify/model.h"
#include "verify/vectors.h"

namespace reflex::cache {
namespace {

// Quick embedders take microseconds: the limit is only a form.
constexpr std::chrono::seconds kQuickLimit{1};

// A lower score of a verifier is not joined with others, nor are texts without a common word of meaning that are further apart: a
// net that was trained with close questions alone may believe in any pair.
constexpr double kNetScoreMin = 0.5, kNetCosineMin = 0.65;
// The built-in net is not asked for longer texts: its time grows with them, and hits among them come from the verifier.
constexpr std::size_t kNetTokensMax = 64;

// Pairs that both speak of computing are what the verifiers know best: with the nets more of their hits were wrong. And the nets
// were trained with pairs that differ in meaning or in words: of texts with the same words of meaning they know nothing, and of
// such as have nothing in common little.
bool MayJoin(const verify::Verdict& verdict) {
  const auto feature = [&verdict](std::size_t at) { return verdict.features[at]; };
  const double shared = feature(verify::kFeature<"content_jacc">);
  return verdict.score >= kNetScoreMin && feature(verify::kFeature<"technical">) <= 0 && shared < 1 &&
         (shared > 0 || feature(verify::kFeature<"cos">) >= kNetCosineMin);
}

// Nothing where a text has no vectors.
std::optional<verify::PairNet::Text> EnterNet(const verify::PairNet& net, verify::NetTokens tokens) {
  if (tokens.input.empty()) return std::nullopt;
  return net.Enter(std::move(tokens));
}

// As a verifier reads a text that the model has read by tokens.
Embedding ByWords(const verify::Reading& reading, const std::vector<TextSpan>& tokens, const Embedding& vectors) {
  return {vectors.text, verify::WordRows(reading, tokens, vectors.words)};
}

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
    if (model->input_dimension() != net->input() || model->dimension() != net->context()) {
      return Fail(ErrorCode::kInvalidArgument, "a pair net over " + std::to_string(net->input()) + " and " +
                                                   std::to_string(net->context()) + " dimensions, and a model whose vectors have " +
                                                   std::to_string(model->input_dimension()) + " before and " +
                                                   std::to_string(model->dimension()) + " after reading a text");
    }
  }
  if (weights.listens_to_net() && !net) {
    return Fail(ErrorCode::kInvalidArgument, "the verifier listens to a pair net (its line \"net\"), and there is none");
  }
  return Own{verify::Verifier(std::move(weights)), std::move(net)};
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
  auto embedding = words_.Embed(question.reading.prepared, question.words, kQuickLimit);
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
    REFLEX_TRY(held, embedder().Embed(question.reading.prepared, model_ != nullptr ? question.tokens : question.words, limit));
  }
  return &*held;
}

std::optional<Embedding> PairJudge::OwnVectors(const Digest& key, const std::vector<TextSpan>& tokens) const {
  if (!own_) return std::nullopt;
  const auto bytes = store_.FindVector(key);
  return bytes && !bytes->empty() ? ReadRecord(*bytes, maker_, tokens) : std::nullopt;
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
  const auto deadline = std::chrono::steady_clock::now() + limit;
  Mended pair(question, cached);
  REFLEX_CHECK(EmbedForIndex(pair.question(), limit));
  const auto tokens = verify::TokenSpans(pair.cached());
  std::optional<Embedding> vectors;
  if (pair.cached_as_stored()) vectors = OwnVectors(key, tokens);
  if (!vectors) {
    const auto left = std::max(deadline - std::chrono::steady_clock::now(), std::chrono::nanoseconds(1));
    REFLEX_TRY(vectors, model_->Embed(pair.cached().prepared, tokens, left));
  }
  return JudgeOwn(pair.question(), pair.cached(), tokens, *vectors);
}

verify::Verdict PairJudge::JudgeByWords(Question& question, const verify::Reading& cached, const Embedding& vectors) const {
  verify::Verdict verdict = builtin_.Judge(question.reading, cached, *question.by_words, vectors);
  const verify::Model& model = builtin_.model();
  if (!model.listens_to_net() || !MayJoin(verdict)) return verdict;
  const auto& net = verify::PairNet::Builtin();
  const auto& encoder = verify::Encoder::Builtin();
  const auto tokens = verify::TokenSpans(cached);
  const bool fits = net && encoder && words_.input_dimension() == net->input() && words_.input_dimension() == encoder->input() &&
                    encoder->output() == net->context();
  if (!fits || std::max(tokens.size(), question.tokens.size()) > kNetTokensMax) return verdict;
  const auto enter = [&](const verify::Reading& reading, const std::vector<TextSpan>& spans) {
    verify::NetTokens rows{.input = words_.InputRows(reading.prepared, spans), .context = {}};
    rows.context = encoder->Encode(rows.input);
    return EnterNet(*net, std::move(rows));
  };
  if (!question.in_builtin_net) question.in_builtin_net = enter(question.reading, question.tokens);
  const auto other = enter(cached, tokens);
  if (question.in_builtin_net && other) {
    verdict.score = model.Join(verdict.score, 0, net->Score(*question.in_builtin_net, *other));
  }
  return verdict;
}

Judgement PairJudge::JudgeOwn(Question& question, const verify::Reading& cached, const std::vector<TextSpan>& tokens,
                              const Embedding& vectors) const {
  Judgement judgement;
  judgement.by_model = true;
  judgement.similarity = Cosine(*question.by_model, vectors);
  verify::Verdict& verdict = judgement.verdict;
  const verify::Model& model = own_->verifier.model();
  if (!question.words_by_model) question.words_by_model = ByWords(question.reading, question.tokens, *question.by_model);
  verdict = own_->verifier.Judge(question.reading, cached, *question.words_by_model, ByWords(cached, tokens, vectors));
  const bool joins = model.listens_to_builtin() || model.listens_to_net();
  if (!joins || !MayJoin(verdict)) return judgement;
  const double own_score = std::exchange(verdict.score, 0);  // Half a judgement is none.
  double builtin_score = 0, net_logit = 0;
  if (model.listens_to_builtin()) {
    const auto quick = words_.Embed(cached.prepared, verify::WordSpans(cached), kQuickLimit);
    if (!quick || !EmbedWords(question)) return judgement;
    builtin_score = builtin_.Judge(question.reading, cached, *question.by_words, *quick).score;
  }
  if (model.listens_to_net()) {
    const verify::PairNet& net = *own_->net;
    if (!question.in_own_net) {
      question.in_own_net =
          EnterNet(net, {model_->InputRows(question.reading.prepared, question.tokens), question.by_model->words});
    }
    const auto other = EnterNet(net, {model_->InputRows(cached.prepared, tokens), vectors.words});
    if (!question.in_own_net || !other) return judgement;
    net_logit = net.Score(*question.in_own_net, *other);
  }
  verdict.score = model.Join(own_score, builtin_score, net_logit);
  return judgement;
}

Judgement PairJudge::JudgeWithVectors(Question& question, const Digest& key, const verify::Reading& cached) const {
  if (question.by_model) {
    const auto tokens = verify::TokenSpans(cached);
    if (const auto vectors = OwnVectors(key, tokens)) return JudgeOwn(question, cached, tokens, *vectors);
  }
  Judgement judgement;
  const auto vectors = words_.Embed(cached.prepared, verify::WordSpans(cached), kQuickLimit);
  if (!vectors || !EmbedWords(question)) return judgement;
  judgement.similarity = Cosine(*question.by_words, *vectors);
  judgement.verdict = JudgeByWords(question, cached, *vectors);
  return judgement;
}

}  // namespace reflex::cache
