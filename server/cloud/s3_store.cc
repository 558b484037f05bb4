#include "cloud/s3_store.h"

#include <algorithm>
#include <utility>

#include "cloud/checksum.h"
#include "cloud/object_calls.h"
#include "cloud/receive.h"
#include "cloud/s3_answers.h"
#include "cloud/s3_multipart.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

std::string Words(std::string_view body) {
  const AwsError error = ParseAwsError(body);
  return error.code + (error.message.empty() ? "" : ": " + error.message);
}

Result<std::string> RegionOf(const CloudOptions& options) {
  std::string region = options.region;
  if (region.empty()) region = Variable(options, "AWS_REGION");
  if (region.empty()) region = Variable(options, "AWS_DEFAULT_REGION");
  if (region.empty() && !options.endpoint.empty()) region = "us-east-1";
  const bool plain = std::ranges::all_of(region, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; });
  if (region.empty() || !plain) {
    return Fail(ErrorCode::kInvalidArgument, "cloud.region = " + JsonQuote(region) +
                                                 " does not name the bucket's region; allowed: a region such as \"eu-central-1\" "
                                                 "(REFLEX_CLOUD_REGION, AWS_REGION)");
  }
  return region;
}

// The bucket's URL in the style that the options ask for.
Result<std::string> BucketUrl(const Target& target, const CloudOptions& options, const std::string& region) {
  const std::string usual = "https://s3." + region + ".amazonaws.com" + (region.starts_with("cn-") ? ".cn" : "");
  REFLEX_TRY(const Endpoint endpoint, ParseEndpoint("cloud.endpoint", options.endpoint.empty() ? usual : options.endpoint));
  const std::string& style = options.s3_style;
  if (style != "auto" && style != "path" && style != "virtual") {
    return Fail(ErrorCode::kInvalidArgument,
                "cloud.s3_style = " + JsonQuote(style) + " is not allowed; allowed: auto, path, virtual");
  }
  // A name with dots does not fit the certificate of *.s3.region.amazonaws.com.
  const bool dotted = target.place.find('.') != std::string::npos;
  if (style == "virtual" || (style == "auto" && options.endpoint.empty() && !dotted)) {
    return endpoint.scheme + "://" + target.place + "." + endpoint.authority + endpoint.path;
  }
  return endpoint.ToString() + "/" + target.place;
}

// The checksum of all bytes, and those bytes where they are one part.
struct Summed {
  std::string crc;
  std::string whole;
};
Result<Summed> Sum(const OutgoingFile& file, std::uint64_t part_bytes) {
  Summed summed;
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < file.bytes(); at += summed.whole.size()) {
    REFLEX_CHECK(file.Read(at, static_cast<std::size_t>(std::min(part_bytes, file.bytes() - at)), summed.whole));
    crc = Crc32c(summed.whole, crc);
  }
  summed.crc = Crc32cText(crc);
  return summed;
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> S3Store::Open(Target target, const CloudOptions& options, Clock& clock, Logger& logger) {
  REFLEX_TRY(std::string region, RegionOf(options));
  REFLEX_TRY(std::string base, BucketUrl(target, options, region));
  return std::unique_ptr<ObjectStore>(new S3Store(std::move(target), options, std::move(base), std::move(region), clock, logger));
}

S3Store::S3Store(Target target, const CloudOptions& options, std::string base, std::string region, Clock& clock, Logger& logger)
    : target_(std::move(target)),
      options_(options),
      base_(std::move(base)),
      clock_(clock),
      logger_(logger),
      http_(options.ca_file),
      auth_(options_, http_, clock, std::move(region), "s3"),
      caller_(http_, &auth_, Words) {}

Operation S3Store::Begin(std::string_view what, std::string_view name, const Progress& progress) {
  return Operation(options_, clock_, logger_,
                   std::string(what) + " " + target_.text + (name.empty() ? "" : "/") + std::string(name), progress);
}

std::string S3Store::ObjectUrl(std::string_view name) const {
  return base_ + "/" + PercentEncode(target_.prefix + std::string(name), true);
}

Result<void> S3Store::Upload(const std::filesystem::path& file, std::string_view name, const Progress& progress) {
  REFLEX_CHECK(CheckObjectName(name));
  REFLEX_TRY(const OutgoingFile source, OutgoingFile::Open(file));
  Operation operation = Begin("upload of", name, progress);
  operation.set_total(source.bytes());
  const std::string url = ObjectUrl(name);
  Result<void> sent;
  {
    REFLEX_TRY(const Summed summed, Sum(source, options_.part_bytes));
    sent = source.bytes() <= options_.part_bytes ? PutWhole(operation, summed.whole, url, summed.crc)
                                                 : S3Multipart(caller_, operation, source, url, summed.crc).Run();
  }
  if (sent) sent = CheckUploaded(operation, source, url);
  // Nowhere to put it is not the same as no such file here.
  if (!sent && sent.error().code == ErrorCode::kNotFound) sent.error().code = ErrorCode::kUnavailable;
  return sent;
}

Result<void> S3Store::PutWhole(Operation& operation, std::string_view body, const std::string& url, const std::string& crc) {
  for (int attempt = 1;; ++attempt) {
    HttpRequest request{.method = "PUT",
                        .url = url,
                        .headers = {{"Content-Type", "application/octet-stream"}, {std::string(kCrcHeader), crc}},
                        .body = body};
    if (const std::string md5 = Md5(body); !md5.empty()) request.headers.emplace_back("Content-MD5", Base64(md5));
    request.progress = [&operation](std::uint64_t sent, std::uint64_t) { return operation.Report(sent).has_value(); };
    REFLEX_TRY(const HttpReply reply, caller_.Send(operation, request));
    if (reply.ok() && EtagFits(reply, body)) return operation.Report(body.size());
    Error error = caller_.StatusError(operation, reply);
    const bool damaged = reply.ok() || ParseAwsError(reply.body).code == "BadDigest";
    if (reply.ok()) error.message = operation.what() + ": the ETag that came back is not the MD5 of what was sent";
    if (damaged) error.code = ErrorCode::kCorrupt;
    if (damaged && attempt < kAttemptsAtDamage) {
      REFLEX_CHECK(operation.WaitToRetry(error));
      continue;
    }
    // An object that arrived other than it was sent does not stay.
    if (reply.ok()) (void)caller_.Send(operation, {.method = "DELETE", .url = url, .headers = {}});
    return std::unexpected(std::move(error));
  }
}

Result<void> S3Store::CheckUploaded(Operation& operation, const OutgoingFile& file, const std::string& url) {
  REFLEX_TRY(const HttpReply reply, caller_.Send(operation, {.method = "HEAD", .url = url, .headers = {}}));
  if (!reply.ok()) return std::unexpected(caller_.StatusError(operation, reply));
  const std::optional<std::uint64_t> bytes = ParseNumber(reply.Header("content-length"));
  if (bytes && *bytes == file.bytes()) return {};
  (void)caller_.Send(operation, {.method = "DELETE", .url = url, .headers = {}});
  return Fail(ErrorCode::kCorrupt, operation.what() + ": " + std::to_string(file.bytes()) + " bytes were sent, the object has " +
                                       std::string(reply.Header("content-length")));
}

Result<void> S3Store::Download(std::string_view name, const std::filesystem::path& file, const Progress& progress) {
  REFLEX_CHECK(CheckObjectName(name));
  Operation operation = Begin("download of", name, progress);
  REFLEX_TRY(const HttpReply head, caller_.Send(operation, {.method = "HEAD", .url = ObjectUrl(name), .headers = {}}));
  if (!head.ok()) return std::unexpected(caller_.StatusError(operation, head));
  const std::optional<std::uint64_t> bytes = ParseNumber(head.Header("content-length"));
  if (!bytes) return Fail(ErrorCode::kProtocol, operation.what() + ": the answer does not tell the object's size");
  HttpRequest request{.method = "GET", .url = ObjectUrl(name), .headers = {}};
  if (const std::string_view etag = head.Header("etag"); !etag.empty()) request.headers.emplace_back("If-Match", etag);
  REFLEX_TRY(const std::unique_ptr<IncomingFile> incoming, IncomingFile::Create(file));
  REFLEX_CHECK(Receive(caller_, operation, request, *incoming, {.bytes = *bytes, .crc32c = std::string(head.Header(kCrcHeader))}));
  return incoming->Commit();
}

Result<std::vector<ObjectInfo>> S3Store::List() {
  Operation operation = Begin("list of", "");
  Listing listing{.prefix = target_.prefix, .url = {}, .parse = ParseS3Page};
  listing.url = [this](const std::string& next) {
    return base_ + "/?" + (next.empty() ? "" : "continuation-token=" + PercentEncode(next, false) + "&") +
           "delimiter=%2F&list-type=2&prefix=" + PercentEncode(target_.prefix, false);
  };
  return ListObjects(caller_, operation, listing);
}

Result<void> S3Store::Delete(std::string_view name) {
  REFLEX_CHECK(CheckObjectName(name));
  Operation operation = Begin("removal of", name);
  return DeleteObject(caller_, operation, ObjectUrl(name));
}

}  // namespace reflex::cloud
