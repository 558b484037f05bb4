#include "store/limits.h"

#include <memory>
#include <string>
#include <utility>

namespace reflex::store {

Result<void> CheckNote(std::string_view key, std::string_view value) {
  if (key.empty() || key.size() > kNoteKeyBytesMax) {
    return Fail(ErrorCode::kInvalidArgument, "a note's key must be 1 to 128 bytes, not " + std::to_string(key.size()));
  }
  if (value.size() > kNoteValueBytesMax) {
    return Fail(ErrorCode::kTooLarge, "a note's value must be at most 4096 bytes, not " + std::to_string(value.size()));
  }
  return {};
}

Result<void> CheckVector(std::string_view bytes) {
  if (bytes.size() <= kVectorBytesMax) return {};
  return Fail(ErrorCode::kTooLarge, "a vector must be at most 256 KiB, not " + std::to_string(bytes.size()) + " bytes");
}

EntryPtr HeadOf(const Entry& entry) {
  auto head = std::make_shared<Entry>();
  head->key = entry.key;
  head->created_ms = entry.created_ms;
  head->expires_ms = entry.expires_ms;
  head->usage = entry.usage;
  head->model = entry.model;
  head->name_space = entry.name_space;
  head->tags = entry.tags;
  head->upstream_request_id = entry.upstream_request_id;
  head->scope = entry.scope;
  head->canonical = entry.canonical;
  head->question = entry.question;
  return head;
}

}  // namespace reflex::store
