#pragma once

#include <filesystem>
#include <span>

#include "app/eval_rows.h"
#include "reflex/embedder.h"
#include "reflex/result.h"

namespace reflex::app {

// Writes the verifier's features of each pair as a table: a line of names, then the row's id and the values, separated by tabs. `b`
// is the question, `a` the cached one, as in serving; the vectors are those of `embedder`. Rows the embedder refuses (too long)
// have zeros. Returns: kIo; kInvalidArgument, kInternal from the embedder.
Result<void> WriteFeatures(const std::filesystem::path& path, std::span<const EvalRow> rows, Embedder& embedder);

// Writes what a pair net is trained with, of each text in the order of its first coming: the number of its tokens (4 bytes,
// little-endian), then of each the number of its pieces (1 byte), their numbers in the built-in vocabulary (2 bytes each) and
// its vector (a signed byte a dimension, the largest 127). Texts the embedder refuses have no tokens. Returns: as WriteFeatures.
Result<void> WriteTokens(const std::filesystem::path& path, std::span<const EvalRow> rows, Embedder& embedder);

}  // namespace reflex::app
