#include "store/values.h"

#include <lmdb.h>

namespace reflex::store {

MDB_val Value(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
MDB_val Value(const Digest& key) { return {key.bytes.size(), const_cast<std::uint8_t*>(key.bytes.data())}; }
MDB_val Value(std::uint64_t& id) { return {sizeof id, &id}; }
std::string_view View(const MDB_val& value) { return {static_cast<const char*>(value.mv_data), value.mv_size}; }
std::string_view View(const Digest& key) { return {reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()}; }

}  // namespace reflex::store
