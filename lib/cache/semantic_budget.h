#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/pace.h"
#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/logger.h"
#include "reflex/semantic_tier.h"
#include "verify/budget.h"
#include "verify/model.h"

namespace reflex::cache {

// Which score suffices in which namespace: verify::BudgetBook, kept in the store's notes under "semantic/budget/" and its steps in
// the log. Thread-safe.
class NamespaceBudgets {
 public:
  // All outlive the object. Reads the notes; one that cannot be used is logged and left. Returns as verify::BudgetBook::Create.
  static Result<std::unique_ptr<NamespaceBudgets>> Create(const SemanticOptions& options, const verify::Model& model,
                                                          EntryStore& store, Clock& clock, Logger& logger);
  ~NamespaceBudgets() { Save(); }

  double Threshold(std::string_view name_space) { return book_->Threshold(name_space); }
  void CountHit(std::string_view name_space) { book_->CountHit(name_space); }
  void Label(std::string_view name_space, bool wrong, bool control);
  void Feedback(std::string_view name_space, bool wrong);
  // The namespace without a name where there is none yet.
  std::vector<BudgetView> Busiest(std::size_t limit) const;
  BudgetView View(std::string_view name_space) const { return book_->View(name_space); }
  std::vector<std::string> NamespacesOff() const { return book_->NamespacesOff(); }

 private:
  NamespaceBudgets(std::unique_ptr<verify::BudgetBook> book, EntryStore& store, Clock& clock, Logger& logger);

  void Load();
  // Puts what changed into the store's queue.
  void Save();
  // At most once in kBudgetSaveEvery.
  void SaveIfDue();
  void Log(const verify::BudgetEvent& event);

  const std::unique_ptr<verify::BudgetBook> book_;
  EntryStore& store_;
  Clock& clock_;
  Logger& logger_;
  base::Pace save_pace_;
};

}  // namespace reflex::cache
