#include "app/eval_report.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

#include "wire/error_body.h"

namespace reflex::app {
namespace {

std::string Format(const char* format, double value) {
  char text[64];
  const int size = std::snprintf(text, sizeof text, format, value);
  return std::string(text, static_cast<std::size_t>(std::max(size, 0)));
}

std::string ShareText(std::uint64_t k, std::uint64_t n) {
  std::string text = std::to_string(k) + " of " + std::to_string(n);
  if (n == 0) return text;
  const Interval interval = WilsonInterval(k, n);
  text.resize(std::max<std::size_t>(text.size(), 18), ' ');
  return text + Format("%7.2f %%", 100.0 * static_cast<double>(k) / static_cast<double>(n)) +
         Format("   [%.2f, ", 100 * interval.low) + Format("%.2f]", 100 * interval.high);
}

std::string ShareJson(std::uint64_t k, std::uint64_t n) {
  const Interval interval = WilsonInterval(k, n);
  const std::string share = n == 0 ? "null" : Format("%.6f", static_cast<double>(k) / static_cast<double>(n));
  return "{\"k\":" + std::to_string(k) + ",\"n\":" + std::to_string(n) + ",\"share\":" + share +
         Format(",\"low\":%.6f", interval.low) + Format(",\"high\":%.6f}", interval.high);
}

}  // namespace

Interval WilsonInterval(std::uint64_t k, std::uint64_t n) {
  if (n == 0) return {};
  constexpr double kZ = 1.96;
  const double count = static_cast<double>(n), share = static_cast<double>(k) / count;
  const double scale = 1 + kZ * kZ / count, center = share + kZ * kZ / (2 * count);
  const double width = kZ * std::sqrt(share * (1 - share) / count + kZ * kZ / (4 * count * count));
  return {.low = std::max(0.0, (center - width) / scale), .high = std::min(1.0, (center + width) / scale)};
}

void EvalReport::BeginGroup(std::string key, std::string title) {
  lines_.push_back({.kind = Kind::kGroup, .key = std::move(key), .label = std::move(title), .text = {}});
}

void EvalReport::AddText(std::string key, std::string label, std::string text) {
  lines_.push_back({.kind = Kind::kText, .key = std::move(key), .label = std::move(label), .text = std::move(text)});
}

void EvalReport::AddCount(std::string key, std::string label, std::uint64_t count) {
  lines_.push_back({.kind = Kind::kCount, .key = std::move(key), .label = std::move(label), .text = {}, .k = count});
}

void EvalReport::AddNumber(std::string key, std::string label, double number) {
  lines_.push_back({.kind = Kind::kNumber, .key = std::move(key), .label = std::move(label), .text = {}, .number = number});
}

void EvalReport::AddShare(std::string key, std::string label, std::uint64_t k, std::uint64_t n) {
  lines_.push_back({.kind = Kind::kShare, .key = std::move(key), .label = std::move(label), .text = {}, .k = k, .n = n});
}

std::string EvalReport::ToText() const {
  std::string page;
  bool grouped = false;
  for (const Line& line : lines_) {
    if (line.kind == Kind::kGroup) {
      grouped = !line.key.empty();
      if (grouped) page += "\n" + line.label + "\n";
      continue;
    }
    std::string label = (grouped ? "  " : "") + line.label;
    label.resize(std::max<std::size_t>(label.size() + 1, 40), ' ');
    page += label;
    switch (line.kind) {
      case Kind::kText: page += line.text; break;
      case Kind::kCount: page += std::to_string(line.k); break;
      case Kind::kNumber: page += Format("%.4g", line.number); break;
      default: page += ShareText(line.k, line.n);
    }
    page += "\n";
  }
  return page;
}

std::string EvalReport::ToJson() const {
  std::string out = "{";
  bool grouped = false;
  const auto separate = [&] {
    if (out.back() != '{') out += ",";
  };
  for (const Line& line : lines_) {
    if (line.kind == Kind::kGroup) {
      if (grouped) out += "}";
      grouped = !line.key.empty();
      if (grouped) separate();
      if (grouped) out += wire::JsonString(line.key) + ":{";
      continue;
    }
    separate();
    out += wire::JsonString(line.key) + ":";
    switch (line.kind) {
      case Kind::kText: out += wire::JsonString(line.text); break;
      case Kind::kCount: out += std::to_string(line.k); break;
      case Kind::kNumber: out += Format("%.6g", line.number); break;
      default: out += ShareJson(line.k, line.n);
    }
  }
  return out + (grouped ? "}}" : "}");
}

}  // namespace reflex::app
