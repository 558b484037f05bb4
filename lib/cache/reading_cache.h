#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/mutex.h"
#include "reflex/types.h"
#include "verify/reading.h"

namespace reflex::cache {

// Readings of cached questions that were compared lately: reading a text is most of a comparison's time, and the same few answers
// are near what is asked again and again. Bounded by number and by bytes of text; a reading takes some fifty times its text.
// Thread-safe; one lock, held for a look into a map.
class ReadingCache {
 public:
  static constexpr std::size_t kEntriesMax = 512;
  static constexpr std::size_t kTextBytesMax = 128 << 10;

  // The reading of an entry's question, made now if it is not at hand.
  std::shared_ptr<const verify::Reading> Read(const Entry& entry) EXCLUDES(mutex_);

 private:
  struct Row {
    Digest key;
    std::string question;
    std::shared_ptr<const verify::Reading> reading;
  };
  using Rows = std::list<Row>;

  base::Mutex mutex_;
  Rows rows_ GUARDED_BY(mutex_);  // Last used first.
  std::unordered_map<Digest, Rows::iterator, DigestHash> places_ GUARDED_BY(mutex_);
  std::size_t text_bytes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace reflex::cache
