#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "reflex/embedder.h"
#include "reflex/result.h"

namespace reflex::inference {

// The built-in embedder: a table of one vector for each word piece. A word's vector is the mean of its pieces', a text's the mean
// over all its pieces, both of unit length. The table was distilled from all-MiniLM-L6-v2 (models/builtin/NOTICE): each piece alone
// through the model, reduced to 128 principal components, weighted by the logarithm of its rank.
// Thread-safe. Microseconds a text; `limit` is not looked at.
class StaticEmbedder final : public Embedder {
 public:
  // Texts beyond this many bytes are refused (kTooLarge).
  static constexpr std::size_t kTextBytesMax = 1 << 20;

  // The table inside the program. Nothing of it is read before the first Embed.
  StaticEmbedder();
  ~StaticEmbedder() override;

  // The word pieces of the table inside the program, one a line: those of uncased BERT models.
  static std::string_view Vocabulary();

  // A table and vocabulary of the caller's, which outlive the embedder. Returns: kInvalidArgument, naming what is wrong.
  static Result<std::unique_ptr<StaticEmbedder>> Open(std::string_view table, std::string_view vocabulary);

  const std::string& model_id() const override;
  std::uint32_t dimension() const override;
  bool quick() const override { return true; }
  Result<Embedding> Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds limit) override;
  // From the second table inside the program: the input embeddings of the model the first was distilled from, reduced to 256
  // principal components. 0 and nothing for an embedder that was opened.
  std::uint32_t input_dimension() const override;
  std::vector<float> InputRows(std::string_view text, std::span<const TextSpan> words) override;

 private:
  struct Table;
  static std::vector<float> Rows(const Table& table, std::string_view text, std::span<const TextSpan> words);
  static const Table& InputTable();
  explicit StaticEmbedder(std::unique_ptr<Table> table);
  const Table& Loaded() const;

  std::unique_ptr<Table> own_;  // Null: the one inside the program.
  std::string model_id_;
  std::uint32_t dimension_ = 0;
};

}  // namespace reflex::inference
