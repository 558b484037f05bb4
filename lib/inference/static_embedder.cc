#include "inference/static_embedder.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "base/digest.h"
#include "base/half.h"
#include "base/little_endian.h"
#include "base/utf8.h"
#include "inference/word_piece.h"

extern "C" const char reflex_data_static_table_begin[], reflex_data_static_table_end[];
extern "C" const char reflex_data_static_input_begin[], reflex_data_static_input_end[];
extern "C" const char reflex_data_static_vocabulary_begin[], reflex_data_static_vocabulary_end[];

namespace reflex::inference {
namespace {

// The file: magic, rows and columns as 4 little-endian bytes each, one half a row (its scale), then the rows as signed bytes.
constexpr std::string_view kMagic{"RSTV1\0\0\0", 8};
constexpr std::size_t kHeadBytes = 16;
constexpr std::uint32_t kBuiltInDimension = 128, kInputDimension = 256;
constexpr std::string_view kBuiltInId = "static-minilm-128-v1";

void MakeUnit(std::span<float> row) {
  float sum = 0;
  for (const float x : row) sum += x * x;
  if (!(sum > 0)) return;
  const float scale = 1 / std::sqrt(sum);
  for (float& x : row) x *= scale;
}

std::string_view Between(const char* begin, const char* end) { return {begin, static_cast<std::size_t>(end - begin)}; }

// Both tables inside the program have the same pieces.
std::shared_ptr<const WordPiece> BuiltInPieces() {
  static const auto& pieces = *new std::shared_ptr<const WordPiece>(new WordPiece(StaticEmbedder::Vocabulary()));
  return pieces;
}

}  // namespace

struct StaticEmbedder::Table {
  Table(std::string_view bytes, std::shared_ptr<const WordPiece> splitter) : pieces(std::move(splitter)) {
    dimension = base::GetLittleEndian<std::uint32_t>(bytes.data() + 12);
    const std::uint32_t rows = base::GetLittleEndian<std::uint32_t>(bytes.data() + 8);
    scales = bytes.data() + kHeadBytes;
    values = scales + 2ull * rows;
  }

  void AddRow(std::uint16_t piece, std::span<float> sum) const {
    const float scale = base::FloatFromHalf(base::GetLittleEndian<std::uint16_t>(scales + 2 * piece));
    const char* row = values + static_cast<std::size_t>(piece) * dimension;
    for (std::uint32_t i = 0; i < dimension; ++i) sum[i] += scale * static_cast<float>(static_cast<signed char>(row[i]));
  }

  std::shared_ptr<const WordPiece> pieces;
  std::uint32_t dimension = 0;
  const char* scales = nullptr;
  const char* values = nullptr;
};

StaticEmbedder::StaticEmbedder() : model_id_(kBuiltInId), dimension_(kBuiltInDimension) {}
StaticEmbedder::StaticEmbedder(std::unique_ptr<Table> table) : own_(std::move(table)), dimension_(own_->dimension) {}
StaticEmbedder::~StaticEmbedder() = default;

Result<std::unique_ptr<StaticEmbedder>> StaticEmbedder::Open(std::string_view table, std::string_view vocabulary) {
  if (table.size() < kHeadBytes || !table.starts_with(kMagic)) {
    return Fail(ErrorCode::kInvalidArgument, "not a table of word-piece vectors: it does not begin with RSTV1");
  }
  const std::uint64_t rows = base::GetLittleEndian<std::uint32_t>(table.data() + 8);
  const std::uint64_t columns = base::GetLittleEndian<std::uint32_t>(table.data() + 12);
  if (rows == 0 || rows > 0xffff || columns == 0 || columns > 4096 || table.size() != kHeadBytes + rows * (2 + columns)) {
    return Fail(ErrorCode::kInvalidArgument, "the table of word-piece vectors says " + std::to_string(rows) + " rows of " +
                                                 std::to_string(columns) + " and has another size");
  }
  auto opened = std::make_unique<Table>(table, std::make_shared<const WordPiece>(vocabulary));
  if (opened->pieces->size() != rows) {
    return Fail(ErrorCode::kInvalidArgument, "the vocabulary has " + std::to_string(opened->pieces->size()) +
                                                 " pieces and the table " + std::to_string(rows) + " rows");
  }
  std::unique_ptr<StaticEmbedder> embedder(new StaticEmbedder(std::move(opened)));
  embedder->model_id_ = "static-" + base::ToHex(base::HashBytes(table)).substr(0, 16);
  return embedder;
}

std::string_view StaticEmbedder::Vocabulary() {
  return Between(reflex_data_static_vocabulary_begin, reflex_data_static_vocabulary_end);
}

// What is loaded is loaded once a process and never freed: what reads it may run until the very end.
const StaticEmbedder::Table& StaticEmbedder::Loaded() const {
  if (own_ != nullptr) return *own_;
  static const Table& built_in = *new Table(Between(reflex_data_static_table_begin, reflex_data_static_table_end), BuiltInPieces());
  return built_in;
}

const StaticEmbedder::Table& StaticEmbedder::InputTable() {
  static const Table& input = *new Table(Between(reflex_data_static_input_begin, reflex_data_static_input_end), BuiltInPieces());
  return input;
}

const std::string& StaticEmbedder::model_id() const { return model_id_; }
std::uint32_t StaticEmbedder::dimension() const { return dimension_; }

Result<Embedding> StaticEmbedder::Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds) {
  if (text.size() > kTextBytesMax) {
    return Fail(ErrorCode::kTooLarge, "the text has " + std::to_string(text.size()) + " bytes; the built-in embedder takes " +
                                          std::to_string(kTextBytesMax));
  }
  if (!base::IsUtf8(text)) return Fail(ErrorCode::kInvalidArgument, "the text is not UTF-8");
  const Table& table = Loaded();
  Embedding embedding;
  std::vector<std::uint16_t> pieces;
  table.pieces->Split(text, pieces);
  embedding.text.resize(dimension_);
  for (const std::uint16_t piece : pieces) table.AddRow(piece, embedding.text);
  MakeUnit(embedding.text);
  embedding.words = Rows(table, text, words);
  return embedding;
}

std::vector<float> StaticEmbedder::Rows(const Table& table, std::string_view text, std::span<const TextSpan> words) {
  const std::size_t size = table.dimension;
  std::vector<float> rows(words.size() * size);
  std::vector<std::uint16_t> pieces;
  for (std::size_t i = 0; i < words.size(); ++i) {
    pieces.clear();
    table.pieces->Split(text.substr(words[i].begin, words[i].end - words[i].begin), pieces);
    const std::span<float> row(rows.data() + i * size, size);
    for (const std::uint16_t piece : pieces) table.AddRow(piece, row);
    MakeUnit(row);
  }
  return rows;
}

std::uint32_t StaticEmbedder::input_dimension() const { return own_ == nullptr ? kInputDimension : 0; }

std::vector<float> StaticEmbedder::InputRows(std::string_view text, std::span<const TextSpan> words) {
  if (own_ != nullptr || text.size() > kTextBytesMax || !base::IsUtf8(text)) return {};
  return Rows(InputTable(), text, words);
}

}  // namespace reflex::inference

namespace reflex {

std::unique_ptr<Embedder> NewBuiltInEmbedder() { return std::make_unique<inference::StaticEmbedder>(); }

}  // namespace reflex
