#include "app/eval_features.h"

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/files.h"
#include "text/respell.h"
#include "verify/features.h"
#include "verify/reading.h"

namespace reflex::app {
namespace {

constexpr std::chrono::seconds kEmbedLimit{60};
// Texts that are kept: pairs that share one stand near each other.
constexpr std::size_t kKeptMax = 20'000;

struct Known {
  verify::Reading reading;
  Embedding embedding;
};

class Texts {
 public:
  explicit Texts(Embedder& embedder) : embedder_(embedder) {}

  Result<std::shared_ptr<const Known>> Get(const std::string& text) {
    if (const auto found = known_.find(text); found != known_.end()) return found->second;
    if (known_.size() >= kKeptMax) known_.clear();
    auto known = std::make_shared<Known>();
    known->reading = verify::Read(text);
    const auto spans = verify::WordSpans(known->reading);
    Result<Embedding> embedding = embedder_.Embed(known->reading.prepared, spans, kEmbedLimit);
    const bool refused = !embedding && (embedding.error().code == ErrorCode::kTooLarge || !known->reading.utf8);
    if (!embedding && !refused) return std::unexpected(embedding.error());
    if (embedding) known->embedding = std::move(*embedding);
    known_.emplace(text, known);
    return std::shared_ptr<const Known>(std::move(known));
  }

 private:
  Embedder& embedder_;
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

}  // namespace

Result<void> WriteFeatures(const std::filesystem::path& path, std::span<const EvalRow> rows, Embedder& embedder) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
  if (!file) return std::unexpected(base::FileError("cannot write", path, errno));
  Texts texts(embedder);
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
  if (std::fflush(file.get()) != 0 || std::ferror(file.get()) != 0) {
    return std::unexpected(base::FileError("cannot write", path, errno));
  }
  return {};
}

}  // namespace reflex::app
