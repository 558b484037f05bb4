#include "remote/http_embedder.h"

#include <algorithm>
#include <utility>

#include "base/utf8.h"

namespace reflex::remote {
namespace {

// What vectors depend on. Not the URL: two services with the same model give the same vectors.
std::string IdOf(const HttpEmbedderOptions& options) {
  return "http " + options.model + (options.prefix.empty() ? "" : " prefix=" + options.prefix);
}

TextBatcher::Limits LimitsOf(const HttpEmbedderOptions& options) {
  TextBatcher::Limits limits;
  limits.calls_max = options.calls_max;
  limits.waiting_max = options.queue_max;
  limits.texts_max = options.batch_max;
  return limits;
}

Result<void> Check(const HttpEmbedderOptions& options) {
  const auto refuse = [](const std::string& what) -> Result<void> { return Fail(ErrorCode::kInvalidArgument, "embedder." + what); };
  if (options.model.empty()) return refuse("model = \"\" is not allowed; allowed: the model's name, as the service knows it");
  if (options.calls_max == 0 || options.queue_max == 0 || options.batch_max == 0) {
    return refuse("calls_max, queue_max and batch_max must be at least 1");
  }
  if (options.dimension > 65'535) return refuse("dimension must be at most 65535");
  return {};
}

// The dimension of the vectors that the service makes now.
Result<std::uint32_t> Probe(const HttpEmbedderOptions& options, Service& service, std::chrono::milliseconds wait) {
  const std::string texts[] = {options.prefix + "Reflex"};
  const auto reply = service.Call(EmbedCall(options.form, options.model, texts), wait);
  if (!reply) return std::unexpected(reply.error());
  const auto vectors = ReadEmbeddings(options.form, reply->body, 1, 0);
  if (!vectors) {
    return Fail(ErrorCode::kInvalidArgument, service.name() + " at " + service.base().text + " gave a wrong answer: " +
                                                 vectors.error().message + "; allowed: the right embedder.url and embedder.form");
  }
  return static_cast<std::uint32_t>(vectors->front().size());
}

}  // namespace

HttpEmbedder::HttpEmbedder(HttpEmbedderOptions options, Service& service)
    : options_(std::move(options)),
      model_id_(IdOf(options_)),
      batcher_(
          service, LimitsOf(options_),
          [form = options_.form, model = options_.model](std::span<const std::string> texts) {
            return EmbedCall(form, model, texts);
          },
          [form = options_.form, dimension = options_.dimension](const std::string& body, std::size_t count) {
            return ReadEmbeddings(form, body, count, dimension);
          }) {}

Result<std::unique_ptr<HttpEmbedder>> HttpEmbedder::Open(HttpEmbedderOptions options, Service& service,
                                                         std::chrono::milliseconds wait) {
  REFLEX_CHECK(Check(options));
  const auto dimension = Probe(options, service, wait);
  if (!dimension) {
    const bool passes = dimension.error().code != ErrorCode::kInvalidArgument && dimension.error().code != ErrorCode::kTooLarge;
    if (!passes || options.dimension == 0) {
      return Fail(ErrorCode::kInvalidArgument,
                  dimension.error().message + (passes ? "; set embedder.dimension to start without the service" : ""));
    }
  } else if (options.dimension != 0 && *dimension != options.dimension) {
    return Fail(ErrorCode::kInvalidArgument, "embedder.dimension is " + std::to_string(options.dimension) +
                                                 ", but the vectors of " + options.model + " have " + std::to_string(*dimension) +
                                                 " numbers");
  } else {
    options.dimension = *dimension;
  }
  return std::unique_ptr<HttpEmbedder>(new HttpEmbedder(std::move(options), service));
}

Result<Embedding> HttpEmbedder::Embed(std::string_view text, std::span<const TextSpan>, std::chrono::nanoseconds limit) {
  if (!base::IsUtf8(text)) return Fail(ErrorCode::kInvalidArgument, "the text is not UTF-8");
  Embedding embedding;
  REFLEX_TRY(embedding.text,
             batcher_.Submit(options_.prefix + std::string(text), std::min<std::chrono::nanoseconds>(limit, options_.time_limit)));
  return embedding;
}

}  // namespace reflex::remote
