#include "store/pieces.h"

#include <cstring>
#include <string_view>
#include <utility>

#include <lmdb.h>

namespace reflex::store {

int ReadPieces(MDB_cursor* values, const KeyRecord& record, std::uint64_t bytes_max, std::string& bytes) {
  std::uint64_t id = record.first_id;
  MDB_val key{sizeof id, &id}, data{};
  int code = mdb_cursor_get(values, &key, &data, MDB_SET_KEY);
  for (std::uint32_t piece = 0; code == 0; code = mdb_cursor_get(values, &key, &data, MDB_NEXT)) {
    std::uint64_t found;
    std::memcpy(&found, key.mv_data, sizeof found);
    if (found != record.first_id + piece || bytes.size() + data.mv_size > record.bytes) return MDB_NOTFOUND;
    if (piece == 0) bytes.reserve(record.pieces == 1 || bytes_max < record.bytes ? data.mv_size : record.bytes);
    bytes.append(static_cast<const char*>(data.mv_data), data.mv_size);
    if (++piece == record.pieces || bytes.size() >= bytes_max) return 0;
  }
  return code;
}

std::optional<Entry> ReadHead(MDB_cursor* values, const Digest& key, const KeyRecord& record) {
  std::string bytes;
  for (std::uint64_t want = 1;; want = bytes.size() * 2) {
    bytes.clear();
    if (ReadPieces(values, record, want, bytes) != 0) return std::nullopt;
    auto head = DecodeEntryHead(bytes);
    if (head && head->key == key) return std::move(*head);
    const bool more = !head && head.error().code == ErrorCode::kTooLarge && bytes.size() < record.bytes;
    if (!more) return std::nullopt;
  }
}

}  // namespace reflex::store
