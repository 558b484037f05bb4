#include "redis/purges.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace reflex::redis {
namespace {

void AppendCondition(const std::optional<std::string>& condition, std::string& out) {
  if (!condition) {
    out.push_back('-');
    return;
  }
  out.append(std::to_string(condition->size())).append(":").append(*condition);
}

bool TakeCondition(std::string_view& text, std::optional<std::string>& condition) {
  if (text.starts_with('-')) {
    text.remove_prefix(1);
    return true;
  }
  std::size_t size = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), size);
  if (error != std::errc() || end == text.data() + text.size() || *end != ':') return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()) + 1);
  if (size > text.size()) return false;
  condition = std::string(text.substr(0, size));
  text.remove_prefix(size);
  return true;
}

template <class Number>
bool TakeNumber(std::string_view& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (text.starts_with(' ')) text.remove_prefix(1);
  return true;
}

std::optional<PurgeAtWork> RuleFrom(std::string_view conditions, std::string_view value) {
  PurgeAtWork work;
  work.conditions = conditions;
  work.stored = value;
  if (!TakeCondition(conditions, work.rule.model) || !TakeCondition(conditions, work.rule.name_space) ||
      !TakeCondition(conditions, work.rule.tag) || !conditions.empty()) {
    return std::nullopt;
  }
  if (!TakeNumber(value, work.generation) || !TakeNumber(value, work.rule.before_ms) || !TakeNumber(value, work.asked_ms)) {
    return std::nullopt;
  }
  return work;
}

}  // namespace

bool Purges::Hides(const Entry& head, std::uint64_t stamp) const {
  if (stamp < cleared) return true;
  return std::any_of(rules.begin(), rules.end(),
                     [&](const PurgeAtWork& work) { return stamp < work.generation && work.rule.Matches(head); });
}

std::string ConditionsOf(const PurgeRule& rule) {
  std::string conditions;
  AppendCondition(rule.model, conditions);
  AppendCondition(rule.name_space, conditions);
  AppendCondition(rule.tag, conditions);
  return conditions;
}

Purges PurgesFrom(const Value& reply) {
  Purges purges;
  for (std::size_t i = 0; i + 1 < reply.items.size(); i += 2) {
    const std::string& name = reply.items[i].text;
    std::string_view value = reply.items[i + 1].text;
    if (name == "g") {
      (void)TakeNumber(value, purges.generation);
    } else if (name == "c") {
      (void)TakeNumber(value, purges.cleared);
    } else if (name.starts_with('r')) {
      if (auto rule = RuleFrom(std::string_view(name).substr(1), value)) purges.rules.push_back(std::move(*rule));
    }
  }
  return purges;
}

std::shared_ptr<const Purges> PurgeBook::Look() const {
  const base::MutexLock lock(mutex_);
  return purges_;
}

std::uint64_t PurgeBook::Ask() {
  const base::MutexLock lock(mutex_);
  return ++asked_;
}

void PurgeBook::Replace(std::uint64_t asked, Purges purges) {
  auto fresh = std::make_shared<const Purges>(std::move(purges));
  const base::MutexLock lock(mutex_);
  highest_ = std::max(highest_, fresh->generation);
  if (asked < replaced_) return;
  replaced_ = asked;
  purges_ = std::move(fresh);
}

std::uint64_t PurgeBook::Highest() const {
  const base::MutexLock lock(mutex_);
  return highest_;
}

void PurgeBook::See(std::uint64_t generation) {
  const base::MutexLock lock(mutex_);
  highest_ = std::max(highest_, generation);
}

}  // namespace reflex::redis
