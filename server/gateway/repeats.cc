#include "gateway/repeats.h"

#include <cstring>
#include <utility>

namespace reflex::gateway {
namespace {

// A map's node, its bucket and the queue's place, roughly.
constexpr std::uint64_t kOverheadBytes = 128;

std::uint64_t Word(const char* at) {
  std::uint64_t word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

// Multiply and fold, as in wyhash (public domain): two independent lanes of 8 bytes a step. Only finds a place, decides nothing.
std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

std::uint64_t Hash(std::string_view bytes) {
  constexpr std::uint64_t kFirst = 0xa0761d6478bd642f, kSecond = 0xe7037ed1a0b428db;
  std::uint64_t one = kFirst ^ bytes.size(), two = kSecond;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 32; left -= 32, at += 32) {
    one = Fold(Word(at) ^ kFirst, Word(at + 8) ^ one);
    two = Fold(Word(at + 16) ^ kSecond, Word(at + 24) ^ two);
  }
  char rest[32] = {};
  std::memcpy(rest, at, left);
  one = Fold(Word(rest) ^ kFirst, Word(rest + 8) ^ one);
  two = Fold(Word(rest + 16) ^ kSecond, Word(rest + 24) ^ two);
  return Fold(one, two ^ kFirst);
}

std::string_view Moved(std::string_view part, std::string_view from, std::string_view to) {
  return part.empty() ? std::string_view() : to.substr(static_cast<std::size_t>(part.data() - from.data()), part.size());
}

std::uint64_t BytesOf(const Repeats::Known& known) {
  return sizeof known + known.bytes.size() + known.model.size() + kOverheadBytes;
}

}  // namespace

const Repeats::Known* Repeats::Find(std::string_view bytes) const {
  if (known_.empty() || bytes.size() > kRequestBytesMax) return nullptr;
  const auto found = known_.find(Hash(bytes));
  return found != known_.end() && found->second.bytes == bytes ? &found->second : nullptr;
}

void Repeats::Remember(Known known, std::string_view original) {
  if (original.size() > kRequestBytesMax) return;
  known.bytes = original;
  known.policy.name_space = {};
  known.policy.tags.clear();
  const std::uint64_t bytes = BytesOf(known);
  if (bytes > bytes_max_) return;
  const std::uint64_t hash = Hash(original);
  if (const auto same = known_.find(hash); same != known_.end()) {
    bytes_ -= BytesOf(same->second);
    known_.erase(same);  // Its place in the order stays and is the new one's.
  } else {
    order_.push_back(hash);
  }
  while (bytes_ + bytes > bytes_max_) {
    const std::uint64_t oldest = order_.front();
    order_.pop_front();
    if (oldest == hash) {
      order_.push_back(hash);
    } else {
      Forget(oldest);
    }
  }
  Known& kept = known_.emplace(hash, std::move(known)).first->second;
  kept.path = Moved(kept.path, original, kept.bytes);
  kept.trace_id = Moved(kept.trace_id, original, kept.bytes);
  bytes_ += bytes;
}

void Repeats::Forget(std::uint64_t hash) {
  const auto found = known_.find(hash);
  if (found == known_.end()) return;
  bytes_ -= BytesOf(found->second);
  known_.erase(found);
}

}  // namespace reflex::gateway
