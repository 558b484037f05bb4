#include "remote/json_numbers.h"

#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>

namespace reflex::remote {

std::optional<double> ReadNumber(const wire::json::Value& value) {
  if (!value.IsNumber()) return std::nullopt;
  const std::string_view text = value.raw();
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<std::vector<float>> ReadVector(const wire::json::Value& value, std::size_t dimension) {
  if (!value.IsArray() || value.size() != dimension) return std::nullopt;
  std::vector<float> vector;
  vector.reserve(dimension);
  for (const wire::json::Value element : value.elements()) {
    const auto number = ReadNumber(element);
    if (!number || !std::isfinite(static_cast<float>(*number))) return std::nullopt;
    vector.push_back(static_cast<float>(*number));
  }
  return vector;
}

void AppendVector(std::span<const float> vector, std::string& out) {
  out.push_back('[');
  char text[32];
  for (std::size_t i = 0; i < vector.size(); ++i) {
    if (i > 0) out.push_back(',');
    const auto written = std::to_chars(text, text + sizeof text, vector[i]);
    out.append(text, written.ptr);
  }
  out.push_back(']');
}

bool Normalize(std::vector<float>& vector) {
  double squares = 0;
  for (const float value : vector) squares += static_cast<double>(value) * static_cast<double>(value);
  if (!(squares > 0) || !std::isfinite(squares)) return false;
  const double length = std::sqrt(squares);
  for (float& value : vector) value = static_cast<float>(static_cast<double>(value) / length);
  return true;
}

}  // namespace reflex::remote
