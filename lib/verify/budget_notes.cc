#include "verify/budget_notes.h"

#include <charconv>
#include <cstdint>
#include <span>
#include <utility>

#include "base/digest.h"

namespace reflex::verify {
namespace {

constexpr std::string_view kHeader = "reflex-budget";
constexpr std::size_t kVersion = 1;
// Far above what halving leaves.
constexpr double kCountMax = 1e6;
constexpr std::size_t kNoteBytesMax = 4096;

void AppendNumber(double value, std::string& out) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof text, value, std::chars_format::general, 12);
  out.append(" ").append(text, end);
}

std::string Header() { return std::string(kHeader) + " " + std::to_string(kVersion) + "\n"; }

std::unexpected<Error> Corrupt(std::string_view what) {
  return Fail(ErrorCode::kCorrupt, "a budget note is damaged: " + std::string(what));
}

// Lines of a keyword and values, in a fixed order. The first thing that is wrong is kept; what is read after it means nothing.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  // The rest of the next line, which must begin with `keyword`.
  std::string_view Take(std::string_view keyword) {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) return Wrong(keyword);
    std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    if (!line.starts_with(keyword)) return Wrong(keyword);
    line.remove_prefix(keyword.size());
    if (line.empty()) return line;
    if (!line.starts_with(' ')) return Wrong(keyword);
    return line.substr(1);
  }

  // As many numbers as `out` has room for, each from 0 to kCountMax.
  void TakeCounts(std::string_view keyword, std::span<double> out) {
    std::string_view line = Take(keyword);
    for (std::size_t i = 0; i < out.size(); ++i) {
      if (i > 0 && !line.starts_with(' ')) return void(Wrong(keyword));
      if (i > 0) line.remove_prefix(1);
      const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), out[i]);
      // Written so that NaN is refused.
      if (error != std::errc() || !(out[i] >= 0 && out[i] <= kCountMax)) return void(Wrong(keyword));
      line.remove_prefix(static_cast<std::size_t>(end - line.data()));
    }
    if (!line.empty()) Wrong(keyword);
  }

  std::size_t TakeWhole(std::string_view keyword, std::size_t max) {
    const std::string_view line = Take(keyword);
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
    if (line.empty() || error != std::errc() || end != line.data() + line.size() || value > max) Wrong(keyword);
    return value;
  }

  std::string_view Wrong(std::string_view keyword) {
    if (wrong_.empty()) wrong_ = keyword;
    return {};
  }
  bool TakeEnd() {
    if (!Take("end").empty() || !rest_.empty()) Wrong("end");
    return wrong_.empty();
  }
  // The keyword of the line that is wrong, or empty.
  std::string_view wrong() const { return wrong_; }

 private:
  std::string_view rest_, wrong_;
};

Result<void> TakeHeader(Lines& lines) {
  const std::size_t version = lines.TakeWhole(kHeader, SIZE_MAX);
  if (!lines.wrong().empty()) return Corrupt("its first line");
  if (version > kVersion) return Fail(ErrorCode::kNewerFormat, "a budget note has the form " + std::to_string(version));
  if (version != kVersion) return Corrupt("its version");
  return {};
}

std::string Hex(std::string_view bytes) { return base::ToHex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}); }

bool Unhex(std::string_view hex, std::string& out) {
  if (hex.size() % 2 != 0) return false;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(hex.data() + i, hex.data() + i + 2, byte, 16);
    if (error != std::errc() || end != hex.data() + i + 2) return false;
    out.push_back(static_cast<char>(byte));
  }
  return true;
}

}  // namespace

std::string BudgetKey(std::string_view name_space) { return "of/" + base::ToHex(base::HashBytes(name_space)); }

std::string WriteEstimate(const EstimateNote& note, const Ladder& ladder) {
  std::string out = Header() + "ladder " + ladder.fingerprint() + "\n";
  out.append(note.shared ? "shared\n" : "name " + Hex(note.name_space) + "\n");
  out.append("rung ").append(std::to_string(note.rung)).append("\ncounted");
  AppendNumber(note.counted, out);
  for (const Evidence::Cell& cell : note.cells) {
    out.append("\ncell");
    for (const double value : {cell.labels, cell.wrong, cell.audited}) AppendNumber(value, out);
  }
  return out.append("\nend\n");
}

Result<EstimateNote> ReadEstimate(std::string_view text, const Ladder& ladder) {
  if (text.size() > kNoteBytesMax) return Corrupt("it is too long");
  Lines lines(text);
  REFLEX_CHECK(TakeHeader(lines));
  const std::string_view fingerprint = lines.Take("ladder");
  if (!lines.wrong().empty()) return Corrupt("line \"ladder\"");
  if (fingerprint != ladder.fingerprint()) {
    return Fail(ErrorCode::kInvalidArgument, "a budget note is of other thresholds than those in force");
  }
  EstimateNote note;
  Lines as_shared = lines;
  note.shared = as_shared.Take("shared").empty() && as_shared.wrong().empty();
  if (note.shared) {
    lines = as_shared;
  } else if (!Unhex(lines.Take("name"), note.name_space)) {
    return Corrupt("line \"name\"");
  }
  note.rung = lines.TakeWhole("rung", ladder.size());
  lines.TakeCounts("counted", {&note.counted, 1});
  for (std::size_t rung = 0; rung < ladder.size(); ++rung) {
    double values[3] = {};
    lines.TakeCounts("cell", values);
    // A wrong label weighs at most 1 in either count.
    if (values[1] > note.counted + 1e-6 || values[0] > note.counted + 1e-6 || values[2] > note.counted + 1e-6) lines.Wrong("cell");
    note.cells.push_back({values[0], values[1], values[2]});
  }
  if (!lines.TakeEnd()) return Corrupt("line \"" + std::string(lines.wrong()) + "\"");
  return note;
}

std::string WriteControls(const Controls& controls) {
  std::string out = Header() + "controls";
  AppendNumber(controls.asked, out);
  AppendNumber(controls.wrong, out);
  return out.append("\nend\n");
}

Result<Controls> ReadControls(std::string_view text) {
  if (text.size() > kNoteBytesMax) return Corrupt("it is too long");
  Lines lines(text);
  REFLEX_CHECK(TakeHeader(lines));
  double values[2] = {};
  lines.TakeCounts("controls", values);
  if (!lines.TakeEnd() || values[1] > values[0]) return Corrupt("line \"controls\"");
  return Controls{.asked = values[0], .wrong = values[1]};
}

}  // namespace reflex::verify
