#include "gateway/flight_reply.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

namespace reflex::gateway {
namespace {

constexpr std::uint32_t kFirstBlockBytes = 2 << 10;  // An answer of the usual size is one block.
constexpr std::uint32_t kBlockBytesMax = 64 << 10;
// How far a relay may run ahead of its leading caller.
constexpr std::uint64_t kRelayAheadBytes = 256 << 10;

}  // namespace

FlightHead::FlightHead(int status_code, std::span<const http::Header> headers) : status(status_code) {
  std::size_t bytes = 0;
  for (const http::Header& header : headers) bytes += header.name.size() + header.value.size();
  text_.reserve(bytes);  // Views into it stay valid: it never grows beyond.
  headers_.reserve(headers.size());
  const auto keep = [this](std::string_view view) {
    const std::size_t begin = text_.size();
    text_.append(view);
    return std::string_view(text_.data() + begin, view.size());
  };
  for (const http::Header& header : headers) {
    const std::string_view name = keep(header.name);
    headers_.push_back({name, keep(header.value)});
  }
}

bool FlightReply::Join(const ReaderPtr& reader) {
  base::MutexLock lock(mutex_);
  if (abandoned_ || relay_ || end_ == End::kCut || end_ == End::kProblem) return false;
  readers_.push_back(reader);
  return true;
}

bool FlightReply::Leave(const ReaderPtr& reader, bool finish_abandoned) {
  std::function<void()> wake_call;
  bool cancel = false;
  {
    base::MutexLock lock(mutex_);
    std::erase(readers_, reader);
    if (relay_) wake_call = wake_call_;  // The leading caller may have been this one.
    if (readers_.empty() && end_ == End::kOpen && !abandoned_ && (relay_ || !finish_abandoned)) {
      abandoned_ = true;
      cancel = true;
    }
  }
  if (wake_call) wake_call();
  return cancel;
}

void FlightReply::Read(Reader& reader, std::size_t bytes, Batch& batch) {
  std::function<void()> wake_call;
  {
    base::MutexLock lock(mutex_);
    batch.block.reset();
    batch.pieces.clear();
    batch.head = head_;
    batch.relay = relay_;
    batch.bytes_so_far = bytes_;
    batch.end = End::kOpen;
    batch.lost = reader.lost || reader.block < first_block_;
    if (batch.lost) return;
    // The last block may still grow; an earlier one that is used up is left for the next.
    std::size_t at = reader.block - first_block_;
    while (at + 1 < blocks_.size() && reader.piece == blocks_[at]->pieces.size()) {
      ++reader.block, ++at;
      reader.piece = 0;
    }
    if (at < blocks_.size()) {
      const Block& block = *blocks_[at];
      const std::uint64_t before = reader.consumed;
      reader.consumed =
          reader.piece < block.pieces.size() ? block.offset + block.pieces[reader.piece].begin : block.offset + block.size;
      std::size_t taken = 0;
      while (reader.piece < block.pieces.size() && (taken == 0 || taken + block.pieces[reader.piece].size <= bytes)) {
        taken += block.pieces[reader.piece].size;
        batch.pieces.push_back(block.pieces[reader.piece++]);
      }
      if (!batch.pieces.empty()) batch.block = blocks_[at];
      if (relay_ && reader.consumed != before) {
        TrimRelay();
        wake_call = wake_call_;
      }
    }
    if (batch.pieces.empty()) {
      batch.end = end_;
      reader.waiting = end_ == End::kOpen;
      reader.for_end = false;
    }
  }
  if (wake_call) wake_call();
}

void FlightReply::Watch(Reader& reader, Batch& batch) {
  base::MutexLock lock(mutex_);
  batch.block.reset();
  batch.pieces.clear();
  batch.head = head_;
  batch.relay = relay_;
  batch.end = end_;
  batch.bytes_so_far = bytes_;
  reader.waiting = end_ == End::kOpen;
  reader.for_end = true;
}

void FlightReply::SetHead(std::shared_ptr<const FlightHead> head) {
  base::MutexLock lock(mutex_);
  head_ = std::move(head);
}

void FlightReply::Append(std::string_view bytes, std::string_view data, bool split_data) {
  if (bytes.empty()) return;
  assert(bytes.size() < UINT32_MAX);
  base::MutexLock lock(mutex_);
  if (blocks_.empty() || blocks_.back()->capacity - blocks_.back()->size < bytes.size()) {
    const std::uint32_t doubled = blocks_.empty() ? kFirstBlockBytes : std::min(blocks_.back()->capacity * 2, kBlockBytesMax);
    auto block = std::make_shared<Block>();
    block->capacity = std::max(doubled, static_cast<std::uint32_t>(bytes.size()));
    block->bytes = std::make_unique_for_overwrite<char[]>(block->capacity);
    block->offset = bytes_;
    blocks_.push_back(std::move(block));
  }
  Block& block = *blocks_.back();
  std::memcpy(block.bytes.get() + block.size, bytes.data(), bytes.size());
  Piece piece{.begin = block.size, .size = static_cast<std::uint32_t>(bytes.size())};
  if (!data.empty() && !split_data) {
    piece.data_begin = static_cast<std::uint32_t>(data.data() - bytes.data());
    piece.data_size = static_cast<std::uint32_t>(data.size());
  }
  piece.split_data = split_data;
  block.pieces.push_back(piece);
  block.size += piece.size;
  bytes_ += piece.size;
}

void FlightReply::Publish(bool head_too) {
  {
    base::MutexLock lock(mutex_);
    CollectWaiting(head_too);
  }
  WakeCollected();
}

void FlightReply::Finish(End end, EntryPtr answer, std::string stream_error) {
  {
    base::MutexLock lock(mutex_);
    end_ = end;
    answer_ = std::move(answer);
    stream_error_ = std::move(stream_error);
    wake_call_ = nullptr;
    CollectWaiting(true);
  }
  WakeCollected();
}

void FlightReply::Fail(Problem problem) {
  {
    base::MutexLock lock(mutex_);
    end_ = End::kProblem;
    problem_ = std::move(problem);
    wake_call_ = nullptr;
    CollectWaiting(true);
  }
  WakeCollected();
}

void FlightReply::BecomeRelay(std::function<void()> wake) {
  {
    base::MutexLock lock(mutex_);
    relay_ = true;
    wake_call_ = std::move(wake);
    if (readers_.empty()) abandoned_ = true;  // It was to be finished for the cache, which will not have it.
    CollectWaiting(true);
  }
  WakeCollected();
}

bool FlightReply::HasRoom() {
  base::MutexLock lock(mutex_);
  TrimRelay();
  return abandoned_ || bytes_ - LeadingReader() <= kRelayAheadBytes;
}

bool FlightReply::abandoned() const {
  base::MutexLock lock(mutex_);
  return abandoned_;
}

std::string FlightReply::Joined() const {
  base::MutexLock lock(mutex_);
  std::string joined;
  joined.reserve(bytes_);
  for (const auto& block : blocks_) joined.append(block->bytes.get(), block->size);
  return joined;
}

std::uint64_t FlightReply::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

std::size_t FlightReply::readers() const {
  base::MutexLock lock(mutex_);
  return readers_.size();
}

EntryPtr FlightReply::answer() const {
  base::MutexLock lock(mutex_);
  return answer_;
}

std::string FlightReply::stream_error() const {
  base::MutexLock lock(mutex_);
  return stream_error_;
}

Problem FlightReply::problem() const {
  base::MutexLock lock(mutex_);
  assert(problem_);
  return *problem_;
}

void FlightReply::CollectWaiting(bool for_end_too) {
  for (const ReaderPtr& reader : readers_) {
    if (!reader->waiting || (reader->for_end && !for_end_too)) continue;
    reader->waiting = false;
    collected_.push_back(reader);
  }
}

// Outside the lock: a wake may run the reader's code at once.
void FlightReply::WakeCollected() {
  for (const ReaderPtr& reader : collected_) reader->wake();
  collected_.clear();
}

std::uint64_t FlightReply::LeadingReader() const {
  std::uint64_t leading = 0;
  for (const ReaderPtr& reader : readers_) leading = std::max(leading, reader->consumed);
  return leading;
}

void FlightReply::TrimRelay() {
  if (!relay_) return;
  const std::uint64_t leading = LeadingReader();
  std::size_t gone = 0;
  // A whole block further behind than may be shared; the last one stays, the call writes into it.
  while (gone + 1 < blocks_.size() && blocks_[gone + 1]->offset + shared_bytes_max_ < leading) ++gone;
  if (gone == 0) return;
  blocks_.erase(blocks_.begin(), blocks_.begin() + static_cast<std::ptrdiff_t>(gone));
  first_block_ += gone;
  for (const ReaderPtr& reader : readers_) {
    if (reader->block < first_block_) reader->lost = true;
  }
}

}  // namespace reflex::gateway
