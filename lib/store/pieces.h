#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reflex/types.h"
#include "store/record.h"

struct MDB_cursor;

namespace reflex::store {

// Puts an entry together from its pieces, `values` being a cursor of the value table, until `bytes_max` are there or all of it.
// Returns LMDB's codes; MDB_NOTFOUND where the pieces are not what the record says.
int ReadPieces(MDB_cursor* values, const KeyRecord& record, std::uint64_t bytes_max, std::string& bytes);

// The entry without reply and layout, read from no more pieces than that takes. Nothing when it is damaged or not of this key.
std::optional<Entry> ReadHead(MDB_cursor* values, const Digest& key, const KeyRecord& record);

}  // namespace reflex::store
