// Any bytes as a stored entry and as a row of each other table: read safely, and what reads as an entry is written and read again
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
  if (const auto head = DecodeEntryHead(bytes)) {
    const auto place = DecodeScopePlace(bytes);
    if (place.has_value() != (head->scope != reflex::Digest{})) std::abort();
    if (place && (place->scope != head->scope || place->canonical != head->canonical)) std::abort();
  }
  if (const auto row = DecodeScopeRow(bytes); row && EncodeScopeRow(row->scope, row->member.canonical, row->member.key) != bytes) {
    std::abort();
  }
  if (const auto rule = DecodeRule(bytes); rule && EncodeRule(*rule) != bytes) std::abort();
  // Chance never makes a checksum right: the parser behind it gets bytes whose checksum is.
  std::string signed_rule(bytes);
  const std::uint64_t checksum = Checksum(bytes);
  for (int shift = 0; shift < 64; shift += 8) signed_rule.push_back(static_cast<char>(checksum >> shift));
  if (const auto rule = DecodeRule(signed_rule); rule && EncodeRule(*rule) != signed_rule) std::abort();
  const std::string_view name = bytes.substr(0, size / 2), value = bytes.substr(size / 2);
  const std::string note_bytes = EncodeNote(name, value);
  if (const auto note = DecodeNote(name, note_bytes); !note || *note != value) std::abort();
  (void)DecodeNote(name, value);
  if (const auto number = DecodeRuleKey(bytes); number && EncodeRuleKey(*number) != bytes) std::abort();
  if (const auto record = DecodeKeyRecord(bytes); record && EncodeKeyRecord(*record) != bytes) std::abort();
  if (const auto key = DecodeExpiryKey(bytes); key && EncodeExpiryKey(key->expires_ms, key->first_id) != bytes) std::abort();
  return 0;
}
