#if defined(REFLEX_HAVE_LLAMA)
#include "inference/gguf_embedder.h"

#include <cmath>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "inference/llama_model.h"

namespace reflex::inference {
namespace {

void Normalise(std::span<float> vector) {
  double squares = 0;
  for (const float x : vector) squares += static_cast<double>(x) * static_cast<double>(x);
  if (squares <= 0) return;
  const auto factor = static_cast<float>(1 / std::sqrt(squares));
  for (float& x : vector) x *= factor;
}

// Adds up rows of pieces; the scale does not matter before Normalise.
void Add(std::span<const float> row, std::span<float> sum) {
  for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += row[i];
}

class GgufEmbedder final : public Embedder {
 public:
  GgufEmbedder(std::unique_ptr<LlamaModel> model, std::unique_ptr<LlamaLanes> lanes, GgufOptions options, Pooling pooling)
      : model_(std::move(model)), lanes_(std::move(lanes)), options_(std::move(options)), pooling_(pooling) {
    // Weights, pooling and prefix: what makes two vectors comparable.
    model_id_ = "gguf-" + model_->sha256().substr(0, 16) + "-" + std::string(Name(pooling_));
    if (!options_.prefix.empty()) model_id_ += "-" + base::ToHex(base::HashBytes(options_.prefix)).substr(0, 8);
  }

  const std::string& model_id() const override { return model_id_; }
  std::uint32_t dimension() const override { return model_->dimension(); }
  bool quick() const override { return false; }
  std::size_t waiting() const override { return lanes_->waiting(); }

  Result<Embedding> Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds limit) override {
    if (text.size() > options_.text_bytes_max) {
      return Fail(ErrorCode::kTooLarge, "the text has " + std::to_string(text.size()) + " bytes; at most " +
                                            std::to_string(options_.text_bytes_max) + " are embedded");
    }
    for (const TextSpan& word : words) {
      if (word.begin > word.end || word.end > text.size()) return Fail(ErrorCode::kInvalidArgument, "a word lies outside the text");
    }
    const std::string whole = options_.prefix + std::string(text);
    REFLEX_TRY(ModelText pieces, model_->Split(whole, lanes_->tokens_max(), !words.empty()));
    BatchJob job;
    job.tokens = std::move(pieces.tokens);
    REFLEX_TRY(const std::vector<float> rows, lanes_->Run(std::move(job), limit));
    Embedding embedding;
    embedding.text = Pool(rows);
    embedding.words = Words(rows, pieces.spans, words, static_cast<std::uint32_t>(options_.prefix.size()));
    return embedding;
  }

  std::uint32_t input_dimension() const override { return model_->has_input_rows() ? model_->dimension() : 0; }

  std::vector<float> InputRows(std::string_view text, std::span<const TextSpan> words) override {
    if (!model_->has_input_rows()) return {};
    const auto pieces = model_->Split(text, lanes_->tokens_max(), true);
    if (!pieces) return {};
    std::vector<float> rows(pieces->tokens.size() * dimension());
    for (std::size_t i = 0; i < pieces->tokens.size(); ++i) {
      model_->FirstRow(pieces->tokens[i], std::span(rows).subspan(i * dimension(), dimension()));
    }
    return Words(rows, pieces->spans, words, 0);
  }

 private:
  std::vector<float> Pool(std::span<const float> rows) const {
    const std::size_t size = dimension(), count = rows.size() / size;
    std::vector<float> text(size);
    if (pooling_ == Pooling::kMean) {
      for (std::size_t i = 0; i < count; ++i) Add(rows.subspan(i * size, size), text);
    } else {
      Add(rows.subspan(pooling_ == Pooling::kCls ? 0 : (count - 1) * size, size), text);
    }
    Normalise(text);
    return text;
  }

  // The mean of the pieces that overlap a word; both lists ascend. Several words may share a piece.
  // `shift`: bytes before the text in what the pieces' places are of.
  std::vector<float> Words(std::span<const float> rows, std::span<const TextSpan> pieces, std::span<const TextSpan> words,
                           std::uint32_t shift) const {
    const std::size_t size = dimension();
    std::vector<float> vectors(words.size() * size);
    std::size_t first = 0;
    for (std::size_t w = 0; w < words.size(); ++w) {
      const std::uint32_t begin = words[w].begin + shift, end = words[w].end + shift;
      while (first < pieces.size() && pieces[first].end <= begin) ++first;
      const std::span<float> vector(vectors.data() + w * size, size);
      for (std::size_t i = first; i < pieces.size() && (pieces[i].begin < end || pieces[i].end == 0); ++i) {
        if (pieces[i].begin < end && pieces[i].end > begin) Add(rows.subspan(i * size, size), vector);
      }
      Normalise(vector);
    }
    return vectors;
  }

  std::unique_ptr<LlamaModel> model_;
  std::unique_ptr<LlamaLanes> lanes_;  // Uses model_.
  GgufOptions options_;
  Pooling pooling_;
  std::string model_id_;
};

}  // namespace

bool HasLlama() { return true; }

Result<std::unique_ptr<Embedder>> OpenGguf(const std::filesystem::path& path, const GgufOptions& options) {
  REFLEX_CHECK(CheckOptions(options));
  const auto bad = [&](const std::string& what) { return Fail(ErrorCode::kInvalidArgument, path.string() + ": " + what); };
  if (options.prefix.size() > kGgufPrefixBytesMax) {
    return bad("a prefix of " + std::to_string(options.prefix.size()) + " bytes; allowed are at most " +
               std::to_string(kGgufPrefixBytesMax));
  }
  REFLEX_TRY(auto model, LlamaModel::Open(path));
  if (model->has_rank_head()) return bad("is a model that scores pairs, not one that embeds texts");
  Pooling pooling = options.pooling;
  if (pooling == Pooling::kFile) {
    switch (model->head().ArchitectureNumber("pooling_type").value_or(0)) {
      case 1: pooling = Pooling::kMean; break;
      case 2: pooling = Pooling::kCls; break;
      case 3: pooling = Pooling::kLast; break;
      default: return bad("names no pooling; say whether its model card asks for mean, cls or last");
    }
  }
  auto lanes = LlamaLanes::Open(*model, options, ModelOutput::kPieces, false);
  if (!lanes) return Fail(lanes.error().code, path.string() + ": " + lanes.error().message);
  if (const auto prefix = model->Split(options.prefix, (*lanes)->tokens_max(), false); !options.prefix.empty() && !prefix) {
    return bad("prefix: " + prefix.error().message);
  }
  return std::make_unique<GgufEmbedder>(std::move(model), std::move(*lanes), options, pooling);
}

}  // namespace reflex::inference
#endif
