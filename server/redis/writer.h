#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "redis/store_parts.h"
#include "store/record.h"

namespace reflex::redis {

// Carries what waits to the server, many changes in one round trip, on a thread of its own. While the server is away it keeps
// trying: erasures stay until they are done, answers that waited too long are dropped and counted.
class Writer {
 public:
  explicit Writer(StoreParts& parts);
  // Ends after the round trip under way; what still waits is lost.
  ~Writer();

 private:
  void Run();
  bool Commit(std::vector<Change>& changes);
  std::vector<Change> Follow(const std::vector<Change>& changes, const std::vector<Value>& replies,
                             const std::vector<std::size_t>& reply_of);
  void AddTo(Batch& batch, const Change& change, const Purges& purges);
  bool IsTooOld(const Change& change) const;
  void Drop(const Change& change);

  StoreParts& parts_;
  store::EntryEncoder encoder_;
  std::thread thread_;
};

}  // namespace reflex::redis
