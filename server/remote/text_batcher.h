#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "reflex/result.h"
#include "remote/service.h"

namespace reflex::remote {

// Gathers texts of many callers into few calls of an embedding service: a text that comes while calls_max calls are under way waits
// and goes with the others that wait. No thread of its own. Thread-safe.
//
// A call that the service refuses because of its texts is taken apart: each of them is then sent alone, so that only the one at
// fault fails. Times: each caller waits for its own limit; a call lasts as long as the longest of its callers would wait.
class TextBatcher {
 public:
  using Vectors = std::vector<std::vector<float>>;
  struct Limits {
    std::size_t calls_max = 2;          // Calls at once.
    std::size_t waiting_max = 256;      // Texts that wait; beyond: kBusy.
    std::size_t texts_max = 32;         // Of one call.
    std::size_t bytes_max = 256 << 10;  // Of the texts of one call; a single text may be larger.
  };
  using Make = std::function<ServiceCall(std::span<const std::string> texts)>;
  using Read = std::function<Result<Vectors>(const std::string& body, std::size_t count)>;

  // The service outlives the batcher.
  TextBatcher(Service& service, Limits limits, Make make, Read read);
  // REQUIRES: no caller waits.
  ~TextBatcher();
  TextBatcher(const TextBatcher&) = delete;
  TextBatcher& operator=(const TextBatcher&) = delete;

  // One text's vector. Returns: kBusy; kTimeout, to the millisecond; kTooLarge for a text that the service refuses; else as
  // Service::Call.
  Result<std::vector<float>> Submit(std::string text, std::chrono::nanoseconds limit);

 private:
  struct Waiting;
  struct State;
  static void Begin(const std::shared_ptr<State>& state);
  static void End(const std::shared_ptr<State>& state, const std::vector<std::shared_ptr<Waiting>>& batch,
                  Result<ServiceReply> reply, const std::shared_ptr<Vectors>& vectors);
  const std::shared_ptr<State> state_;
};

}  // namespace reflex::remote
