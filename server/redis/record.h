#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::redis {

// Names and bytes in the server. docs/redis.md has the layout.
//
// The key of an entry carries its label, not its tenant: the exact key is a digest over the tenant already, so no look-up can reach
// another tenant's entry, and one tenant's entries lie on all nodes of a cluster and not on the one that its name would pick.
class Keys {
 public:
  explicit Keys(std::string prefix) : prefix_(std::move(prefix)) {}

  std::string EntryOf(std::uint64_t label) const;
  std::string EntryOf(const Digest& key) const { return EntryOf(LabelOf(key)); }
  std::string EntriesPattern() const { return prefix_ + ":e:*"; }
  std::optional<std::uint64_t> LabelOfEntry(std::string_view name) const;

  // Scopes of one generation of the store: a Clear begins the next one, and the older are not looked at any more.
  std::string ScopeOf(std::uint64_t cleared, const Digest& scope) const;
  std::string ScopesPattern() const { return prefix_ + ":s:*"; }
  struct ScopeName {
    std::uint64_t cleared = 0;
    Digest scope;
  };
  std::optional<ScopeName> ReadScope(std::string_view name) const;

  std::string Rules() const { return prefix_ + ":{c}:rules"; }
  std::string Count() const { return prefix_ + ":{c}:count"; }
  std::string Sweep() const { return prefix_ + ":{c}:sweep"; }
  std::string Secret() const { return prefix_ + ":{c}:secret"; }
  std::string SecretCheck() const { return prefix_ + ":{c}:secret-check"; }
  std::string Notes() const { return prefix_ + ":{n}:notes"; }
  std::string NoteBytes() const { return prefix_ + ":{n}:bytes"; }
  std::string LeaseOf(const Digest& key) const;
  // What client tracking is asked to tell: entries and rules.
  std::string EntriesPrefix() const { return prefix_ + ":e:"; }

 private:
  std::string prefix_;
};

// The part of a key that its label leaves out; names its fields in the hash of its label.
std::string FieldOf(const Digest& key);
// Returns nothing for another length.
std::optional<Digest> KeyFrom(std::uint64_t label, std::string_view field);

// The fields of one entry, each with its letter before FieldOf: head, body, place.
struct StoredEntry {
  std::string head;   // Version, checksums and stamp, then the entry without reply and layout.
  std::string body;   // Reply and layout, perhaps compressed.
  std::string place;  // Stamp, then scope and canonical digest where it has them.
};
// `encoded`: as store::EntryEncoder writes it. `stamp`: how many purges its writer knew of.
StoredEntry EncodeStored(const Entry& entry, std::string_view encoded, std::uint64_t stamp);

struct Stamped {
  EntryPtr entry;
  std::uint64_t stamp = 0;
};
// Returns: kCorrupt, kNewerFormat; kCorrupt also for an entry with another key.
Result<Stamped> DecodeStored(const Digest& key, std::string_view head, std::string_view body);
Result<Stamped> DecodeStoredHead(const Digest& key, std::string_view head);

struct Place {
  std::uint64_t stamp = 0;
  Digest scope{}, canonical{};
};
std::optional<Place> DecodePlace(std::string_view bytes);

// A member of a scope: canonical digest, then key.
std::string EncodeMember(const ScopeMember& member);
std::optional<ScopeMember> DecodeMember(std::string_view bytes);

// A vector or note under a checksum over its name and bytes.
std::string Sealed(std::string_view name, std::string_view bytes);
// Nothing when damaged, or sealed under another name.
std::optional<std::string_view> Opened(std::string_view name, std::string_view bytes);

}  // namespace reflex::redis
