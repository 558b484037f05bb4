#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "inference/probe.h"

namespace reflex::inference {
namespace {

constexpr std::size_t kReportBytesMax = 64 * 1024;
// Eleven days. A longer time is no time, and its digits have no room.
constexpr double kMillisecondsMax = 1e9;

// A name from a file becomes one line.
std::string OneLine(std::string_view text) {
  std::string line(text.substr(0, 200));
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return line;
}

// Calls visit(key, field) for each field, in order.
template <class Report, class Visit>
void ForEachField(Report& report, const Visit& visit) {
  visit("architecture", report.architecture);
  visit("name", report.name);
  visit("pooling", report.pooling);
  visit("sha256", report.sha256);
  visit("bytes", report.bytes);
  visit("dimension", report.dimension);
  visit("window", report.window);
  visit("pieces", report.pieces);
  visit("load_ms", report.load_ms);
  visit("sample_ms", report.sample_ms);
}
constexpr std::size_t kFields = 10;

bool Parse(std::string_view text, std::string& field) {
  field = text;
  return true;
}

bool Parse(std::string_view text, double& field) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), field, std::chars_format::fixed);
  return error == std::errc() && end == text.data() + text.size() && field >= 0 && field <= kMillisecondsMax;
}

template <class Whole>
bool Parse(std::string_view text, Whole& field) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), field);
  return error == std::errc() && end == text.data() + text.size();
}

std::string Print(const std::string& field) { return OneLine(field); }
std::string Print(double field) {
  std::array<char, 64> text;
  const auto end =
      std::to_chars(text.data(), text.data() + text.size(), std::clamp(field, 0.0, kMillisecondsMax), std::chars_format::fixed, 3)
          .ptr;
  return {text.data(), end};
}
template <class Whole>
std::string Print(Whole field) {
  return std::to_string(field);
}

}  // namespace

std::string FormatReport(const ModelReport& report) {
  std::string text;
  ForEachField(report,
               [&](std::string_view key, const auto& field) { text.append(key).append(" ").append(Print(field)).append("\n"); });
  return text;
}

Result<ModelReport> ParseReport(std::string_view text) {
  if (text.size() > kReportBytesMax) return Fail(ErrorCode::kProtocol, "model report: longer than 64 KiB");
  ModelReport report;
  std::array<bool, kFields> seen{};
  for (std::size_t line_number = 1; !text.empty(); ++line_number) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    const std::size_t space = std::min(line.find(' '), line.size());
    const std::string_view value = line.substr(std::min(space + 1, line.size()));
    bool known = false, good = false;
    std::size_t index = 0;
    ForEachField(report, [&](std::string_view key, auto& field) {
      if (line.substr(0, space) == key && !seen[index]) {
        known = true;
        good = Parse(value, field);
        seen[index] = true;
      }
      ++index;
    });
    if (!known || !good)
      return Fail(ErrorCode::kProtocol, "model report: line " + std::to_string(line_number) + " is not understood");
  }
  std::size_t index = 0;
  std::string missing;
  ForEachField(report, [&](std::string_view key, const auto&) {
    if (!seen[index++] && missing.empty()) missing = key;
  });
  if (!missing.empty()) return Fail(ErrorCode::kProtocol, "model report: " + missing + " is missing");
  return report;
}

}  // namespace reflex::inference
