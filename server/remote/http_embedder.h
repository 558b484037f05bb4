#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "reflex/embedder.h"
#include "remote/embed_wire.h"
#include "remote/service.h"
#include "remote/text_batcher.h"

namespace reflex::remote {

struct HttpEmbedderOptions {
  EmbedForm form = EmbedForm::kOpenAi;
  std::string model;                            // As the service knows it; names the vectors. Not empty.
  std::string prefix;                           // Put before each text.
  std::uint32_t dimension = 0;                  // 0: asked for at start.
  std::chrono::milliseconds time_limit{1'000};  // One call at most, whatever a caller allows.
  std::uint32_t calls_max = 2;                  // Calls at once; texts that come meanwhile go together.
  std::uint32_t queue_max = 256;                // Texts that wait; beyond: kBusy.
  std::uint32_t batch_max = 32;                 // Texts of one call.
};

// Text to vector by an HTTP service. Thread-safe; blocks its caller. Texts of several callers go in one call. Nothing is cut: a
// text that the service refuses is kTooLarge. Whole texts only (has_words is false).
class HttpEmbedder final : public Embedder {
 public:
  // Asks once, for at most `wait`. The service outlives the embedder. Returns: kInvalidArgument: an option, a dimension other than
  // the options' (both numbers), an answer of another form, a service that does not answer while `dimension` is 0. With a dimension
  // a service that does not answer is no error.
  static Result<std::unique_ptr<HttpEmbedder>> Open(HttpEmbedderOptions options, Service& service, std::chrono::milliseconds wait);

  const std::string& model_id() const override { return model_id_; }
  std::uint32_t dimension() const override { return options_.dimension; }
  bool quick() const override { return false; }
  bool has_words() const override { return false; }
  Result<Embedding> Embed(std::string_view text, std::span<const TextSpan> words, std::chrono::nanoseconds limit) override;

 private:
  HttpEmbedder(HttpEmbedderOptions options, Service& service);

  const HttpEmbedderOptions options_;
  const std::string model_id_;
  TextBatcher batcher_;
};

}  // namespace reflex::remote
