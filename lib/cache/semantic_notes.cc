#include "cache/semantic_notes.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/digest.h"

namespace reflex::cache {
namespace {

constexpr std::string_view kPrefix = "semantic/blocked/";

std::string_view View(const Digest& digest) { return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()}; }

// Whose answer was served. All zero, which is no entry's key, where the note says something else.
Digest EntryOf(std::string_view note) {
  Digest entry;
  if (note.size() == entry.bytes.size()) std::memcpy(entry.bytes.data(), note.data(), note.size());
  return entry;
}

}  // namespace

std::string BlockedPairs::Key(const QuestionPair& pair) {
  base::Sha256 hash;
  hash.UpdateField(View(pair.scope));
  hash.UpdateField(View(std::min(pair.one, pair.other)));
  hash.UpdateField(View(std::max(pair.one, pair.other)));
  return std::string(kPrefix).append(View(hash.Finish()));
}

Result<void> BlockedPairs::Block(const QuestionPair& pair, const Digest& entry) {
  const std::string key = Key(pair);
  const auto put = store_.PutNote(key, std::string(View(entry)));
  if (put || put.error().code != ErrorCode::kFull) return put;
  if (!forget_pace_.IsDue(clock_.SteadyNs())) return put;
  REFLEX_CHECK(ForgetGone());
  return store_.PutNote(key, std::string(View(entry)));
}

Result<void> BlockedPairs::ForgetGone() {
  std::vector<std::string> names;
  std::vector<Digest> entries;
  REFLEX_CHECK(store_.VisitNotes(kPrefix, [&](std::string_view key, std::string_view value) {
    names.emplace_back(key);
    entries.push_back(EntryOf(value));
    return true;
  }));
  for (std::size_t at = 0; at < names.size(); at += EntryStore::kKeysMax) {
    const std::size_t count = std::min(names.size() - at, EntryStore::kKeysMax);
    REFLEX_TRY(const auto heads, store_.FindHeads(std::span(entries).subspan(at, count)));
    for (std::size_t i = 0; i < count; ++i) {
      if (heads[i] == nullptr) REFLEX_CHECK(store_.EraseNote(names[at + i]));
    }
  }
  return {};
}

bool BlockedPairs::Has(const QuestionPair& pair) const {
  const auto note = store_.FindNote(Key(pair));
  return note.has_value() || note.error().code != ErrorCode::kNotFound;
}

}  // namespace reflex::cache
