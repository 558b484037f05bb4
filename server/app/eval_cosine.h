#pragma once

#include <span>
#include <vector>

#include "app/eval_rows.h"
#include "app/eval_run.h"
#include "reflex/embedder.h"
#include "reflex/result.h"

namespace reflex::app {

// What a cache would do that serves the nearest text from a cosine of `threshold` (-1 to 1) on, and looks at nothing else: to
// compare with. The same text is a hit of the exact layer. Pairs and streams; a stream's search looks at every text that missed.
// Returns: what Embed returns.
Result<std::vector<EvalDecision>> EvalByCosine(EvalKind kind, std::span<const EvalRow> rows, Embedder& embedder, double threshold,
                                               const EvalRun& run);

}  // namespace reflex::app
