#include "cache/semantic_budget.h"

#include <cstdio>
#include <string>
#include <utility>

#include "base/log_text.h"
#include "cache/semantic_limits.h"

namespace reflex::cache {
namespace {

constexpr std::string_view kPrefix = "semantic/budget/";

std::string_view Name(verify::BudgetEvent::Kind kind) {
  using Kind = verify::BudgetEvent::Kind;
  switch (kind) {
    case Kind::kTightened: return "tightened";
    case Kind::kRelaxed: return "relaxed";
    case Kind::kOff: return "off";
    case Kind::kOn: return "on";
    case Kind::kReportOnly: return "report-only";
    case Kind::kLabelsCount: return "labels-count";
  }
  return "";
}

}  // namespace

NamespaceBudgets::NamespaceBudgets(std::unique_ptr<verify::BudgetBook> book, EntryStore& store, Clock& clock, Logger& logger)
    : book_(std::move(book)),
      store_(store),
      clock_(clock),
      logger_(logger),
      save_pace_(kBudgetSaveEvery, clock.SteadyNs() + std::chrono::nanoseconds(kBudgetSaveEvery).count()) {}

Result<std::unique_ptr<NamespaceBudgets>> NamespaceBudgets::Create(const SemanticOptions& options, const verify::Model& model,
                                                                   EntryStore& store, Clock& clock, Logger& logger) {
  REFLEX_TRY(auto book, verify::BudgetBook::Create({.max_wrong_hits = options.max_wrong_hits, .table = model.table()}));
  std::unique_ptr<NamespaceBudgets> budgets(new NamespaceBudgets(std::move(book), store, clock, logger));
  budgets->Load();
  return budgets;
}

void NamespaceBudgets::Load() {
  std::size_t left = 0;
  std::string why;
  const auto visited = store_.VisitNotes(kPrefix, [&](std::string_view key, std::string_view value) {
    const auto loaded = book_->Load(key.substr(kPrefix.size()), value);
    if (!loaded && left++ == 0) why = loaded.error().message;
    return true;
  });
  if (!visited) why = visited.error().message;
  if (why.empty()) return;
  logger_.Log(LogLevel::kWarning, "semantic_budget_notes_ignored count=" + std::to_string(left) + " first=" + base::Quoted(why));
}

void NamespaceBudgets::Save() {
  auto changes = book_->Save();
  bool kept = true;
  std::erase_if(changes.erase, [&](const std::string& key) { return store_.EraseNote(std::string(kPrefix) + key).has_value(); });
  for (auto& [key, value] : changes.put) kept = store_.PutNote(std::string(kPrefix) + key, std::move(value)).has_value() && kept;
  if (!kept || !changes.erase.empty()) book_->SaveAgain(std::move(changes.erase));
}

void NamespaceBudgets::SaveIfDue() {
  if (save_pace_.IsDue(clock_.SteadyNs())) Save();
}

void NamespaceBudgets::Label(std::string_view name_space, bool wrong, bool control) {
  if (const auto event = book_->Label(name_space, std::nullopt, wrong, control)) Log(*event);
  SaveIfDue();
}

void NamespaceBudgets::Feedback(std::string_view name_space, bool wrong) {
  if (const auto event = book_->Feedback(name_space, std::nullopt, wrong)) Log(*event);
  SaveIfDue();
}

std::vector<BudgetView> NamespaceBudgets::Busiest(std::size_t limit) const {
  std::vector<BudgetView> views = book_->Busiest(limit);
  if (views.empty() && limit > 0) views.push_back(book_->View(""));
  return views;
}

void NamespaceBudgets::Log(const verify::BudgetEvent& event) {
  using Kind = verify::BudgetEvent::Kind;
  const bool bad = event.kind == Kind::kOff || event.kind == Kind::kReportOnly;
  char numbers[96];
  const int size = std::snprintf(numbers, sizeof numbers, " from=%.4f to=%.4f upper=%.5f", event.from, event.to, event.upper);
  logger_.Log(bad ? LogLevel::kWarning : LogLevel::kInfo, "semantic_budget change=" + std::string(Name(event.kind)) +
                                                              " namespace=" + base::Quoted(event.name_space) +
                                                              std::string(numbers, static_cast<std::size_t>(size)));
}

}  // namespace reflex::cache
