#include "store/rules.h"

#include <algorithm>
#include <utility>

#include "store/limits.h"

namespace reflex::store {
namespace {

bool SameConditions(const PurgeRule& a, const PurgeRule& b) {
  return a.model == b.model && a.name_space == b.name_space && a.tag == b.tag;
}

}  // namespace

RuleBook::View RuleBook::Look() const {
  View view;
  if (count_.load(std::memory_order_acquire) == 0) return view;
  base::MutexLock lock(mutex_);
  view.rules_ = rules_;
  return view;
}

bool RuleBook::View::HidesPending(const Entry& head, std::uint64_t order) const {
  return rules_ != nullptr &&
         std::ranges::any_of(*rules_, [&](const AtWork& at) { return order < at.order && at.rule.Matches(head); });
}

bool RuleBook::View::HidesStored(const Entry& head, std::uint64_t first_id) const {
  return rules_ != nullptr &&
         std::ranges::any_of(*rules_, [&](const AtWork& at) { return first_id < at.until_id && at.rule.Matches(head); });
}

void RuleBook::Write(Rules rules) {
  const std::size_t count = rules.size();
  rules_ = std::make_shared<const Rules>(std::move(rules));
  count_.store(count, std::memory_order_release);
}

Result<std::uint64_t> RuleBook::Add(const PurgeRule& rule, std::uint64_t order, Removed removed) {
  base::MutexLock lock(mutex_);
  Rules rules = *rules_;
  auto same = std::ranges::find_if(rules, [&](const AtWork& other) {
    return !other.in_pass && other.rule.before_ms <= rule.before_ms && SameConditions(other.rule, rule);
  });
  if (same == rules.end()) {
    if (rules.size() >= kRulesMax) return Fail(ErrorCode::kFull, "1,000 purges are at work, the most there may be; ask again soon");
    AtWork added;
    added.id = next_id_++;
    rules.push_back(std::move(added));
    same = rules.end() - 1;
  }
  same->rule = rule;
  same->order = std::max(same->order, order);
  same->until_id = kAll;
  const std::uint64_t id = same->id;
  if (removed) callers_.push_back({id, std::move(removed)});
  Write(std::move(rules));
  return id;
}

void RuleBook::Load(std::uint64_t number, const StoredRule& stored) {
  base::MutexLock lock(mutex_);
  Rules rules = *rules_;
  rules.push_back({.id = next_id_++, .until_id = stored.until_id, .number = number, .rule = stored.rule});
  Write(std::move(rules));
}

std::optional<RuleBook::AtWork> RuleBook::Find(std::uint64_t id) const {
  base::MutexLock lock(mutex_);
  const auto found = std::ranges::find(*rules_, id, &AtWork::id);
  return found != rules_->end() ? std::optional(*found) : std::nullopt;
}

void RuleBook::Applied(std::uint64_t id, std::uint64_t order, std::uint64_t number, std::uint64_t until_id) {
  base::MutexLock lock(mutex_);
  Rules rules = *rules_;
  const auto found = std::ranges::find(rules, id, &AtWork::id);
  if (found == rules.end()) return;
  found->number = number;
  if (found->order == order) found->until_id = until_id;
  Write(std::move(rules));
}

std::vector<RuleBook::AtWork> RuleBook::BeginPass() {
  std::vector<AtWork> pass;
  if (count_.load(std::memory_order_acquire) == 0) return pass;
  base::MutexLock lock(mutex_);
  Rules rules = *rules_;
  for (AtWork& at : rules) {
    if (at.until_id == kAll) continue;
    at.in_pass = true;
    pass.push_back(at);
  }
  if (!pass.empty()) Write(std::move(rules));
  return pass;
}

std::vector<std::pair<std::uint64_t, std::uint64_t>> RuleBook::Restart() {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> all;
  base::MutexLock lock(mutex_);
  Rules rules = *rules_;
  for (AtWork& at : rules) {
    at.until_id = kAll;
    at.number = 0;
    at.in_pass = false;
    all.emplace_back(at.id, at.order);
  }
  if (!all.empty()) Write(std::move(rules));
  return all;
}

void RuleBook::Finish(const std::vector<Done>& done) {
  std::vector<std::pair<Removed, std::uint64_t>> calls;
  {
    base::MutexLock lock(mutex_);
    Rules rules = *rules_;
    for (const Done& one : done) {
      std::erase_if(rules, [&](const AtWork& at) { return at.id == one.id; });
      for (Caller& caller : callers_) {
        if (caller.id == one.id) calls.emplace_back(std::move(caller.removed), one.removed);
      }
      std::erase_if(callers_, [&](const Caller& caller) { return caller.id == one.id; });
    }
    Write(std::move(rules));
  }
  for (const auto& [removed, count] : calls) removed(count);
}

}  // namespace reflex::store
