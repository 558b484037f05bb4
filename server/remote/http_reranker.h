#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "reflex/embedder.h"
#include "remote/rerank_wire.h"
#include "remote/service.h"

namespace reflex::remote {

struct HttpRerankerOptions {
  RerankForm form = RerankForm::kDocuments;
  ScoreScale scores = ScoreScale::kProbability;
  std::string model;                            // May be empty where the service has only one.
  std::chrono::milliseconds time_limit{1'000};  // One score at most, whatever a caller allows.
};

// A pair to one score by an HTTP service: both orders are asked at once, and their logits' mean is the score. Thread-safe; blocks
// its caller.
class HttpReranker final : public PairScorer {
 public:
  // Asks once, for at most `wait`. The service outlives the reranker. Returns: kInvalidArgument: an answer of another form or
  // scale. A service that does not answer is no error.
  static Result<std::unique_ptr<HttpReranker>> Open(HttpRerankerOptions options, Service& service, std::chrono::milliseconds wait);

  const std::string& model_id() const override { return model_id_; }
  Result<float> Score(std::string_view a, std::string_view b, std::chrono::nanoseconds limit) override;

 private:
  HttpReranker(HttpRerankerOptions options, Service& service);

  const HttpRerankerOptions options_;
  Service& service_;
  const std::string model_id_;
};

}  // namespace reflex::remote
