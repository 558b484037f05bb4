#include "remote/http_reranker.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/mutex.h"
#include "base/utf8.h"

namespace reflex::remote {
namespace {

// Both orders of one pair, shared by their calls and the caller, who may leave.
struct BothOrders {
  base::Mutex mutex;
  base::CondVar changed;
  std::array<std::optional<Result<float>>, 2> scores GUARDED_BY(mutex);
};

}  // namespace

HttpReranker::HttpReranker(HttpRerankerOptions options, Service& service)
    : options_(std::move(options)), service_(service), model_id_("http " + options_.model) {}

Result<std::unique_ptr<HttpReranker>> HttpReranker::Open(HttpRerankerOptions options, Service& service,
                                                         std::chrono::milliseconds wait) {
  const std::string texts[] = {"Paris is the capital of France.", "The moon is a rock."};
  const auto reply = service.Call(RerankCall(options.form, options.scores, options.model, "capital of France", texts), wait);
  const bool passes = reply || reply.error().code != ErrorCode::kInvalidArgument;
  if (!passes) return std::unexpected(reply.error());
  if (reply) {
    if (const auto scores = ReadScores(options.scores, reply->body, std::size(texts)); !scores) {
      return Fail(ErrorCode::kInvalidArgument,
                  service.name() + " at " + service.base().text + " gave a wrong answer: " + scores.error().message);
    }
  }
  return std::unique_ptr<HttpReranker>(new HttpReranker(std::move(options), service));
}

Result<float> HttpReranker::Score(std::string_view a, std::string_view b, std::chrono::nanoseconds limit) {
  if (!base::IsUtf8(a) || !base::IsUtf8(b)) return Fail(ErrorCode::kInvalidArgument, "the text is not UTF-8");
  limit = std::min<std::chrono::nanoseconds>(limit, options_.time_limit);
  const auto until = std::chrono::steady_clock::now() + limit;
  const auto both = std::make_shared<BothOrders>();
  for (std::size_t order = 0; order < 2; ++order) {
    const std::string texts[] = {std::string(order == 0 ? b : a)};
    const auto read = std::make_shared<float>(0.0F);
    const auto judge = [read, scale = options_.scores](const ServiceReply& reply) -> Result<void> {
      REFLEX_TRY(const auto scores, ReadScores(scale, reply.body, 1));
      *read = scores.front();
      return {};
    };
    service_.Start(RerankCall(options_.form, options_.scores, options_.model, order == 0 ? a : b, texts), limit, judge,
                   [both, read, order](const Result<ServiceReply>& reply) {
                     base::MutexLock lock(both->mutex);
                     both->scores[order] = reply ? Result<float>(*read) : std::unexpected(reply.error());
                     both->changed.NotifyAll();
                   });
  }
  base::MutexLock lock(both->mutex);
  for (;;) {
    // The first failure is the answer: half a score is none.
    for (const auto& score : both->scores) {
      if (!score || *score) continue;
      const Error& error = score->error();
      const bool refused = error.code == ErrorCode::kInvalidArgument;
      return Fail(refused ? ErrorCode::kTooLarge : error.code, error.message);
    }
    if (both->scores[0] && both->scores[1]) return (**both->scores[0] + **both->scores[1]) / 2;
    const auto left = until - std::chrono::steady_clock::now();
    if (left.count() <= 0) return Fail(ErrorCode::kTimeout, service_.name() + " gave no score in time");
    both->changed.WaitFor(both->mutex, left);
  }
}

}  // namespace reflex::remote
