#include "app/setting.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>
#include <type_traits>
#include <utility>

#include "app/settings.h"
#include "base/utf8.h"
#include "http/client.h"

namespace reflex::app {
namespace {

struct Unit {
  std::string_view name;  // In small letters.
  std::uint64_t size;
};

// Largest first: showing takes the first that divides.
constexpr std::array<Unit, 4> kByteUnits = {{{"tib", 1ull << 40}, {"gib", 1ull << 30}, {"mib", 1ull << 20}, {"kib", 1ull << 10}}};
constexpr std::array<Unit, 5> kDecimalUnits = {
    {{"tb", 1'000'000'000'000}, {"gb", 1'000'000'000}, {"mb", 1'000'000}, {"kb", 1'000}, {"b", 1}}};
constexpr std::array<Unit, 5> kTimeUnits = {{{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1'000}, {"ms", 1}}};

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

// A whole decimal number and nothing else.
std::optional<std::uint64_t> ParseCount(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A number and a unit, multiplied; nullopt when either is wrong or the product does not fit.
std::optional<std::uint64_t> ParseWithUnit(std::string_view text, std::span<const Unit> units, std::span<const Unit> more_units) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::optional<std::uint64_t> number = ParseCount(text.substr(0, digits));
  const std::string unit = Lower(Trim(text.substr(digits)));
  if (!number) return std::nullopt;
  for (const std::span<const Unit> table : {units, more_units}) {
    for (const Unit& known : table) {
      if (known.name != unit) continue;
      std::uint64_t product = 0;
      if (__builtin_mul_overflow(*number, known.size, &product) || product > std::numeric_limits<std::int64_t>::max())
        return std::nullopt;
      return product;
    }
  }
  return std::nullopt;
}

std::optional<bool> ParseBool(std::string_view text) {
  const std::string lower = Lower(text);
  for (const std::string_view yes : {"true", "on", "yes", "1"}) {
    if (lower == yes) return true;
  }
  for (const std::string_view no : {"false", "off", "no", "0"}) {
    if (lower == no) return false;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> ParseNumber(const Setting& setting, std::string_view text) {
  std::optional<std::uint64_t> number;
  switch (setting.kind) {
    case Kind::kBytes:
      if (const auto bytes = ParseBytes(text)) number = *bytes;
      break;
    case Kind::kDuration:
      if (const auto duration = ParseDuration(text)) number = static_cast<std::uint64_t>(duration->count());
      break;
    case Kind::kPercent:
      number = ParseCount(text.ends_with('%') ? Trim(text.substr(0, text.size() - 1)) : text);
      if (number && *number > 100) number.reset();
      break;
    default: number = ParseCount(text);
  }
  if (number && (*number < setting.min || *number > setting.max)) number.reset();
  return number;
}

constexpr double kMillionths = 1e6;

// A decimal number without exponent. "inf" and "nan" are read too: a range shuts them out.
std::optional<double> ParseFixed(std::string_view text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// A decimal number without sign and exponent, or a percentage.
std::optional<double> ParseShare(const Setting& setting, std::string_view text) {
  const bool percent = text.ends_with('%');
  if (percent) text = Trim(text.substr(0, text.size() - 1));
  const std::optional<double> number = ParseFixed(text);
  if (!number || text.front() == '-') return std::nullopt;
  const double share = percent ? *number / 100 : *number;
  const bool inside =
      share >= static_cast<double>(setting.min) / kMillionths && share <= static_cast<double>(setting.max) / kMillionths;
  return inside ? std::optional(share) : std::nullopt;
}

std::optional<double> ParseDecimal(const Setting& setting, std::string_view text) {
  const std::optional<double> number = ParseFixed(text);
  return number && *number >= setting.least && *number <= setting.most ? number : std::nullopt;
}

std::string ShowDecimal(double number) {
  char text[400];
  const auto [end, error] = std::to_chars(text, text + sizeof text, number, std::chars_format::fixed);
  return error == std::errc() ? std::string(text, end) : "0";
}

bool TextAllowed(const Setting& setting, std::string_view text) {
  // A control character (a NUL above all) would be cut off or echoed somewhere down the line.
  // Settings are shown as TOML, which knows nothing but UTF-8.
  if (!base::IsUtf8(text) || std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; })) return false;
  if (setting.kind == Kind::kUrl) return text.empty() || http::ParseBaseUrl(text).has_value();
  if (setting.kind == Kind::kChoice) {
    const std::vector<std::string> choices = SplitList(setting.choices, ' ');
    return std::ranges::find(choices, text) != choices.end();
  }
  return true;
}

// Visits the field; T is what the pointer points to.
template <class T>
Result<void> AssignOne(const Setting& setting, T& field, std::string_view text) {
  const auto refuse = [&] { return Fail(ErrorCode::kInvalidArgument, Allowed(setting)); };
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::filesystem::path>) {
    if (!TextAllowed(setting, text)) return refuse();
    field = std::string(text);
  } else if constexpr (std::is_same_v<T, bool>) {
    const std::optional<bool> value = ParseBool(text);
    if (!value) return refuse();
    field = *value;
  } else if constexpr (std::is_same_v<T, double>) {
    const std::optional<double> number = setting.kind == Kind::kShare ? ParseShare(setting, text) : ParseDecimal(setting, text);
    if (!number) return refuse();
    field = *number;
  } else if constexpr (!std::is_same_v<T, std::vector<std::string>>) {
    const std::optional<std::uint64_t> number = ParseNumber(setting, text);
    if (!number) return refuse();
    if constexpr (std::is_integral_v<T>) {
      if (*number > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return refuse();
      field = static_cast<T>(*number);
    } else {
      field = std::chrono::duration_cast<T>(std::chrono::milliseconds(*number));
      if (std::chrono::milliseconds(field).count() != static_cast<std::int64_t>(*number)) return refuse();
    }
  }
  return {};
}

std::string ShowNumber(Kind kind, std::uint64_t number) {
  if (kind == Kind::kBytes) return ShowBytes(number);
  return std::to_string(number);
}

// The value as pieces of plain text.
std::vector<std::string> Pieces(const Setting& setting, const Settings& settings) {
  // Only reads: the table's accessors take a non-const Settings so that one serves both ways.
  const Field field = setting.field(const_cast<Settings&>(settings));
  return std::visit(
      [&](const auto* value) -> std::vector<std::string> {
        using T = std::remove_cvref_t<decltype(*value)>;
        if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          return *value;
        } else if constexpr (std::is_same_v<T, std::string>) {
          return {*value};
        } else if constexpr (std::is_same_v<T, std::filesystem::path>) {
          return {value->string()};
        } else if constexpr (std::is_same_v<T, bool>) {
          return {*value ? "true" : "false"};
        } else if constexpr (std::is_same_v<T, double>) {
          return {ShowDecimal(*value)};
        } else if constexpr (std::is_integral_v<T>) {
          return {ShowNumber(setting.kind, static_cast<std::uint64_t>(*value))};
        } else {
          return {ShowDuration(std::chrono::duration_cast<std::chrono::milliseconds>(*value))};
        }
      },
      field);
}

std::string ShowBound(const Setting& setting, std::uint64_t bound) {
  if (setting.kind == Kind::kDuration) return ShowDuration(std::chrono::milliseconds(bound));
  if (setting.kind == Kind::kShare) return ShowDecimal(static_cast<double>(bound) / kMillionths);
  return ShowNumber(setting.kind, bound);
}

std::string Range(const Setting& setting) {
  const bool bounded = setting.max < static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (bounded) return " from " + ShowBound(setting, setting.min) + " to " + ShowBound(setting, setting.max);
  return setting.min > 0 ? ", at least " + ShowBound(setting, setting.min) : "";
}

}  // namespace

std::string Setting::EnvName() const {
  if (!env.empty()) return std::string(env);
  std::string name = "REFLEX_";
  for (const char c : key) name += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string Setting::FlagName() const {
  std::string name = "--" + Lower(EnvName().substr(std::string_view("REFLEX_").size()));
  std::ranges::replace(name, '_', '-');
  return name;
}

std::string Allowed(const Setting& setting) {
  if (!setting.form.empty()) return std::string(setting.form);
  switch (setting.kind) {
    case Kind::kText: return "text in UTF-8 without control characters";
    case Kind::kPath: return "a path; empty for none";
    case Kind::kUrl: return "an http:// or https:// base URL without user, query or fragment; empty switches it off";
    case Kind::kList: return "texts separated by commas (in the file an array of strings)";
    case Kind::kBool: return "true or false";
    case Kind::kCount: return "a whole number" + Range(setting);
    case Kind::kPercent: return "a percentage" + Range(setting);
    case Kind::kShare: return "a share such as 0.003 or \"0.3%\"" + Range(setting);
    case Kind::kDecimal: return "a decimal number from " + ShowDecimal(setting.least) + " to " + ShowDecimal(setting.most);
    case Kind::kBytes: return "a size such as \"64MiB\", \"8GiB\" or plain bytes" + Range(setting);
    case Kind::kDuration: return "a duration such as \"100ms\", \"10s\", \"5m\" or \"24h\"" + Range(setting);
    case Kind::kChoice: break;
  }
  std::string allowed;
  for (const std::string& choice : SplitList(setting.choices, ' ')) allowed += (allowed.empty() ? "" : ", ") + choice;
  return allowed;
}

Result<void> Assign(const Setting& setting, Settings& settings, const std::vector<std::string>& pieces) {
  const Field field = setting.field(settings);
  if (std::vector<std::string>* const* list = std::get_if<std::vector<std::string>*>(&field)) {
    if (!std::ranges::all_of(pieces, [&](const std::string& piece) { return TextAllowed(setting, piece); })) {
      return Fail(ErrorCode::kInvalidArgument, Allowed(setting));
    }
    **list = pieces;
    return {};
  }
  if (pieces.size() != 1) return Fail(ErrorCode::kInvalidArgument, Allowed(setting));
  const bool is_text = std::holds_alternative<std::string*>(field);
  const std::string_view text = is_text ? std::string_view(pieces[0]) : Trim(pieces[0]);
  return std::visit([&](auto* value) { return AssignOne(setting, *value, text); }, field);
}

std::string Show(const Setting& setting, const Settings& settings) {
  const std::vector<std::string> pieces = Pieces(setting, settings);
  if (setting.kind == Kind::kBool || setting.kind == Kind::kCount || setting.kind == Kind::kPercent ||
      setting.kind == Kind::kShare || setting.kind == Kind::kDecimal) {
    return pieces[0];
  }
  if (setting.kind != Kind::kList) return Quote(setting.secret && !pieces[0].empty() ? "[secret]" : pieces[0]);
  std::string list = "[";
  for (const std::string& piece : pieces) list += (list.size() > 1 ? ", " : "") + Quote(setting.secret ? "[secret]" : piece);
  return list + "]";
}

std::string ShowPlain(const Setting& setting, const Settings& settings) {
  std::string text;
  for (const std::string& piece : Pieces(setting, settings)) text += (text.empty() ? "" : ",") + piece;
  return setting.secret && !text.empty() ? "[secret]" : text;
}

std::string Quote(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + '"';
}

std::vector<std::string> SplitList(std::string_view text, char separator) {
  std::vector<std::string> pieces;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (const std::string_view piece = Trim(text.substr(0, end)); !piece.empty()) pieces.emplace_back(piece);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return pieces;
}

Result<std::uint64_t> ParseBytes(std::string_view text) {
  if (const auto number = ParseCount(text); number && *number <= std::numeric_limits<std::int64_t>::max()) return *number;
  if (const auto number = ParseWithUnit(text, kByteUnits, kDecimalUnits)) return *number;
  return Fail(ErrorCode::kInvalidArgument, "not a size: " + std::string(text));
}

Result<std::chrono::milliseconds> ParseDuration(std::string_view text) {
  const auto number = ParseWithUnit(text, kTimeUnits, {});
  if (!number) return Fail(ErrorCode::kInvalidArgument, "not a duration: " + std::string(text));
  return std::chrono::milliseconds(*number);
}

std::string ShowBytes(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 4> kNames = {"TiB", "GiB", "MiB", "KiB"};
  for (std::size_t i = 0; i < kByteUnits.size(); ++i) {
    if (bytes != 0 && bytes % kByteUnits[i].size == 0) return std::to_string(bytes / kByteUnits[i].size) + std::string(kNames[i]);
  }
  return std::to_string(bytes);
}

std::string ShowDuration(std::chrono::milliseconds duration) {
  const std::uint64_t count = static_cast<std::uint64_t>(duration.count());
  if (count == 0) return "0s";
  for (const Unit& unit : kTimeUnits) {
    // 24h reads better than 1d, and 300s better than nothing larger than it: days and minutes are shown only from two on.
    const bool shown = unit.name == "d" ? count >= 2 * unit.size : unit.name == "m" ? count >= 10 * unit.size : true;
    if (shown && count % unit.size == 0) return std::to_string(count / unit.size) + std::string(unit.name);
  }
  return std::to_string(count) + "ms";
}

}  // namespace reflex::app
