#include "gateway/client_keys.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/digest.h"
#include "base/files.h"
#include "gateway/blanks.h"

namespace reflex::gateway {
namespace {

constexpr std::uint64_t kFileBytesMax = 16 << 20;
constexpr std::size_t kGroupBytesMax = 64;
// A request with more tokens than this is not a client's; each costs a hash.
constexpr int kTokensMax = 8;
constexpr std::array<std::string_view, 4> kTokenHeaders = {"authorization", "api-key", "x-api-key", "x-goog-api-key"};

std::unexpected<Error> LineError(std::size_t line, std::string_view what) {
  return Fail(ErrorCode::kInvalidArgument,
              "line " + std::to_string(line) + ": " + std::string(what) +
                  "; a line is the SHA-256 of a token as 64 hexadecimal digits and, if it has one, a group "
                  "of 1 to 64 visible ASCII characters");
}

bool IsGroup(std::string_view text) {
  return text.size() <= kGroupBytesMax && std::ranges::all_of(text, [](char c) { return c > ' ' && c < 127; });
}

Result<void> AddLine(std::string_view line, std::size_t number, ClientKeyTable& table) {
  const std::size_t blank = line.find_first_of(kBlanks);
  const std::string_view hex = line.substr(0, blank);
  const std::string_view group = blank == std::string_view::npos ? std::string_view() : Trim(line.substr(blank));
  const Result<Digest> digest = base::DigestFromHex(hex);
  if (!digest) return LineError(number, digest.error().message);
  if (!IsGroup(group)) return LineError(number, "the group is not one word");
  if (!table.try_emplace(*digest, group).second) return LineError(number, "this token stands in an earlier line too");
  return {};
}

}  // namespace

Result<ClientKeyTable> ParseClientKeys(std::string_view text) {
  ClientKeyTable table;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    line = Trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    REFLEX_CHECK(AddLine(line, number, table));
  }
  return table;
}

std::string_view TokenIn(std::string_view name, std::string_view value) {
  constexpr std::string_view kScheme = "bearer ";
  if (!http::EqualsIgnoringCase(name, "authorization")) return value;
  if (value.size() < kScheme.size() || !http::EqualsIgnoringCase(value.substr(0, kScheme.size()), kScheme)) return {};
  return Trim(value.substr(kScheme.size()));
}

ClientKeys::ClientKeys(std::filesystem::path file, std::span<http::IoThread* const> threads)
    : file_(std::move(file)), slots_(threads.size()) {
  for (std::size_t i = 0; i < threads.size(); ++i) slots_[i].thread = threads[i];
}

Result<std::unique_ptr<ClientKeys>> ClientKeys::Open(std::filesystem::path file, std::span<http::IoThread* const> threads) {
  std::unique_ptr<ClientKeys> keys(new ClientKeys(std::move(file), threads));
  REFLEX_CHECK(keys->Reload());
  return keys;
}

Result<void> ClientKeys::Reload() {
  if (!required()) return {};
  REFLEX_TRY(const std::string text, base::ReadFile(file_, kFileBytesMax));
  Result<ClientKeyTable> table = ParseClientKeys(text);
  if (!table) return Fail(table.error().code, "client keys file " + file_.string() + ", " + table.error().message);
  auto shared = std::make_shared<const ClientKeyTable>(std::move(*table));
  base::MutexLock lock(mutex_);
  current_ = std::move(shared);
  // Release: a thread that sees the new number finds the new table under the lock.
  version_.fetch_add(1, std::memory_order_release);
  return {};
}

const std::shared_ptr<const ClientKeyTable>& ClientKeys::TableFor(const http::IoThread& thread, Slot& spare) {
  const auto found = std::ranges::find(slots_, &thread, &Slot::thread);
  Slot& slot = found == slots_.end() ? spare : *found;
  if (slot.table == nullptr || slot.version != version_.load(std::memory_order_acquire)) {
    base::MutexLock lock(mutex_);
    slot.table = current_;
    slot.version = version_.load(std::memory_order_relaxed);
  }
  return slot.table;
}

std::optional<ClientKeys::Found> ClientKeys::Match(const http::IoThread& thread, const http::RequestHead& head) {
  Slot spare;
  const std::shared_ptr<const ClientKeyTable>& table = TableFor(thread, spare);
  if (table == nullptr) return std::nullopt;
  std::optional<Found> match;
  int tokens = 0;
  const auto look_up = [&](std::string_view name, std::string_view value) {
    const std::string_view token = TokenIn(name, value);
    if (match || token.empty() || ++tokens > kTokensMax) return;
    const auto entry = table->find(base::HashBytes(token));
    if (entry == table->end()) return;
    match = Found{.group = entry->second, .token = token, .keys = nullptr};
    if (!entry->second.empty()) match->keys = table;
  };
  for (std::string_view name : kTokenHeaders) {
    for (const http::Header& header : head.headers) {
      if (!match && http::EqualsIgnoringCase(header.name, name)) look_up(name, header.value);
    }
  }
  if (!match) VisitQueryKeys(head.query, look_up);
  return match;
}

}  // namespace reflex::gateway
