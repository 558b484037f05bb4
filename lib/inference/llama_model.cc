#if defined(REFLEX_HAVE_LLAMA)
#include "inference/llama_model.h"
#include "base/utf8.h"

#include <array>
#include <cmath>
#include <cstring>
#include <exception>
#include <utility>

#include <ggml.h>
#include <llama.h>

#include "base/digest.h"
#include "inference/llama_library.h"
#include "inference/piece_spans.h"

namespace reflex::inference {
namespace {

// Row `index` of a tensor as floats, read from the file. False for a type without a conversion or a row outside the file.
bool ReadRow(std::string_view bytes, const GgufTensor& tensor, std::uint64_t index, std::span<float> row) {
  if (tensor.type >= GGML_TYPE_COUNT || tensor.dimensions.size() != 2 || tensor.dimensions[0] != row.size() ||
      index >= tensor.dimensions[1]) {
    return false;
  }
  const auto type = static_cast<ggml_type>(tensor.type);
  const ggml_type_traits* traits = ggml_get_type_traits(type);
  if (type != GGML_TYPE_F32 && !traits->to_float) return false;
  const std::int64_t block = ggml_blck_size(type);
  if (block <= 0 || row.size() % static_cast<std::size_t>(block) != 0) return false;
  const std::uint64_t size = ggml_row_size(type, static_cast<std::int64_t>(row.size()));
  const std::uint64_t begin = tensor.begin + index * size;
  if (size > bytes.size() || begin > bytes.size() - size) return false;
  if (type == GGML_TYPE_F32) {
    std::memcpy(row.data(), bytes.data() + begin, size);
  } else {
    traits->to_float(bytes.data() + begin, row.data(), static_cast<std::int64_t>(row.size()));
  }
  return true;
}

constexpr std::string_view kFirst = "{query}", kSecond = "{document}";

}  // namespace

void LlamaModel::Free::operator()(llama_model* model) const { llama_model_free(model); }

LlamaModel::LlamaModel(MappedFile file, GgufHead head) : file_(std::move(file)), head_(std::move(head)) {}
LlamaModel::~LlamaModel() = default;

Result<std::unique_ptr<LlamaModel>> LlamaModel::Open(const std::filesystem::path& path) {
  REFLEX_CHECK(UseLlama());
  REFLEX_TRY(MappedFile file, MappedFile::Open(path));
  auto head = GgufHead::Read(file.bytes());
  if (!head) return Fail(head.error().code, path.string() + ": " + head.error().message);
  if (const auto loadable = head->CheckLoadable(); !loadable) {
    return Fail(loadable.error().code, path.string() + ": " + loadable.error().message);
  }
  std::unique_ptr<LlamaModel> model(new LlamaModel(std::move(file), std::move(*head)));
  model->sha256_ = base::ToHex(base::HashBytes(model->file_.bytes()));
  REFLEX_CHECK(model->Load(path));
  model->CheckInputRows();
  model->ReadSegments();
  return model;
}

Result<void> LlamaModel::Load(const std::filesystem::path& path) {
  const auto bad = [&](const std::string& what) { return Fail(ErrorCode::kInvalidArgument, path.string() + ": " + what); };
  llama_model_params params = llama_model_default_params();
  params.n_gpu_layers = 0;
  TakeLlamaComplaint();
  std::string complaint;
  try {
    model_.reset(llama_model_load_from_file(path.c_str(), params));
    complaint = TakeLlamaComplaint();
  } catch (const std::exception& error) {
    complaint = error.what();
  }
  if (!model_) return bad("cannot be loaded" + (complaint.empty() ? "" : ": " + complaint));
  vocabulary_ = llama_model_get_vocab(model_.get());
  if (llama_model_is_recurrent(model_.get()) || (llama_model_has_encoder(model_.get()) && llama_model_has_decoder(model_.get()))) {
    return bad("is of the kind " + std::string(*head_.architecture()) + ", which gives no vectors of texts");
  }
  if (llama_vocab_type(vocabulary_) == LLAMA_VOCAB_TYPE_NONE || llama_vocab_n_tokens(vocabulary_) <= 0)
    return bad("has no tokenizer");
  // The library asserts that these exist where it needs them.
  if (llama_vocab_type(vocabulary_) == LLAMA_VOCAB_TYPE_WPM &&
      (llama_vocab_bos(vocabulary_) == LLAMA_TOKEN_NULL || llama_vocab_sep(vocabulary_) == LLAMA_TOKEN_NULL)) {
    return bad("names no [CLS] and [SEP] among its pieces");
  }
  if (window() == 0 || dimension() == 0) return bad("says that its window or its vectors have length 0");
  return {};
}

void LlamaModel::CheckInputRows() {
  const GgufTensor* rows = head_.Tensor("token_embd.weight");
  // All rows are of one size, so the last one shows that each can be read.
  const auto last = static_cast<std::uint64_t>(llama_vocab_n_tokens(vocabulary_)) - 1;
  std::vector<float> row(dimension());
  has_input_rows_ = rows != nullptr && ReadRow(file_.bytes(), *rows, last, row);
}

void LlamaModel::ReadSegments() {
  const GgufTensor* types = head_.Tensor("token_types.weight");
  const std::size_t size = dimension();
  if (!types || !has_input_rows_ || types->dimensions.size() != 2 || types->dimensions[1] < 2) return;
  std::vector<float> first(size), second(size);
  if (!ReadRow(file_.bytes(), *types, 0, first) || !ReadRow(file_.bytes(), *types, 1, second)) return;
  for (std::size_t i = 0; i < size; ++i) second[i] -= first[i];
  segment_difference_ = std::move(second);
}

void LlamaModel::FirstRow(std::int32_t token, std::span<float> row) const {
  ReadRow(file_.bytes(), *head_.Tensor("token_embd.weight"), static_cast<std::uint64_t>(token), row);
}

void LlamaModel::SecondRow(std::int32_t token, std::span<float> row) const {
  FirstRow(token, row);
  for (std::size_t i = 0; i < row.size(); ++i) row[i] += segment_difference_[i];
}

std::uint32_t LlamaModel::window() const { return static_cast<std::uint32_t>(std::max(0, llama_model_n_ctx_train(model_.get()))); }
std::uint32_t LlamaModel::dimension() const {
  return static_cast<std::uint32_t>(std::max(0, llama_model_n_embd_out(model_.get())));
}
bool LlamaModel::has_rank_head() const { return head_.Tensor("cls.output.weight") != nullptr; }

Result<std::vector<std::int32_t>> LlamaModel::Tokens(std::string_view text, bool marks, bool parse_marks) const {
  if (!base::IsUtf8(text)) return Fail(ErrorCode::kInvalidArgument, "the text is not UTF-8");
  const auto size = static_cast<std::int32_t>(text.size());
  std::vector<std::int32_t> tokens(text.size() + 8);
  try {
    std::int32_t count =
        llama_tokenize(vocabulary_, text.data(), size, tokens.data(), static_cast<std::int32_t>(tokens.size()), marks, parse_marks);
    if (count < 0 && count != INT32_MIN) {
      tokens.resize(static_cast<std::size_t>(-count));
      count = llama_tokenize(vocabulary_, text.data(), size, tokens.data(), -count, marks, parse_marks);
    }
    if (count < 0) return Fail(ErrorCode::kInternal, "the model's tokenizer failed");
    tokens.resize(static_cast<std::size_t>(count));
  } catch (const std::exception& error) {
    return Fail(ErrorCode::kInternal, std::string("the model's tokenizer failed: ") + error.what());
  }
  for (const std::int32_t token : tokens) {
    if (token < 0 || token >= llama_vocab_n_tokens(vocabulary_)) {
      return Fail(ErrorCode::kInternal, "the model's tokenizer has no piece for a part of the text");
    }
  }
  return tokens;
}

Result<ModelText> LlamaModel::Split(std::string_view text, std::size_t tokens_max, bool spans) const {
  ModelText result;
  REFLEX_TRY(result.tokens, Tokens(text, true, false));
  if (result.tokens.empty()) return Fail(ErrorCode::kInvalidArgument, "the text has no piece that the model knows");
  if (result.tokens.size() > tokens_max) {
    return Fail(ErrorCode::kTooLarge,
                "the text has " + std::to_string(result.tokens.size()) + " pieces; the model takes " + std::to_string(tokens_max));
  }
  if (spans) result.spans = Spans(text, result.tokens);
  return result;
}

std::vector<TextSpan> LlamaModel::Spans(std::string_view text, std::span<const std::int32_t> tokens) const {
  const auto is_mark = [&](std::int32_t token) { return llama_vocab_is_control(vocabulary_, token); };
  std::vector<TextSpan> spans(tokens.size());
  if (llama_vocab_type(vocabulary_) == LLAMA_VOCAB_TYPE_BPE) {
    // Pieces are the text's own bytes, one after the other, so that their lengths say where they stand.
    std::vector<char> piece(text.size() + 16);
    std::size_t at = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      if (is_mark(tokens[i])) continue;
      const std::int32_t size =
          llama_token_to_piece(vocabulary_, tokens[i], piece.data(), static_cast<std::int32_t>(piece.size()), 0, false);
      if (size < 0 || static_cast<std::size_t>(size) > text.size() - at) break;
      spans[i] = {static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + static_cast<std::size_t>(size))};
      at += static_cast<std::size_t>(size);
    }
    return spans;
  }
  std::vector<std::string_view> pieces;
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    const bool unknown = (llama_vocab_get_attr(vocabulary_, tokens[i]) & LLAMA_TOKEN_ATTR_UNKNOWN) != 0 ||
                         head_.Number("tokenizer.ggml.unknown_token_id") == static_cast<std::uint64_t>(tokens[i]);
    if (is_mark(tokens[i]) && !unknown) continue;
    pieces.emplace_back(unknown ? "" : llama_vocab_get_text(vocabulary_, tokens[i]));
    places.push_back(i);
  }
  const bool words = llama_vocab_type(vocabulary_) == LLAMA_VOCAB_TYPE_WPM;
  const auto found = AlignPieces(text, pieces, words ? UnknownPiece::kWord : UnknownPiece::kCharacters);
  for (std::size_t i = 0; i < places.size(); ++i) spans[places[i]] = found[i];
  return spans;
}

Result<BatchJob> LlamaModel::SplitPair(std::string_view a, std::string_view b, std::size_t tokens_max) const {
  BatchJob job;
  const auto append = [&](const std::vector<std::int32_t>& tokens) {
    job.tokens.insert(job.tokens.end(), tokens.begin(), tokens.end());
  };
  REFLEX_TRY(const auto first, Tokens(a, false, false));
  REFLEX_TRY(const auto second, Tokens(b, false, false));
  const char* given = llama_model_chat_template(model_.get(), "rerank");
  if (given) {
    const std::string_view form(given);
    const std::size_t query = form.find(kFirst), document = form.find(kSecond);
    if (query == form.npos || document == form.npos || document < query) {
      return Fail(ErrorCode::kInvalidArgument, "the model's form of a pair has no {query} before a {document}");
    }
    if (!base::IsUtf8(form)) return Fail(ErrorCode::kInvalidArgument, "the model's form of a pair is not UTF-8");
    const std::size_t middle = query + kFirst.size();
    REFLEX_TRY(const auto before, Tokens(form.substr(0, query), false, true));
    REFLEX_TRY(const auto between, Tokens(form.substr(middle, document - middle), false, true));
    REFLEX_TRY(const auto after, Tokens(form.substr(document + kSecond.size()), false, true));
    append(before);
    append(first);
    append(between);
    append(second);
    append(after);
  } else {
    const bool bert = llama_vocab_type(vocabulary_) == LLAMA_VOCAB_TYPE_WPM;
    const llama_token begin = llama_vocab_bos(vocabulary_);
    const llama_token eos = llama_vocab_eos(vocabulary_);
    const llama_token end = bert || eos == LLAMA_TOKEN_NULL ? llama_vocab_sep(vocabulary_) : eos;
    if (begin == LLAMA_TOKEN_NULL || end == LLAMA_TOKEN_NULL) {
      return Fail(ErrorCode::kInvalidArgument, "the model names no marks to set between two texts");
    }
    append({begin});
    append(first);
    append(bert ? std::vector{end} : std::vector{end, end});
    job.second_begins = static_cast<std::uint32_t>(job.tokens.size());
    append(second);
    append({end});
  }
  if (job.tokens.empty() || job.tokens.size() > tokens_max) {
    return Fail(ErrorCode::kTooLarge,
                "the pair has " + std::to_string(job.tokens.size()) + " pieces; the model takes " + std::to_string(tokens_max));
  }
  return job;
}

}  // namespace reflex::inference
#endif
