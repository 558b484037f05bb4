// The few function bodies of include/reflex that are not inline.
#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "reflex/clock.h"
#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex {

std::string_view Name(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument: return "invalid-argument";
    case ErrorCode::kNotFound: return "not-found";
    case ErrorCode::kCorrupt: return "corrupt";
    case ErrorCode::kNewerFormat: return "newer-format";
    case ErrorCode::kFull: return "full";
    case ErrorCode::kBusy: return "busy";
    case ErrorCode::kUnavailable: return "unavailable";
    case ErrorCode::kTimeout: return "timeout";
    case ErrorCode::kCancelled: return "cancelled";
    case ErrorCode::kClosed: return "closed";
    case ErrorCode::kProtocol: return "protocol";
    case ErrorCode::kUnsupported: return "unsupported";
    case ErrorCode::kTooLarge: return "too-large";
    case ErrorCode::kIo: return "io";
    case ErrorCode::kInternal: return "internal";
  }
  return "unknown";
}

std::size_t Entry::MemoryBytes() const {
  std::size_t bytes = sizeof(Entry) + model.size() + name_space.size() + upstream_request_id.size() + reply.size() + layout.size() +
                      question.size();
  for (const std::string& tag : tags) bytes += sizeof(tag) + tag.size();
  return bytes;
}

bool PurgeRule::Matches(const Entry& entry) const {
  if (entry.created_ms > before_ms) return false;
  if (model && *model != entry.model) return false;
  if (name_space && *name_space != entry.name_space) return false;
  return !tag || std::find(entry.tags.begin(), entry.tags.end(), *tag) != entry.tags.end();
}

namespace {

template <class FindOne>
Result<std::vector<EntryPtr>> OneByOne(std::span<const Digest> keys, const FindOne& find_one) {
  std::vector<EntryPtr> entries;
  entries.reserve(keys.size());
  for (const Digest& key : keys) {
    REFLEX_TRY(EntryPtr entry, find_one(key));
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace

Result<void> EntryStore::CheckKeys(std::size_t count) {
  if (count <= kKeysMax) return {};
  return Fail(ErrorCode::kInvalidArgument, "a look-up takes at most 1024 keys, not " + std::to_string(count));
}

Result<std::vector<EntryPtr>> EntryStore::FindMany(std::span<const Digest> keys) {
  REFLEX_CHECK(CheckKeys(keys.size()));
  return OneByOne(keys, [this](const Digest& key) { return Find(key); });
}

Result<std::vector<EntryPtr>> EntryStore::FindHeads(std::span<const Digest> keys) {
  REFLEX_CHECK(CheckKeys(keys.size()));
  return OneByOne(keys, [this](const Digest& key) { return FindHead(key); });
}

Result<std::vector<std::string>> EntryStore::FindVectors(std::span<const Digest> keys) {
  REFLEX_CHECK(CheckKeys(keys.size()));
  std::vector<std::string> vectors;
  for (const Digest& key : keys) {
    REFLEX_TRY(std::string vector, FindVector(key));
    vectors.push_back(std::move(vector));
  }
  return vectors;
}

void EntryStore::ReadVectorsByLabel(std::span<const std::uint64_t> labels, const ReadVector& read) {
  for (const std::uint64_t label : labels) {
    ReadVectorByLabel(label, [&](std::string_view bytes) { read(label, bytes); });
  }
}

void EntryStore::SetOnNotice(OnNotice) {}

std::int64_t SystemClock::WallMs() const {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::int64_t SystemClock::SteadyNs() const {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace reflex
