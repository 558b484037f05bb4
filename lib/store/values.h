#pragma once

#include <cstdint>
#include <string_view>

#include "reflex/types.h"

struct MDB_val;

namespace reflex::store {

// Bytes as LMDB takes and gives them: views both, so what they are of outlives them. LMDB does not write through its arguments.
MDB_val Value(std::string_view bytes);
MDB_val Value(const Digest& key);
MDB_val Value(std::uint64_t& id);
std::string_view View(const MDB_val& value);
std::string_view View(const Digest& key);

}  // namespace reflex::store
