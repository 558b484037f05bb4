#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string_view>

#include "reflex/types.h"

namespace reflex::gateway {

// The last exact hits of one I/O thread, by the request id of their reply, so that a caller can report one as wrong. A ring: a hit
// writes 100 bytes and reads nothing, takes no lock and allocates once. Whoever reports one later names the entry instead
// (docs/admin.md). Used by its thread alone.
class ExactHits {
 public:
  static constexpr std::size_t kKept = 8192;  // A power of two; 850 KB once all are in use, nothing before the first hit.

  struct Hit {
    Digest tenant;
    Digest key;
  };

  // A request id of another length than ours is not kept.
  void Add(std::string_view request_id, const Digest& tenant, const Digest& key) {
    if (request_id.size() != kIdBytes) return;
    if (records_ == nullptr) records_ = std::make_unique_for_overwrite<Record[]>(kKept);
    Record& record = records_[added_++ & (kKept - 1)];
    std::memcpy(record.id.data(), request_id.data(), kIdBytes);
    record.tenant = tenant.bytes;
    record.key = key.bytes;
  }

  // Looks at all of them: tens of microseconds.
  std::optional<Hit> Find(std::string_view request_id) const {
    if (request_id.size() != kIdBytes) return std::nullopt;
    const std::uint64_t kept = added_ < kKept ? added_ : kKept;
    for (std::uint64_t i = 0; i < kept; ++i) {
      if (std::memcmp(records_[i].id.data(), request_id.data(), kIdBytes) == 0) return Hit{{records_[i].tenant}, {records_[i].key}};
    }
    return std::nullopt;
  }

 private:
  static constexpr std::size_t kIdBytes = 36;  // "req_" and 32 digits: identity.h.
  struct Record {
    // Plain arrays, which are not cleared: only what is used becomes memory.
    std::array<char, kIdBytes> id;
    std::array<std::uint8_t, 32> tenant, key;
  };

  std::unique_ptr<Record[]> records_;
  std::uint64_t added_ = 0;
};

}  // namespace reflex::gateway
