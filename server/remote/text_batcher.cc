#include "remote/text_batcher.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

namespace reflex::remote {

using Steady = std::chrono::steady_clock;

// Shared by its caller and its call, so that a caller may leave.
struct TextBatcher::Waiting {
  std::string text;
  Steady::time_point until;
  bool alone = false;  // Sent once with others, and refused.
  std::optional<Result<std::vector<float>>> result;
};

struct TextBatcher::State {
  State(Service& s, Limits l, Make m, Read r) : service(s), limits(l), make(std::move(m)), read(std::move(r)) {}

  std::vector<std::shared_ptr<Waiting>> TakeBatch() REQUIRES(mutex);

  Service& service;
  const Limits limits;
  const Make make;
  const Read read;
  base::Mutex mutex;
  base::CondVar changed;
  std::deque<std::shared_ptr<Waiting>> waiting GUARDED_BY(mutex);
  std::size_t calls GUARDED_BY(mutex) = 0;
  bool closed GUARDED_BY(mutex) = false;
};

std::vector<std::shared_ptr<TextBatcher::Waiting>> TextBatcher::State::TakeBatch() {
  std::vector<std::shared_ptr<Waiting>> batch;
  std::size_t bytes = 0;
  const auto now = Steady::now();
  while (!waiting.empty() && batch.size() < limits.texts_max) {
    const auto& next = waiting.front();
    if (next->until <= now) {
      waiting.pop_front();
      continue;
    }
    bytes += next->text.size();
    if (!batch.empty() && (next->alone || batch.front()->alone || bytes > limits.bytes_max)) break;
    batch.push_back(next);
    waiting.pop_front();
  }
  return batch;
}

TextBatcher::TextBatcher(Service& service, Limits limits, Make make, Read read)
    : state_(std::make_shared<State>(service, limits, std::move(make), std::move(read))) {}

TextBatcher::~TextBatcher() {
  base::MutexLock lock(state_->mutex);
  state_->closed = true;
}

// Starts calls until there are enough or nothing waits.
void TextBatcher::Begin(const std::shared_ptr<State>& state) {
  for (;;) {
    std::vector<std::shared_ptr<Waiting>> batch;
    {
      base::MutexLock lock(state->mutex);
      if (state->closed || state->calls >= state->limits.calls_max) return;
      batch = state->TakeBatch();
      if (batch.empty()) return;
      ++state->calls;
    }
    std::vector<std::string> texts;
    Steady::time_point until = Steady::now();
    for (const auto& one : batch) {
      texts.push_back(one->text);
      until = std::max(until, one->until);
    }
    // Read where the call ends, so that a wrong answer counts against the service.
    const auto vectors = std::make_shared<Vectors>();
    const auto judge = [state, vectors, count = batch.size()](const ServiceReply& reply) -> Result<void> {
      REFLEX_TRY(*vectors, state->read(reply.body, count));
      return {};
    };
    state->service.Start(state->make(texts), until - Steady::now(), judge,
                         [state, batch, vectors](Result<ServiceReply> reply) { End(state, batch, std::move(reply), vectors); });
  }
}

void TextBatcher::End(const std::shared_ptr<State>& state, const std::vector<std::shared_ptr<Waiting>>& batch,
                      Result<ServiceReply> reply, const std::shared_ptr<Vectors>& vectors) {
  const bool texts_refused =
      !reply && (reply.error().code == ErrorCode::kInvalidArgument || reply.error().code == ErrorCode::kTooLarge);
  bool more = false;
  {
    base::MutexLock lock(state->mutex);
    --state->calls;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      Waiting& one = *batch[i];
      if (reply) {
        one.result = std::move((*vectors)[i]);
      } else if (!texts_refused) {
        one.result = std::unexpected(reply.error());
      } else if (batch.size() == 1) {
        one.result = Fail(ErrorCode::kTooLarge, reply.error().message);
      } else {
        one.alone = true;
        state->waiting.push_back(batch[i]);
      }
    }
    more = !state->waiting.empty() && !state->closed;
    state->changed.NotifyAll();
  }
  if (more) Begin(state);
}

Result<std::vector<float>> TextBatcher::Submit(std::string text, std::chrono::nanoseconds limit) {
  const auto mine = std::make_shared<Waiting>();
  mine->text = std::move(text);
  mine->until = Steady::now() + limit;
  {
    base::MutexLock lock(state_->mutex);
    if (state_->waiting.size() >= state_->limits.waiting_max) {
      return Fail(ErrorCode::kBusy, state_->service.name() + ": " + std::to_string(state_->waiting.size()) + " texts wait");
    }
    state_->waiting.push_back(mine);
  }
  Begin(state_);
  base::MutexLock lock(state_->mutex);
  while (!mine->result) {
    const auto left = mine->until - Steady::now();
    if (left.count() <= 0) {
      std::erase(state_->waiting, mine);
      return Fail(ErrorCode::kTimeout, state_->service.name() + " gave no vector in time");
    }
    state_->changed.WaitFor(state_->mutex, left);
  }
  return std::move(*mine->result);
}

}  // namespace reflex::remote
