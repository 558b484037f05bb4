#include "upstream/reply.h"

#include <string>
#include <utility>

#include "http/message.h"
#include "upstream/request.h"

namespace reflex::upstream {
namespace {

using http::EqualsIgnoringCase;

// Bytes as they come.
class PlainReply : public Reply {
 public:
  PlainReply(std::unique_ptr<http::ClientReply> reply, bool decoded) : reply_(std::move(reply)) {
    std::string joined;
    const std::string_view connection = ConnectionValue(reply_->headers(), joined);
    headers_.reserve(reply_->headers().size());
    for (const http::Header& header : reply_->headers()) {
      if (http::IsHopByHop(header.name, connection)) continue;
      const bool of_encoded =
          decoded && (EqualsIgnoringCase(header.name, "Content-Encoding") || EqualsIgnoringCase(header.name, "Content-Length"));
      if (!of_encoded) headers_.push_back(header);
    }
  }

  int status() const override { return reply_->status(); }
  std::span<const http::Header> headers() const override { return headers_; }
  std::optional<std::uint64_t> content_length() const override { return reply_->content_length(); }
  http::Task<Result<std::string_view>> Read() override { return reply_->Read(); }
  void Cancel() override { reply_->Cancel(); }
  http::ClientReply& raw() override { return *reply_; }

 protected:
  const std::unique_ptr<http::ClientReply> reply_;
  std::vector<http::Header> headers_;
};

class DecodedReply final : public PlainReply {
 public:
  DecodedReply(std::unique_ptr<http::ClientReply> reply, std::unique_ptr<http::ContentDecoder> decoder)
      : PlainReply(std::move(reply), true), decoder_(std::move(decoder)) {}

  std::optional<std::uint64_t> content_length() const override { return std::nullopt; }

  http::Task<Result<std::string_view>> Read() override {
    for (;;) {
      if (failure_) co_return std::unexpected(*failure_);
      auto decoded = decoder_->Next();
      if (!decoded) {
        // What follows cannot be understood: nothing more is read.
        failure_ = std::move(decoded).error();
        reply_->Cancel();
        continue;
      }
      if (!decoded->empty() || ended_) co_return *decoded;
      REFLEX_CO_TRY(const std::string_view encoded, co_await reply_->Read());
      ended_ = encoded.empty();
      if (!ended_) {
        decoder_->Feed(encoded);
      } else if (auto finished = decoder_->Finish(); !finished) {
        failure_ = std::move(finished).error();  // Kept: a further Read must not look like a clean end.
      }
    }
  }

 private:
  const std::unique_ptr<http::ContentDecoder> decoder_;
  std::optional<Error> failure_;
  bool ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Reply>> MakeReply(std::unique_ptr<http::ClientReply> reply, bool decode, bool has_body) {
  const http::Header* encoding = http::FindHeader(reply->headers(), "Content-Encoding");
  has_body = has_body && reply->status() >= 200 && reply->status() != 204 && reply->status() != 304;
  if (decode && has_body && encoding != nullptr) {
    const auto coding = http::ParseContentCoding(encoding->value);
    if (coding) {
      REFLEX_TRY(auto decoder, http::ContentDecoder::Create(*coding));
      return std::make_unique<DecodedReply>(std::move(reply), std::move(decoder));
    }
  }
  return std::make_unique<PlainReply>(std::move(reply), false);
}

}  // namespace reflex::upstream
