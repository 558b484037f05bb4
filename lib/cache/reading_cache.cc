#include "cache/reading_cache.h"

namespace reflex::cache {

std::shared_ptr<const verify::Reading> ReadingCache::Read(const Entry& entry) {
  {
    base::MutexLock lock(mutex_);
    const auto found = places_.find(entry.key);
    // An entry stored anew may have another question.
    if (found != places_.end() && found->second->question == entry.question) {
      rows_.splice(rows_.begin(), rows_, found->second);
      return found->second->reading;
    }
  }
  auto reading = std::make_shared<const verify::Reading>(verify::Read(entry.question));
  if (entry.question.size() > kTextBytesMax / 8) return reading;
  base::MutexLock lock(mutex_);
  if (const auto found = places_.find(entry.key); found != places_.end()) {
    text_bytes_ -= found->second->question.size();
    rows_.erase(found->second);
    places_.erase(found);
  }
  rows_.push_front({entry.key, entry.question, reading});
  places_[entry.key] = rows_.begin();
  text_bytes_ += entry.question.size();
  while (rows_.size() > kEntriesMax || text_bytes_ > kTextBytesMax) {
    text_bytes_ -= rows_.back().question.size();
    places_.erase(rows_.back().key);
    rows_.pop_back();
  }
  return reading;
}

}  // namespace reflex::cache
