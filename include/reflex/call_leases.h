#pragma once

#include <chrono>
#include <string>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex {

/// Who asks the provider, among processes that share a store: at most one at a time has the lease of a question. A promise among
/// those who ask, nothing more: who gets no lease may still ask. Safe for concurrent use from any number of threads.
class CallLeases {
 public:
  virtual ~CallLeases() = default;

  /// Takes the lease of `key` for at most `life`, at least 1 ms. The token gives it back; an empty string when it is taken, by
  /// another process or by this one. Blocks for at most the store's own time limit. Returns: kTimeout, kUnavailable, kClosed,
  /// kProtocol, kFull.
  virtual Result<std::string> TakeLease(const Digest& key, std::chrono::milliseconds life) = 0;

  /// Gives it back, behind all that this process stored before the call: whoever takes it next finds the answer. Does not wait. A
  /// lease that cannot be given back, or that is no longer ours, ends by itself.
  virtual void GiveLeaseBack(const Digest& key, std::string token) = 0;
};

}  // namespace reflex
