#include "remote/qdrant_queue.h"

#include <iterator>
#include <utility>

namespace reflex::remote::qdrant {
namespace {

std::uint64_t BytesOf(const WriteQueue::Write& write) {
  const Point* const point = std::get_if<Point>(&write);
  return point != nullptr ? point->Bytes() : sizeof write;
}

}  // namespace

bool WriteQueue::Push(Write write) {
  const std::uint64_t bytes = BytesOf(write);
  base::MutexLock lock(mutex_);
  if (writes_.size() + taken_ >= writes_max_ || bytes_ + bytes > bytes_max_) {
    Lose(write);
    return false;
  }
  bytes_ += bytes;
  writes_.push_back(std::move(write));
  return true;
}

WriteQueue::Batch WriteQueue::Take(std::size_t points_max) {
  Batch batch;
  base::MutexLock lock(mutex_);
  while (!writes_.empty() && batch.size() < points_max) {
    if (!batch.empty() && writes_.front().index() != batch.front().index()) break;
    batch.push_back(std::move(writes_.front()));
    writes_.pop_front();
    if (std::holds_alternative<PurgeRule>(batch.back())) break;
  }
  taken_ = batch.size();
  return batch;
}

void WriteQueue::Done(Batch batch, bool lost) {
  base::MutexLock lock(mutex_);
  taken_ = 0;
  for (const Write& write : batch) {
    bytes_ -= BytesOf(write);
    if (lost) Lose(write);
  }
}

void WriteQueue::Back(Batch batch) {
  base::MutexLock lock(mutex_);
  taken_ = 0;
  writes_.insert(writes_.begin(), std::make_move_iterator(batch.begin()), std::make_move_iterator(batch.end()));
}

bool WriteQueue::TakeLost(const Digest& scope) {
  base::MutexLock lock(mutex_);
  return lost_.erase(scope) > 0;
}

void WriteQueue::Lose(const Write& write) {
  const Point* const point = std::get_if<Point>(&write);
  if (point != nullptr && lost_.size() < kLostMax) lost_.insert(point->scope);
}

std::size_t WriteQueue::size() const {
  base::MutexLock lock(mutex_);
  return writes_.size() + taken_;
}

std::uint64_t WriteQueue::bytes() const {
  base::MutexLock lock(mutex_);
  return bytes_;
}

}  // namespace reflex::remote::qdrant
