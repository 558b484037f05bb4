#include "cloud/names.h"

#include <algorithm>
#include <cctype>

#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

constexpr std::size_t kNameBytesMax = 255;
// Of a whole key, S3 and GCS alike.
constexpr std::size_t kKeyBytesMax = 1024;

std::unexpected<Error> Refuse(std::string_view text, std::string_view why) {
  return Fail(ErrorCode::kInvalidArgument, "target " + JsonQuote(text) + " " + std::string(why) +
                                               "; allowed: file:///path, gs://bucket/prefix, s3://bucket/prefix");
}

// What GCS and S3 both take: lower-case letters, digits, '-', '.', and on GCS '_'.
bool IsBucket(std::string_view name) {
  const auto edge = [](unsigned char c) { return std::islower(c) != 0 || std::isdigit(c) != 0; };
  if (name.size() < 3 || name.size() > 222 || !edge(name.front()) || !edge(name.back())) return false;
  return std::ranges::all_of(name, [&](unsigned char c) { return edge(c) || c == '-' || c == '.' || c == '_'; });
}

bool IsPrintable(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

// No empty, "." or ".." step: servers and proxies normalise them, and a signature then fits another path.
bool HasPlainSteps(std::string_view path) {
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view step = path.substr(0, slash);
    if (step.empty() || step == "." || step == "..") return false;
    path.remove_prefix(std::min(slash + 1, path.size()));
  }
  return true;
}

}  // namespace

Result<void> CheckObjectName(std::string_view name) {
  const bool printable = std::ranges::all_of(name, [](unsigned char c) { return c >= 0x20 && c < 0x7f && c != '/'; });
  if (!name.empty() && name.size() <= kNameBytesMax && name.front() != '.' && printable) return {};
  return Fail(ErrorCode::kInvalidArgument,
              "object name " + JsonQuote(name) +
                  " is not allowed; allowed: 1 to 255 bytes of printable ASCII without '/', not beginning with '.'");
}

void SortNewestFirst(std::vector<ObjectInfo>& objects) {
  std::ranges::sort(objects, [](const ObjectInfo& a, const ObjectInfo& b) {
    return a.modified_ms != b.modified_ms ? a.modified_ms > b.modified_ms : a.name > b.name;
  });
}

Result<Target> ParseTarget(std::string_view text) {
  const std::string_view whole = text;
  while (text.size() > std::string_view("file:///").size() && text.ends_with('/')) text.remove_suffix(1);
  Target target;
  target.text = text;
  if (text.starts_with("file://")) {
    target.place = text.substr(7);
    if (!target.place.starts_with('/')) return Refuse(whole, "needs an absolute path after file://");
    if (target.place.find('\0') != std::string::npos) return Refuse(whole, "has a zero byte in its path");
    return target;
  }
  if (!text.starts_with("gs://") && !text.starts_with("s3://")) return Refuse(whole, "is of no known kind");
  target.kind = text.starts_with("gs://") ? Target::Kind::kGoogle : Target::Kind::kS3;
  text.remove_prefix(5);
  const std::size_t slash = std::min(text.find('/'), text.size());
  target.place = text.substr(0, slash);
  if (!IsBucket(target.place)) return Refuse(whole, "has no bucket name after its //: 3 to 222 of a-z, 0-9, '-', '.', '_'");
  const std::string_view prefix = text.substr(std::min(slash + 1, text.size()));
  if (!IsPrintable(prefix) || !HasPlainSteps(prefix))
    return Refuse(whole, "has spaces, control bytes or empty steps in its prefix");
  if (prefix.size() + 1 + kNameBytesMax > kKeyBytesMax) return Refuse(whole, "has too long a prefix: at most 768 bytes");
  if (!prefix.empty()) target.prefix = std::string(prefix) + "/";
  return target;
}

}  // namespace reflex::cloud
