#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

// Every number that bounds what one look-up and the work behind it may cost. What the operator sets is in SemanticOptions.
namespace reflex::cache {

// ---- One look-up's reads of the store: kCanonicalMax + scan_max or candidates_max heads, as many vectors with a model, and
// kServedMax whole entries; one note for each candidate that might be served.

// Entries with an equal canonical text that are looked at.
inline constexpr std::size_t kCanonicalMax = 4;
// Accepted candidates that are fetched whole, best first, until one is still there.
inline constexpr std::size_t kServedMax = 3;
// Candidates without the model's word vectors that are judged with them, best first, one embedding each, and the least built-in
// score of those. What scores less has never been accepted with the model's vectors either (docs/quality.md).
inline constexpr std::size_t kModelAskedMax = 2;
inline constexpr double kModelScoreMin = 0.05;
// Candidates that the last judge is asked about.
inline constexpr std::size_t kRerankedMax = 2;
// The grey band of the last judge: scores whose logit lies at most this far below the threshold's. It moves with the threshold, so
// that a namespace whose hits were wrong asks about fewer.
inline constexpr double kGreyLogits = 4;

// Bytes of candidates' texts that are read in a large scope, nearest first, once kReadAlways were. Reading a text takes a
// microsecond a word, most of a decision's time; this makes it about the same for questions of any length. What is near among long
// texts is very near, so that fewer are needed: bench/semantic_bench, docs/semantic.md.
inline constexpr std::size_t kReadBytesMax = 6 << 10;
inline constexpr std::size_t kReadAlways = 4;
// Beyond those, what is less similar than this is not read: of the pairs that are rightly accepted at 1 % FHR, out of fold, less
// than 1 % are (docs/quality.md), and few of those have four entries nearer.
inline constexpr float kSimilarityMin = 0.4f;

inline constexpr std::size_t kScanMax = 64;
inline constexpr std::size_t kCandidatesMax = 64;
inline constexpr std::size_t kQuestionBytesMax = 1 << 20;

// ---- The work behind.

// Entries just stored that wait for a place in the index, and the bytes of the vectors they bring along. Beyond the count an entry
// waits in the backlog; beyond the bytes it is embedded again.
inline constexpr std::size_t kFreshMax = 4096;
inline constexpr std::size_t kFreshBytesMax = 16 << 20;
// Entries that wait to be embedded. Beyond that they are found at the next start.
inline constexpr std::size_t kBacklogMax = 1'000'000;
// Members of one scope that are put there when the scope outgrows scan_max.
inline constexpr std::size_t kGrownMax = 10'000;
// Scopes remembered of which hardly a member has a vector, so that their members are not gone over again at each entry stored.
inline constexpr std::size_t kBarrenMax = 4096;
// Times a text is tried that the model had no time for, or an entry that the store did not give, or all scopes at start.
inline constexpr int kAttemptsMax = 5;
inline constexpr std::chrono::milliseconds kPause{200};
inline constexpr std::chrono::seconds kEmbedLimit{2};
// Entries one job handles before it makes room for others: with a quick embedder, with a model, when vectors are read at start.
inline constexpr std::size_t kSliceQuick = 256;
inline constexpr std::size_t kSliceModel = 4;
inline constexpr std::size_t kSliceLoad = 4096;
// Entries whose vectors are read at start.
inline constexpr std::size_t kLoadMax = 8'000'000;
// Removals that wait; beyond that the store's own thread does them.
inline constexpr std::size_t kRemovalsMax = 65'536;

// ---- Others.

inline constexpr std::chrono::seconds kBudgetSaveEvery{60};
// At most one line about failures in this time.
inline constexpr std::chrono::seconds kComplainEvery{10};

}  // namespace reflex::cache
