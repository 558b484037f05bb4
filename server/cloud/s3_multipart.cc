#include "cloud/s3_multipart.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "base/digest.h"
#include "cloud/checksum.h"
#include "cloud/s3_answers.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

constexpr std::uint64_t kPartBytesMin = 5ull << 20;
constexpr std::uint64_t kPartsMax = 10'000;
constexpr std::uint64_t kMegabyte = 1ull << 20;
constexpr std::chrono::milliseconds kAbortLimit{10'000};

std::uint64_t PartBytes(std::uint64_t wanted, std::uint64_t file_bytes) {
  const std::uint64_t needed = (file_bytes + kPartsMax - 1) / kPartsMax;
  return std::max({wanted, kPartBytesMin, (needed + kMegabyte - 1) / kMegabyte * kMegabyte});
}

std::string XmlEscaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&')
      escaped += "&amp;";
    else if (c == '<')
      escaped += "&lt;";
    else if (c == '>')
      escaped += "&gt;";
    else
      escaped += c;
  }
  return escaped;
}

}  // namespace

bool EtagFits(const HttpReply& reply, std::string_view body) {
  std::string_view etag = reply.Header("etag");
  if (etag.size() >= 2 && etag.starts_with('"') && etag.ends_with('"')) etag = etag.substr(1, etag.size() - 2);
  const bool md5_form = etag.size() == 32 && std::ranges::all_of(etag, [](unsigned char c) { return std::isxdigit(c) != 0; });
  const bool encrypted = reply.Header("x-amz-server-side-encryption").starts_with("aws:kms") ||
                         !reply.Header("x-amz-server-side-encryption-customer-algorithm").empty();
  const std::string md5 = Md5(body);
  if (!md5_form || encrypted || md5.empty()) return !etag.empty();
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(md5.data());
  return std::ranges::equal(etag, base::ToHex(std::span(bytes, md5.size())),
                            [](unsigned char a, unsigned char b) { return std::tolower(a) == b; });
}

S3Multipart::S3Multipart(RemoteCaller& caller, Operation& operation, const OutgoingFile& file, std::string url, std::string crc)
    : caller_(caller), operation_(operation), file_(file), url_(std::move(url)), crc_(std::move(crc)) {}

S3Multipart::~S3Multipart() {
  if (id_.empty()) return;
  const auto keep_going = [](std::uint64_t, std::uint64_t) { return true; };
  const Result<HttpReply> aborted = caller_.Once(operation_, {.method = "DELETE",
                                                              .url = PartUrl("uploadId=" + PercentEncode(id_, false)),
                                                              .headers = {},
                                                              .progress = keep_going,
                                                              .time_limit = kAbortLimit});
  if (aborted && (aborted->ok() || aborted->status == 404)) return;
  operation_.logger().Log(LogLevel::kWarning, "cloud-upload-not-aborted what=" + JsonQuote(operation_.what()));
}

Result<void> S3Multipart::Run() {
  REFLEX_CHECK(Start());
  const std::uint64_t part_bytes = PartBytes(operation_.options().part_bytes, file_.bytes());
  std::uint32_t number = 0;
  for (std::uint64_t at = 0; at < file_.bytes(); at += piece_.size()) {
    REFLEX_CHECK(file_.Read(at, static_cast<std::size_t>(std::min(part_bytes, file_.bytes() - at)), piece_));
    REFLEX_CHECK(SendPart(++number, at));
    operation_.Moved();
  }
  return Complete();
}

Result<void> S3Multipart::Start() {
  REFLEX_TRY(
      const HttpReply reply,
      caller_.Send(operation_, {.method = "POST",
                                .url = PartUrl("uploads="),
                                .headers = {{"Content-Type", "application/octet-stream"}, {std::string(kCrcHeader), crc_}}}));
  if (!reply.ok()) return std::unexpected(caller_.StatusError(operation_, reply));
  Result<std::string> id = ParseUploadId(reply.body);
  if (!id) return Fail(id.error().code, operation_.what() + ": " + id.error().message);
  id_ = std::move(*id);
  return {};
}

Result<void> S3Multipart::SendPart(std::uint32_t number, std::uint64_t at) {
  const std::string url = PartUrl("partNumber=" + std::to_string(number) + "&uploadId=" + PercentEncode(id_, false));
  for (int attempt = 1;; ++attempt) {
    REFLEX_CHECK(operation_.Report(at));
    HttpRequest request{.method = "PUT", .url = url, .headers = {}, .body = piece_};
    if (const std::string md5 = Md5(piece_); !md5.empty()) request.headers.emplace_back("Content-MD5", Base64(md5));
    request.progress = [this, at](std::uint64_t sent, std::uint64_t) {
      return operation_.Report(at + std::min<std::uint64_t>(sent, piece_.size())).has_value();
    };
    REFLEX_TRY(const HttpReply reply, caller_.Send(operation_, request));
    Error error = caller_.StatusError(operation_, reply);
    if (reply.ok() && EtagFits(reply, piece_)) {
      etags_.emplace_back(reply.Header("etag"));
      return operation_.Report(at + piece_.size());
    }
    const bool damaged = reply.ok() || ParseAwsError(reply.body).code == "BadDigest";
    if (reply.ok()) error.message = operation_.what() + ": the ETag of part " + std::to_string(number) + " is not its MD5";
    if (damaged) error.code = ErrorCode::kCorrupt;
    if (!damaged || attempt == kAttemptsAtDamage) return std::unexpected(std::move(error));
    REFLEX_CHECK(operation_.WaitToRetry(error));
  }
}

Result<void> S3Multipart::Complete() {
  std::string body = "<CompleteMultipartUpload>";
  for (std::size_t i = 0; i < etags_.size(); ++i) {
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + XmlEscaped(etags_[i]) + "</ETag></Part>";
  }
  body += "</CompleteMultipartUpload>";
  for (bool asked_before = false;; asked_before = true) {
    const Result<HttpReply> reply = caller_.Once(operation_, {.method = "POST",
                                                              .url = PartUrl("uploadId=" + PercentEncode(id_, false)),
                                                              .headers = {{"Content-Type", "application/xml"}},
                                                              .body = body});
    // The status comes before the work is done: an error may follow it in the body.
    const AwsError inside = reply ? ParseAwsError(reply->body) : AwsError();
    if (reply && reply->ok() && inside.code.empty()) break;
    // An earlier attempt whose answer was lost did it; the caller looks at the object itself.
    if (asked_before && reply && reply->status == 404) break;
    if (!reply && !MayPass(reply.error().code)) return std::unexpected(reply.error());
    const Error reason = reply ? caller_.StatusError(operation_, *reply) : reply.error();
    if (reply && !MayPass(reply->status) && !(reply->ok() && inside.code == "InternalError")) return std::unexpected(reason);
    REFLEX_CHECK(operation_.WaitToRetry(reason, reply ? RetryAfter(*reply, operation_.clock().WallMs()) : std::nullopt));
  }
  id_.clear();
  return {};
}

}  // namespace reflex::cloud
