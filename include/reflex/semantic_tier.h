#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/cache.h"
#include "reflex/clock.h"
#include "reflex/embedder.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/types.h"
#include "reflex/vector_index.h"

namespace reflex {

/// Which rule made a semantic hit.
enum class SimilarLayer : std::uint8_t {
  kCanonical,  ///< Equal canonical texts.
  kVerified,   ///< The verifier's score met the threshold and no guard objected.
};

/// Why a question was not answered from an entry of other words.
enum class SimilarMiss : std::uint8_t {
  kNoCandidate,  ///< Nothing in the scope that could be compared.
  kGuard,        ///< The best candidate differs in a fact; `guard` names it.
  kScore,        ///< The best candidate's score is below the threshold.
  kPresent,      ///< The question, or those of the only candidates, ask for the present.
  kLanguage,     ///< The question is in a language or script the verifier cannot read.
  kTooLong,      ///< Longer than the limit or the model's window.
  kBlocked,      ///< The only candidates were reported wrong for this question.
  kBudget,       ///< The namespace had too many wrong hits: the tier is off there.
  kLoading,      ///< The index is not complete yet.
  kBusy,         ///< The model's queue is full.
  kTimeout,      ///< `time_limit` passed.
  kFailed,       ///< A part failed (logged).
};

struct SemanticOptions {
  /// False: only equal canonical texts are hits.
  bool verify = true;
  /// The share of wrong hits among semantic hits that the operator allows, 0.0005 to 0.2.
  double max_wrong_hits = 0.003;
  /// A scope with at most this many entries is compared whole, without vectors; 0 to 64. 0: every entry gets a vector.
  std::size_t scan_max = 16;
  /// Candidates that are compared, those most similar to the question, 1 to 64. Time grows with them.
  std::size_t candidates_max = 4;
  /// Longer questions are left to the exact tier. 1 to 1 MiB.
  std::size_t question_bytes_max = 16 << 10;
  std::chrono::milliseconds time_limit{100};
  /// Questions about the present are answered from entries at most this old, and an entry whose question asks for it serves no
  /// other wording when it is older; 0: never.
  std::chrono::seconds present_ttl{0};
  /// With a pair scorer: the last judge's calibrated probability must reach this, 0 to 1.
  double reranker_threshold = 0.5;
  /// The calibration: probability = 1 / (1 + exp(-(scale * logit + offset))). `scale` above 0.
  double reranker_scale = 1;
  double reranker_offset = 0;
};

/// One look-up.
struct SimilarQuery {
  Digest scope;
  std::string_view question;
  /// The namespace whose error budget counts; "" for none.
  std::string_view name_space;
  /// False: canonical texts only, for this request.
  bool verify = true;
  /// May this entry (without reply) be served, by age and by the caller's wishes? Called on the calling thread.
  std::function<bool(const Entry&)> usable;
};

/// What was learned about a question on the way to a miss, so that storing its answer does not embed again. Opaque: handed back to
/// SemanticTier::Stored. A few KB at most.
struct SimilarVector {
  std::vector<float> text;  ///< As the index takes it.
  std::string record;       ///< As the store keeps it: model, text vector, word vectors.
};

/// What a look-up found: an entry to serve, or why there is none.
struct SimilarFound {
  EntryPtr entry;  ///< Whole; null: a miss.
  SimilarLayer layer = SimilarLayer::kCanonical;
  SimilarMiss miss = SimilarMiss::kNoCandidate;
  std::string_view guard;  ///< With kGuard: its name, static.
  /// Of the served or the best candidate; 0 where there was none.
  float similarity = 0;
  float score = 0;
  std::shared_ptr<const SimilarVector> vector;  ///< May be null.
};

/// One candidate as `explain` shows it.
struct CandidateView {
  Digest key;
  std::string question;
  std::string canonical;
  /// False: not usable, or not among the `candidates_max` most similar ones; the numbers are zeros.
  bool compared = false;
  float similarity = 0;
  float score = 0;
  double threshold = 0;  ///< Which the score must reach; > 1: none does.
  struct Difference {
    std::string_view guard;
    std::string in_question;
    std::string in_candidate;
  };
  std::vector<Difference> differences;
  bool blocked = false;
  bool usable = true;
  std::optional<float> reranker;
};

/// A decision with everything that led to it.
struct Explanation {
  SimilarFound found;
  std::string canonical;
  std::vector<std::string> facts;  ///< "number 120 s", "negation not", …
  double threshold = 0;
  std::uint64_t scope_entries = 0;  ///< At most scan_max + 1 is counted exactly.
  bool embedded = false;
  std::vector<CandidateView> candidates;
};

/// The state of one namespace's error budget, for metrics and explain.
struct BudgetView {
  std::string name_space;
  double max_wrong_hits = 0;
  double threshold = 0;  ///< > 1: the tier is off.
  double estimate = 0;   ///< Wrong share of semantic hits, with its 95 % interval.
  double lower = 0, upper = 0;
  std::uint64_t hits = 0;
  double labels = 0, wrong_labels = 0;
  bool offline = true;  ///< Nothing but the offline table speaks.
  bool off = false;
};

struct SemanticStats {
  std::uint64_t lookups = 0, hits_canonical = 0, hits_verified = 0;
  std::uint64_t embedded = 0;         ///< Texts embedded for a look-up.
  std::uint64_t embedded_later = 0;   ///< Texts embedded in the background.
  std::uint64_t vectors_dropped = 0;  ///< Of another model.
  bool loading = false;
  VectorIndexStats index;
};

/// The semantic tiers: an answer given to other words, served where it is the answer to these words too. Thread-safe.
///
/// Use: LooksWorthwhile on the I/O thread; if true Find on a worker thread; after a miss whose answer was stored: Stored.
class SemanticTier {
 public:
  /// All outlive the tier but `index`, which it owns (null: scopes above scan_max are compared by canonical text only).
  struct Parts {
    Cache* cache = nullptr;
    EntryStore* store = nullptr;
    std::unique_ptr<VectorIndex> index;
    Embedder* words = nullptr;  ///< Quick: the built-in table, whose word vectors the built-in verifier was trained on.
    Embedder* model = nullptr;  ///< Null: `words` also makes the vectors of the index.
    /// A verifier trained with the word vectors of `model`, in the text form of docs/canonical.md; must name the model's id. Empty:
    /// all pairs are judged with the built-in word vectors and weights. Copied.
    std::string_view model_verifier;
    /// What `model_verifier` may listen to as well: the bytes of a pair net (docs/pair-net.md). Copied.
    std::string_view pair_net;
    PairScorer* reranker = nullptr;  ///< May be null.
    Clock* clock = nullptr;
    Logger* logger = nullptr;
    /// Runs work beside requests; false: no room now, tried again later.
    std::function<bool(std::function<void()>)> background;
  };
  /// Takes over the store's SetOnRemoved: call it before the store's first use. The destructor waits for the background job that
  /// runs, if any; jobs that have not begun by then do nothing, whenever they run.
  /// Returns: kInvalidArgument for an option, a missing part, a `model_verifier` or `pair_net` that cannot be read, is of another
  /// model or does not belong to the other, or an index whose dimension is not the embedder's; kNewerFormat; kCorrupt when the
  /// program's own verifier cannot be read.
  static Result<std::unique_ptr<SemanticTier>> Create(const SemanticOptions& options, Parts parts);
  virtual ~SemanticTier() = default;

  /// False where a look-up cannot find anything (the scope is empty): microseconds, for the I/O thread.
  virtual bool LooksWorthwhile(const Digest& scope) = 0;

  /// Never throws, never fails: trouble is a miss.
  virtual SimilarFound Find(const SimilarQuery& query) = 0;

  /// The same decision with its reasons; counts as nothing, serves nothing.
  virtual Explanation Explain(const SimilarQuery& query) = 0;

  /// After Cache::Insert took an entry with a scope. `vector` may be null.
  virtual void Stored(const EntryPtr& entry, std::shared_ptr<const SimilarVector> vector) = 0;

  /// After Cache::Purge, or with `rule.before_ms` alone after Cache::Clear: a shared index forgets the entries too. Quick.
  virtual void Purged(const PurgeRule& rule) = 0;

  /// The pair never matches again, in either direction, also after a restart: what is asked in `scope` with the canonical text of
  /// `question` and with that of the entry (`canonical`, as in Entry). Again: nothing more.
  /// Returns: as EntryStore::PutNote; kFull also while blocks of entries that are gone make room.
  virtual Result<void> Block(const Digest& scope, std::string_view question, const Digest& entry, const Digest& canonical) = 0;
  /// A caller's verdict on a semantic hit, a label of the namespace.
  virtual void Report(std::string_view name_space, bool wrong) = 0;

  /// The audited outcome of a served hit; see verify/budget.h. `control`: the cached question itself was asked again.
  virtual void Label(std::string_view name_space, bool wrong, bool control) = 0;

  /// Loads the index from the store, in the background; a shared index is not loaded.
  virtual void StartLoading() = 0;

  virtual SemanticStats Stats() const = 0;
  /// The busiest namespaces, at most `limit`.
  virtual std::vector<BudgetView> Budgets(std::size_t limit) const = 0;
  /// That of one namespace, or what would hold for it.
  virtual BudgetView Budget(std::string_view name_space) const = 0;
  /// Where the tiers are off because of too many wrong hits, by name. Quick.
  virtual std::vector<std::string> NamespacesOff() const = 0;
};

/// What a VectorIndex needs to read back the vectors that the tier keeps in `store` for an embedder with this id and dimension.
/// `store` outlives the result. Thread-safe as the store is.
VectorIndex::Fetch StoredVectors(EntryStore& store, std::string_view model_id, std::uint32_t dimension);

/// The digest under which an entry's canonical text is filed. Empty text gives the digest of nothing, never all zero.
Digest CanonicalDigest(std::string_view question);

}  // namespace reflex
