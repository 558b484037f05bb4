#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "app/models.h"
#include "reflex/cache.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/semantic_tier.h"

namespace reflex::app {

// What was found for one question of a trial.
struct EvalFound {
  enum class Layer : std::uint8_t { kMiss, kExact, kCanonical, kVerified };
  Layer layer = Layer::kMiss;
  std::string source;  // Of a hit: the name under which the answer was stored.
  std::string reason;  // Of a miss: as X-Reflex-Reason has it.
  double score = 0;    // The verifier's; 1 for layers before it.
  float similarity = 0;
  std::shared_ptr<const SimilarVector> vector;  // For Store.

  bool hit() const { return layer != Layer::kMiss; }
};
// "l1", "l2", "l3"; "" for a miss.
std::string_view ShortName(EvalFound::Layer layer);
// "hit-l1-exact", …; "miss".
std::string_view LongName(EvalFound::Layer layer);

// The cache as it serves, over a store in memory: exact keys first, then the semantic tier. Nothing of it touches files or the
// network, but for models that do. Work that a running Reflex does in the background is done before Store returns, so that a trial
// gives the same result each time. Not thread-safe.
class EvalTier {
 public:
  // `models` outlives the tier. `entries`: how many it is going to hold. Returns: as SemanticTier::Create and MemoryStore::Create.
  static Result<std::unique_ptr<EvalTier>> Create(SemanticOptions options, bool semantic, Models& models, std::size_t entries,
                                                  Logger& logger);
  ~EvalTier();

  // `key` and `scope` as of a request; `semantic` is false for one that only the exact tier may answer.
  EvalFound Find(const Digest& key, const Digest& scope, std::string_view question, bool semantic);
  // Keeps an answer called `name`.
  void Store(const Digest& key, const Digest& scope, std::string_view question, bool semantic, std::string name,
             std::shared_ptr<const SimilarVector> vector);
  // The score from which on the verifier's word is a hit; above 1: never.
  double Threshold(const Digest& scope, std::string_view question);
  // The name of the answer whose question scored highest; "" where none was compared. Looks again.
  std::string Best(const Digest& scope, std::string_view question);

 private:
  EvalTier() = default;
  void WorkOff();

  SystemClock clock_;
  std::deque<std::function<void()>> background_;
  std::unique_ptr<Cache> cache_;
  std::unique_ptr<SemanticTier> tier_;  // Null: exact only.
};

// The digest of a text with a word before it that says what it is for.
Digest EvalDigest(std::string_view what, std::string_view text);

}  // namespace reflex::app
