// Any bytes as a stored entry, a key record and an expiry key: read safely, and what reads as an entry is written and read again
// as the same.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "store/record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace reflex::store;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  static EntryEncoder plain(0);
  static EntryEncoder packed(1);
  if (const auto entry = DecodeEntry(bytes)) {
    for (EntryEncoder* encoder : {&plain, &packed}) {
      const auto again = DecodeEntry(encoder->Encode(*entry));
      if (!again || !(*again == *entry)) std::abort();
    }
  }
  if (const auto head = DecodeEntryHead(bytes); head && !(DecodeKey(bytes) == head->key)) std::abort();
  if (const auto record = DecodeKeyRecord(bytes); record && EncodeKeyRecord(*record) != bytes) std::abort();
  if (const auto key = DecodeExpiryKey(bytes); key && EncodeExpiryKey(key->expires_ms, key->first_id) != bytes) std::abort();
  return 0;
}
