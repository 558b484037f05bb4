#pragma once

#include <cstdint>
#include <memory>

#include "base/digest.h"
#include "gateway/activity.h"
#include "gateway/exact_hits.h"
#include "gateway/repeats.h"
#include "http/io_thread.h"
#include "upstream/upstream.h"
#include "wire/chat_question.h"
#include "wire/chat_request.h"

namespace reflex::gateway {

// What belongs to one I/O thread: used on it alone and never across a suspension, so that a request takes no lock for it.
struct ThreadState {
  explicit ThreadState(std::uint64_t repeats_bytes_max) : repeats(repeats_bytes_max) {}

  http::IoThread* io = nullptr;
  upstream::Upstream* upstream = nullptr;
  wire::ChatRequestReader reader;
  base::Sha256 hash;
  Repeats repeats;
  wire::ChatQuestionReader question_reader;
  ExactHits exact_hits;
  std::shared_ptr<Activity> activity = std::make_shared<Activity>();
};

}  // namespace reflex::gateway
