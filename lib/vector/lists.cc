#include "vector/lists.h"

#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

namespace reflex::vector {
namespace {

// Centres are moved this often, to the middle of a sample with so many entries a list: docs/index.md says what that finds.
constexpr std::size_t kRounds = 3;
constexpr std::size_t kSampleOfList = 8;

}  // namespace

struct Lists::Building {
  Source source;
  std::size_t size;
  std::size_t sample;
  std::size_t round = 0;
  std::size_t next = 0;
  // Of each list in this round: how many codes, and how many of them have each bit.
  std::vector<std::uint32_t> members;
  std::vector<std::uint16_t> votes;
  // The list of each entry, then the entries in order of list.
  std::vector<std::uint32_t> list_of, order;
};

Lists::Lists(std::size_t words, std::size_t size, const Kernels& kernels, const ListsOptions& options, Source source)
    : words_(words),
      kernels_(kernels),
      read_permille_(options.read_permille),
      count_(std::clamp<std::size_t>(size / options.list_entries, 1, options.lists_max)),
      building_(std::make_unique<Building>(std::move(source), size, std::min(size, kSampleOfList * count_))),
      centres_(count_ * words),
      begins_(count_ + 1),
      block_(words, size) {
  building_->members.resize(count_);
  building_->votes.resize(count_ * words * 64);
  building_->list_of.resize(size);
  std::uint64_t label = 0;
  for (std::size_t list = 0; list < count_; ++list) {
    const std::uint64_t* code = building_->source(list * size / count_, &label);
    std::copy(code, code + words_, centres_.begin() + static_cast<std::ptrdiff_t>(list * words_));
  }
}

Lists::~Lists() = default;

std::size_t Lists::NearestTo(const std::uint64_t* code) const {
  constexpr std::size_t kChunk = 512;
  std::uint16_t distances[kChunk];
  std::size_t nearest = 0, distance = SIZE_MAX;
  for (std::size_t begin = 0; begin < count_; begin += kChunk) {
    const std::size_t size = std::min(kChunk, count_ - begin);
    kernels_.scan(code, reinterpret_cast<const char*>(&centres_[begin * words_]), words_ * 8, words_, size, distances);
    const std::uint16_t* least = std::min_element(distances, distances + size);
    if (*least >= distance) continue;
    distance = *least;
    nearest = begin + static_cast<std::size_t>(least - distances);
  }
  return nearest;
}

void Lists::Vote(std::size_t list, const std::uint64_t* code) {
  if (building_->members[list] == UINT16_MAX) return;
  ++building_->members[list];
  std::uint16_t* votes = &building_->votes[list * words_ * 64];
  for (std::size_t bit = 0; bit < words_ * 64; ++bit) {
    votes[bit] = static_cast<std::uint16_t>(votes[bit] + (code[bit / 64] >> (bit % 64) & 1));
  }
}

void Lists::MoveCentres() {
  for (std::size_t list = 0; list < count_; ++list) {
    const std::uint32_t members = std::exchange(building_->members[list], 0);
    if (members == 0) continue;
    const std::uint16_t* votes = &building_->votes[list * words_ * 64];
    std::uint64_t* centre = &centres_[list * words_];
    for (std::size_t bit = 0; bit < words_ * 64; ++bit) {
      const std::uint64_t mask = std::uint64_t{1} << (bit % 64);
      // A draw leaves the bit as it is.
      if (votes[bit] * 2u > members) centre[bit / 64] |= mask;
      if (votes[bit] * 2u < members) centre[bit / 64] &= ~mask;
    }
  }
  std::fill(building_->votes.begin(), building_->votes.end(), std::uint16_t{0});
}

bool Lists::Step(std::size_t count) {
  Building& building = *building_;
  std::uint64_t label = 0;
  for (; count > 0 && building.round < kRounds; --count) {
    const std::uint64_t* code = building.source(building.next * building.size / building.sample, &label);
    Vote(NearestTo(code), code);
    if (++building.next < building.sample) continue;
    MoveCentres();
    building.next = 0;
    ++building.round;
  }
  for (; count > 0 && building.next < building.size; --count) {
    const std::size_t list = NearestTo(building.source(building.next, &label));
    building.list_of[building.next++] = static_cast<std::uint32_t>(list);
    ++begins_[list + 1];
    if (building.next == building.size) StartFilling();
  }
  // Copying is far cheaper than finding the list.
  for (std::size_t copies = 64 * count; copies > 0 && block_.size() < building.order.size(); --copies) {
    const std::uint64_t* code = building.source(building.order[block_.size()], &label);
    block_.Append(label, code);
  }
  if (block_.size() < building.size) return false;
  building_.reset();
  return true;
}

void Lists::StartFilling() {
  std::vector<std::uint16_t>().swap(building_->votes);
  std::partial_sum(begins_.begin(), begins_.end(), begins_.begin());
  building_->order.resize(building_->size);
  std::vector<std::uint32_t> ends(begins_.begin(), begins_.end() - 1);
  for (std::size_t i = 0; i < building_->size; ++i) building_->order[ends[building_->list_of[i]]++] = static_cast<std::uint32_t>(i);
}

std::size_t Lists::Reach(const std::vector<std::uint16_t>& distances, std::size_t wanted) const {
  std::vector<std::uint32_t> entries(words_ * 64 + 1);
  for (std::size_t list = 0; list < count_; ++list) entries[distances[list]] += begins_[list + 1] - begins_[list];
  std::size_t reach = 0;
  for (std::size_t sum = entries[0]; sum < wanted && reach + 1 < entries.size(); sum += entries[reach]) ++reach;
  return reach;
}

void Lists::Search(const Kernels& kernels, const std::uint64_t* query, std::size_t width, TopCodes& top) const {
  std::vector<std::uint16_t> distances(count_);
  kernels.scan(query, reinterpret_cast<const char*>(centres_.data()), words_ * 8, words_, count_, distances.data());
  const std::size_t wanted = std::min(width, live());
  const std::size_t reach = Reach(distances, std::max(size() * read_permille_ / 1000, 4 * wanted));
  TopCodes near(std::max<std::size_t>(1, width));
  for (std::size_t list = 0; list < count_; ++list) {
    if (distances[list] <= reach) block_.ScanRange(kernels, query, begins_[list], begins_[list + 1], near);
  }
  if (near.hits().size() < wanted) return block_.Scan(kernels, query, size(), top);
  for (const CodeHit& hit : near.hits()) top.Offer(hit);
}

std::size_t Lists::MemoryBytes() const {
  return sizeof *this - sizeof block_ + block_.MemoryBytes() + centres_.capacity() * 8 + begins_.capacity() * 4;
}

}  // namespace reflex::vector
