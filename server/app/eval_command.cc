#include "app/eval_command.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/eval_cosine.h"
#include "app/eval_features.h"
#include "app/eval_report.h"
#include "app/eval_rows.h"
#include "app/eval_run.h"
#include "app/eval_tier.h"
#include "app/lifecycle.h"
#include "app/models.h"
#include "app/progress_bar.h"
#include "app/remote_parts.h"
#include "base/files.h"
#include "base/metrics.h"
#include "base/worker_pool.h"
#include "reflex/clock.h"
#include "wire/error_body.h"

namespace reflex::app {
namespace {

using Decisions = std::span<const EvalDecision>;
// Rows named at most in a report.
constexpr std::size_t kNamedMax = 20;
// Services on other machines are asked one question at a time, and no time limit but this ends a trial's look-up.
constexpr std::size_t kServiceThreads = 1, kServiceQueueMax = 64;
constexpr std::chrono::milliseconds kServiceLimit{60'000};

// Trouble with files that are not there or are no such files is the caller's; all else is ours.
// ---- What --out writes.

std::string PredictionLine(EvalKind kind, const EvalDecision& decision) {
  const bool hit = decision.found.hit();
  std::string line = "{\"id\":" + decision.row->id + ",\"hit\":" + (hit ? "true" : "false");
  if (kind == EvalKind::kStream) {
    line += ",\"source\":" + (hit ? decision.found.source : "null");
    line += ",\"layer\":" + (hit ? wire::JsonString(ShortName(decision.found.layer)) : "null");
  }
  if (kind == EvalKind::kPairs) {
    char score[32];
    std::snprintf(score, sizeof score, "%.6f", decision.score);
    line += ",\"score\":" + std::string(score);
    line += ",\"reason\":" + wire::JsonString(hit ? LongName(decision.found.layer) : std::string_view(decision.found.reason));
  }
  return line + "}\n";
}

Result<void> WriteText(const std::string& path, const std::string& text) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
  if (!file) return std::unexpected(base::FileError("cannot write", path, errno));
  const bool written = std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() && std::fflush(file.get()) == 0;
  if (!written) return std::unexpected(base::FileError("cannot write", path, errno));
  return {};
}

std::string Predictions(EvalKind kind, Decisions decisions) {
  std::string text;
  for (const EvalDecision& decision : decisions) text += PredictionLine(kind, decision);
  return text;
}

// The verifier's own score of the candidate that came closest, and whether it was the right one.
std::string Scores(Decisions decisions) {
  std::string text = "score\tright\n";
  for (const EvalDecision& decision : decisions) {
    if (!decision.compared) continue;
    char line[48];
    std::snprintf(line, sizeof line, "%.6f\t%d\n", decision.found.score, decision.compared_same ? 1 : 0);
    text += line;
  }
  return text;
}

// ---- The report.

template <class Condition>
std::uint64_t Count(Decisions decisions, Condition condition) {
  return static_cast<std::uint64_t>(std::ranges::count_if(decisions, condition));
}

bool IsHit(const EvalDecision& decision) { return decision.found.hit(); }
bool IsSemantic(const EvalDecision& decision) { return decision.found.hit() && decision.found.layer != EvalFound::Layer::kExact; }
bool IsSame(const EvalDecision& decision) { return decision.row->label == EvalRow::Label::kSame; }
bool IsNear(const EvalDecision& decision) { return decision.row->category == "near_repeat"; }

void AddLayersAndReasons(Decisions decisions, EvalReport& report) {
  report.BeginGroup("layers", "Answered by");
  for (const auto layer : {EvalFound::Layer::kExact, EvalFound::Layer::kCanonical, EvalFound::Layer::kVerified}) {
    const auto count = Count(decisions, [&](const EvalDecision& d) { return d.found.layer == layer; });
    report.AddShare(std::string(ShortName(layer)), std::string(LongName(layer)), count, decisions.size());
  }
  std::map<std::string, std::uint64_t> reasons;
  for (const EvalDecision& decision : decisions) {
    if (!decision.found.hit()) ++reasons[decision.found.reason];
  }
  std::vector<std::pair<std::string, std::uint64_t>> sorted(reasons.begin(), reasons.end());
  std::ranges::sort(sorted,
                    [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; });
  report.BeginGroup("misses", "Misses by reason");
  for (const auto& [reason, count] : sorted) report.AddShare(reason, reason, count, decisions.size());
}

// Traps accepted and right answers found, over pairs of questions or requests.
void AddPairLabels(Decisions decisions, EvalReport& report) {
  const auto part = [&](auto which, auto of) {
    const auto n = Count(decisions, of);
    return std::pair(Count(decisions, [&](const EvalDecision& d) { return of(d) && which(d); }), n);
  };
  const auto add = [&](const char* key, const char* label, std::pair<std::uint64_t, std::uint64_t> share) {
    report.AddShare(key, label, share.first, share.second);
  };
  const auto different = [](const EvalDecision& d) { return !IsSame(d); };
  add("right", "decided right", part([](const EvalDecision& d) { return d.right; }, [](const EvalDecision&) { return true; }));
  add("false_hit_rate", "false hits (FHR)", part(IsHit, different));
  add("wrong_share", "wrong among hits (W)", part(different, IsHit));
  add("recall", "right hits", part(IsHit, IsSame));
  add("near_repeats", "  near repeats found", part(IsHit, [](const EvalDecision& d) { return IsSame(d) && IsNear(d); }));
  add("paraphrases", "  paraphrases found", part(IsHit, [](const EvalDecision& d) { return IsSame(d) && !IsNear(d); }));
}

void AddCategories(Decisions decisions, EvalReport& report) {
  struct Tally {
    std::uint64_t hits = 0, rows = 0;
  };
  std::map<std::pair<bool, std::string>, Tally> tallies;  // Traps first.
  for (const EvalDecision& decision : decisions) {
    if (decision.row->category.empty()) continue;
    Tally& tally = tallies[{IsSame(decision), decision.row->category}];
    ++tally.rows;
    tally.hits += decision.found.hit() ? 1 : 0;
  }
  for (const bool same : {false, true}) {
    report.BeginGroup(same ? "same" : "different", same ? "Found, by category" : "False hits, by category");
    for (const auto& [name, tally] : tallies) {
      if (name.first == same) report.AddShare(name.second, name.second, tally.hits, tally.rows);
    }
  }
}

void AddNamed(Decisions decisions, EvalReport& report) {
  std::string names;
  std::size_t count = 0;
  for (const EvalDecision& decision : decisions) {
    if (decision.right || count == kNamedMax) continue;
    names += (names.empty() ? "" : " ") + decision.row->id;
    ++count;
  }
  if (!names.empty()) report.AddText("wrong_ids", "decided wrong, the first " + std::to_string(count), names);
}

// Two texts that differ in spacing alone offer nothing new.
std::string OneSpaced(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    const bool space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!space) plain += c;
    if (space && !plain.empty() && plain.back() != ' ') plain += ' ';
  }
  if (plain.ends_with(' ')) plain.pop_back();
  return plain;
}

// What a stream offers and what was taken of it; words of docs/quality.md.
void AddStreamLabels(Decisions decisions, EvalReport& report) {
  std::set<std::string> classes, texts;
  std::set<std::pair<std::string, std::string>> phrases;
  std::uint64_t possible = 0, near = 0, near_right = 0, fresh = 0, fresh_right = 0, wrong = 0, wrong_semantic = 0;
  bool has_phrases = false;
  for (const EvalDecision& decision : decisions) {
    const EvalRow& row = *decision.row;
    const bool known = classes.contains(row.answer_class), exact = texts.contains(OneSpaced(row.a));
    const auto phrase = std::pair(row.answer_class, row.phrase);
    has_phrases = has_phrases || !row.phrase.empty();
    possible += known ? 1 : 0;
    if (known && !exact) {
      const bool is_near = phrases.contains(phrase);
      (is_near ? near : fresh) += 1;
      (is_near ? near_right : fresh_right) += decision.right ? 1 : 0;
    }
    if (decision.found.hit() && !decision.right) {
      ++wrong;
      wrong_semantic += IsSemantic(decision) ? 1 : 0;
    }
    classes.insert(row.answer_class);
    texts.insert(OneSpaced(row.a));
    phrases.insert(phrase);
  }
  const auto hits = Count(decisions, IsHit);
  report.AddShare("possible", "answerable from earlier rows", possible, decisions.size());
  report.AddShare("wrong_share", "wrong among hits (W)", wrong, hits);
  report.AddShare("wrong_share_semantic", "wrong among semantic hits", wrong_semantic, Count(decisions, IsSemantic));
  report.AddShare("error_rate", "wrong among requests (E)", wrong, decisions.size());
  report.AddShare("reuse", "right hits of the answerable", hits - wrong, possible);
  if (!has_phrases) return;
  report.AddShare("near_repeats", "near repeats found", near_right, near);
  report.AddShare("new_wordings", "new wordings found", fresh_right, fresh);
}

EvalReport MakeReport(EvalKind kind, Decisions decisions, const EvalRow& first, const Models& models, double seconds) {
  EvalReport report;
  report.AddText("kind", "kind", std::string(Name(kind)));
  report.AddText("embedder", "embedder", models.model ? models.model->model_id() : models.words.model_id());
  report.AddCount("rows", "rows", decisions.size());
  report.AddShare("hits", kind == EvalKind::kStream ? "hits (H)" : "hits", Count(decisions, IsHit), decisions.size());
  const bool pair_labels = first.label != EvalRow::Label::kNone;
  if (pair_labels) AddPairLabels(decisions, report);
  if (!first.answer_class.empty()) AddStreamLabels(decisions, report);
  report.AddNumber("seconds", "seconds", seconds);
  if (pair_labels && kind == EvalKind::kRequests) AddNamed(decisions, report);
  AddLayersAndReasons(decisions, report);
  if (pair_labels) AddCategories(decisions, report);
  return report;
}

// ---- The run.

Result<std::vector<EvalDecision>> Decide(const EvalRequest& request, EvalTier& tier, std::span<const EvalRow> rows,
                                         const Settings& settings, Embedder& main) {
  ProgressBar bar(std::string(Name(request.kind)), rows.size());
  EvalRun run;
  run.semantic_with_tools = settings.gateway.semantic_with_tools;
  run.want_scores = !request.scores.empty();
  run.progress = [&bar](std::size_t done) { bar.Show(done); };
  if (request.cosine) return EvalByCosine(request.kind, rows, main, *request.cosine, run);
  switch (request.kind) {
    case EvalKind::kPairs: return EvalPairs(tier, rows, run);
    case EvalKind::kStream: return EvalStream(tier, rows, run);
    case EvalKind::kRequests: return EvalRequests(tier, rows, run);
  }
  return std::vector<EvalDecision>();
}

class StderrWarnings final : public Logger {
 public:
  void Log(LogLevel level, std::string_view line) override {
    if (level < LogLevel::kWarning) return;
    std::fprintf(stderr, "reflex: %.*s\n", static_cast<int>(line.size()), line.data());
  }
};

// What judges, each part declared after those it uses.
struct EvalParts {
  StderrWarnings logger;
  SystemClock clock;
  base::MetricsRegistry metrics;
  base::WorkerPool pool{kServiceThreads, kServiceQueueMax, 0};
  std::unique_ptr<RemoteParts> remote;  // Null: every part is in this process.
  std::unique_ptr<Models> models;

  // What the pair's words are judged with: a service gives vectors of whole texts alone.
  Embedder& words() { return models->main().has_words() ? models->main() : static_cast<Embedder&>(models->words); }
};

// As for serve, but that a file of the command line goes before a service, and the index is this process's own.
Result<void> OpenParts(const EvalRequest& request, const Settings& settings, EvalParts& parts) {
  ModelSettings files = settings.models;
  RemoteSettings services = settings.remote;
  services.qdrant.url.clear();
  if (!request.model.empty()) {
    files.path = request.model;
    services.embedder.url.clear();
  }
  if (!request.reranker.empty()) {
    files.reranker_path = request.reranker;
    services.reranker.url.clear();
  }
  services.embedder_options.time_limit = services.reranker_options.time_limit = kServiceLimit;
  REFLEX_TRY(parts.models, OpenModels(files));
  if (!settings.gateway.canonical_tier) return {};
  REFLEX_TRY(parts.remote, RemoteParts::Open(services, {parts.pool, parts.metrics, parts.clock, parts.logger}));
  return parts.remote ? parts.remote->AddTo(*parts.models) : Result<void>();
}

Result<void> Evaluate(const EvalRequest& request, const Settings& settings) {
  REFLEX_TRY(const std::string text, base::ReadFile(request.file, kEvalBytesMax));
  REFLEX_TRY(const std::vector<EvalRow> rows, ReadEvalRows(request.kind, request.file, text));
  EvalParts parts;
  REFLEX_CHECK(OpenParts(request, settings, parts));
  if (!request.features.empty()) {
    REFLEX_CHECK(WriteFeatures(request.features, rows, parts.words()));
  }
  if (!request.tokens.empty()) {
    REFLEX_CHECK(WriteTokens(request.tokens, rows, parts.words()));
  }
  // For training; judging the pairs as well would embed them once more.
  if ((!request.features.empty() || !request.tokens.empty()) && request.out.empty() && request.scores.empty()) return {};
  const bool semantic = settings.gateway.canonical_tier;
  REFLEX_TRY(const std::unique_ptr<EvalTier> tier,
             EvalTier::Create(settings.semantic, semantic, *parts.models, rows.size(), parts.logger));

  const auto started = std::chrono::steady_clock::now();
  REFLEX_TRY(const std::vector<EvalDecision> decisions, Decide(request, *tier, rows, settings, parts.models->main()));
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (!request.out.empty()) {
    REFLEX_CHECK(WriteText(request.out, Predictions(request.kind, decisions)));
  }
  if (!request.scores.empty()) {
    REFLEX_CHECK(WriteText(request.scores, Scores(decisions)));
  }
  const EvalReport report = MakeReport(request.kind, decisions, rows.front(), *parts.models, seconds);
  const std::string page = request.json ? report.ToJson() + "\n" : report.ToText();
  std::fwrite(page.data(), 1, page.size(), stdout);
  if (std::fflush(stdout) != 0) return Fail(ErrorCode::kIo, "the report could not be written");
  return {};
}

}  // namespace

int RunEval(const CommandLine& line, const Settings& settings) {
  const Result<void> done = Evaluate(line.eval, settings);
  return done ? kExitDone : Failed(done.error());
}

}  // namespace reflex::app
