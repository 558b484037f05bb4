#include "app/eval_features.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/files.h"
#include "inference/static_embedder.h"
#include "inference/word_piece.h"
#include "text/respell.h"
#include "verify/encoder.h"
#include "verify/features.h"
#include "verify/reading.h"

namespace reflex::app {
namespace {

constexpr std::chrono::seconds kEmbedLimit{60};
// Texts that are kept: pairs that share one stand near each other.
constexpr std::size_t kKeptMax = 20'000;

using File = std::unique_ptr<std::FILE, int (*)(std::FILE*)>;

Result<File> Create(const std::filesystem::path& path) {
  File file(std::fopen(path.c_str(), "w"), std::fclose);
  if (!file) return std::unexpected(base::FileError("cannot write", path, errno));
  return file;
}

Result<void> Finish(const File& file, const std::filesystem::path& path) {
  if (std::fflush(file.get()) != 0 || std::ferror(file.get()) != 0) {
    return std::unexpected(base::FileError("cannot write", path, errno));
  }
  return {};
}

struct Known {
  verify::Reading reading;
  std::vector<TextSpan> tokens;  // Where they were asked for.
  std::vector<float> token_rows;
  Embedding embedding;  // By words.
};

class Texts {
 public:
  Texts(Embedder& embedder, bool by_tokens) : embedder_(embedder), by_tokens_(by_tokens) {}

  Result<std::shared_ptr<const Known>> Get(const std::string& text) {
    if (const auto found = known_.find(text); found != known_.end()) return found->second;
    if (known_.size() >= kKeptMax) known_.clear();
    auto known = std::make_shared<Known>();
    known->reading = verify::Read(text);
    const auto spans = by_tokens_ ? verify::TokenSpans(known->reading) : verify::WordSpans(known->reading);
    Result<Embedding> embedding = embedder_.Embed(known->reading.prepared, spans, kEmbedLimit);
    const bool refused = !embedding && (embedding.error().code == ErrorCode::kTooLarge || !known->reading.utf8);
    if (!embedding && !refused) return std::unexpected(embedding.error());
    if (embedding) known->embedding = std::move(*embedding);
    if (embedding && by_tokens_) {
      known->token_rows = std::exchange(known->embedding.words, verify::WordRows(known->reading, spans, known->embedding.words));
      known->tokens = spans;
    }
    known_.emplace(text, known);
    return std::shared_ptr<const Known>(std::move(known));
  }

 private:
  Embedder& embedder_;
  const bool by_tokens_;  // As a model is asked; else as the built-in embedder is.
  std::unordered_map<std::string, std::shared_ptr<const Known>> known_;
};

// A JSON text without its quotes where nothing in it needs escapes.
std::string_view PlainId(std::string_view id) {
  const bool quoted = id.size() >= 2 && id.front() == '"' && id.find('\\') == std::string_view::npos;
  return quoted ? id.substr(1, id.size() - 2) : id;
}

void AppendLine(const EvalRow& row, const verify::Features& features, std::string& out) {
  out = PlainId(row.id);
  for (const float value : features) {
    char text[40];
    const int size = std::snprintf(text, sizeof text, "\t%.7g", static_cast<double>(value));
    out.append(text, static_cast<std::size_t>(size > 0 ? size : 0));
  }
  out += '\n';
}

std::string Names() {
  std::string line = "id";
  for (const std::string_view name : verify::kFeatureNames) line.append("\t").append(name);
  return line + "\n";
}

void AppendNumber(std::uint64_t value, int bytes, std::string& out) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

void AppendTokens(const Known& known, std::span<const float> rows, const inference::WordPiece& splitter, std::string& out) {
  const std::size_t tokens = known.tokens.size(), dimension = tokens > 0 ? rows.size() / tokens : 0;
  AppendNumber(tokens, 4, out);
  std::vector<std::uint16_t> pieces;
  for (std::size_t i = 0; i < tokens; ++i) {
    pieces.clear();
    splitter.Split(
        std::string_view(known.reading.prepared).substr(known.tokens[i].begin, known.tokens[i].end - known.tokens[i].begin),
        pieces);
    pieces.resize(std::min<std::size_t>(pieces.size(), 0xff));
    AppendNumber(pieces.size(), 1, out);
    for (const std::uint16_t piece : pieces) AppendNumber(piece, 2, out);
    const auto row = rows.subspan(i * dimension, dimension);
    float largest = 0;
    for (const float x : row) largest = std::max(largest, std::abs(x));
    const float factor = largest > 0 ? 127 / largest : 0;
    for (const float x : row) out += static_cast<char>(static_cast<std::int8_t>(std::round(x * factor)));
  }
}

}  // namespace

Result<void> WriteTokens(const std::filesystem::path& path, std::span<const EvalRow> rows, Embedder& embedder) {
  REFLEX_TRY(const File file, Create(path));
  const inference::WordPiece splitter(inference::StaticEmbedder::Vocabulary());
  const auto& encoder = verify::Encoder::Builtin();
  if (!encoder) return std::unexpected(encoder.error());
  Texts texts(embedder, true);
  std::unordered_set<std::string_view> seen;
  std::string record;
  for (const EvalRow& row : rows) {
    for (const std::string* text : {&row.a, &row.b}) {
      if (!seen.insert(*text).second) continue;
      REFLEX_TRY(const std::shared_ptr<const Known> known, texts.Get(*text));
      record.clear();
      // The built-in net reads its tokens' context off the encoder, a model's off the model.
      const auto rows_read =
          embedder.quick() ? encoder->Encode(embedder.InputRows(known->reading.prepared, known->tokens)) : known->token_rows;
      AppendTokens(*known, rows_read, splitter, record);
      std::fwrite(record.data(), 1, record.size(), file.get());
    }
  }
  return Finish(file, path);
}

Result<void> WriteFeatures(const std::filesystem::path& path, std::span<const EvalRow> rows, Embedder& embedder) {
  REFLEX_TRY(const File file, Create(path));
  Texts texts(embedder, !embedder.quick());
  std::string line = Names();
  std::fwrite(line.data(), 1, line.size(), file.get());
  for (const EvalRow& row : rows) {
    REFLEX_TRY(std::shared_ptr<const Known> cached, texts.Get(row.a));
    REFLEX_TRY(std::shared_ptr<const Known> question, texts.Get(row.b));
    // As a look-up compares them: with typing errors mended.
    const auto mended_cached = text::Respell(cached->reading, question->reading);
    if (const auto mended = text::Respell(question->reading, cached->reading)) {
      REFLEX_TRY(question, texts.Get(*mended));
    }
    if (mended_cached) {
      REFLEX_TRY(cached, texts.Get(*mended_cached));
    }
    AppendLine(row, verify::Compare(question->reading, cached->reading, question->embedding, cached->embedding), line);
    std::fwrite(line.data(), 1, line.size(), file.get());
  }
  return Finish(file, path);
}

}  // namespace reflex::app
