#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <span>

#include "base/digest.h"
#include "cloud/checksum.h"
#include "cloud/text_forms.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

constexpr std::int64_t kSkewMaxMs = 900'000;

FakeReply Refuse(int status, const std::string& code) {
  return {.status = status,
          .headers = {{"Content-Type", "application/xml"}},
          .body = "<?xml version=\"1.0\"?>\n<Error><Code>" + code + "</Code><Message>said &quot;no&quot;</Message></Error>"};
}

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) escaped += c == '&' ? std::string("&amp;") : std::string(1, c);
  return escaped;
}

std::string Etag(const std::string& bytes) {
  const std::string md5 = cloud::Md5(bytes);
  return "\"" + base::ToHex(std::span(reinterpret_cast<const std::uint8_t*>(md5.data()), md5.size())) + "\"";
}

}  // namespace

FakeS3::FakeS3() {
  http_.Serve([this](const FakeRequest& request) { return Handle(request); });
}

std::map<std::string, FakeObject> FakeS3::objects() {
  const std::lock_guard lock(mutex_);
  return objects_;
}

void FakeS3::Clear() {
  const std::lock_guard lock(mutex_);
  objects_.clear();
}

void FakeS3::Put(const std::string& key, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  objects_[key] = {.bytes = bytes, .crc32c = cloud::Crc32cText(cloud::Crc32c(bytes)), .generation = next_++};
}

int FakeS3::uploads_open() {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(uploads_.size());
}

void FakeS3::ExpireKeys() {
  const std::lock_guard lock(mutex_);
  ++role_;
}

std::vector<std::string> FakeS3::sessions_seen() {
  const std::lock_guard lock(mutex_);
  return sessions_seen_;
}

bool FakeS3::stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void FakeS3::LieAboutEtags(int times) {
  const std::lock_guard lock(mutex_);
  lies_ = times;
}

FakeReply FakeS3::Handle(const FakeRequest& request) {
  const std::lock_guard lock(mutex_);
  if (request.cut) return {};
  if (request.path.starts_with("/latest/")) return Metadata(request);
  if (FakeReply refusal = Refusal(request); refusal.status != 200) return refusal;
  if (request.path == "/" && request.body == "Action=StopInstances&InstanceId.1=i-0123abcd&Version=2016-11-15") {
    stopped_ = true;
    return {.status = 200, .headers = {}, .body = "<StopInstancesResponse/>"};
  }
  if (request.path == "/bkt/") return List(request);
  if (!request.path.starts_with("/bkt/")) return Refuse(404, "NoSuchBucket");
  const std::string key = request.path.substr(5);
  return request.query.contains("uploads") || request.query.contains("uploadId") ? Multipart(request, key) : Object(request, key);
}

FakeReply FakeS3::Metadata(const FakeRequest& request) {
  if (request.path == "/latest/api/token")
    return {.status = request.method == "PUT" ? 200 : 405, .headers = {}, .body = "imds-token"};
  if (request.Header("x-aws-ec2-metadata-token") != "imds-token") return {.status = 401, .headers = {}};
  if (request.path.ends_with("/security-credentials/")) return {.status = 200, .headers = {}, .body = "my-role\n"};
  if (request.path.ends_with("/security-credentials/my-role")) {
    return {.status = 200,
            .headers = {},
            .body = R"({"Code":"Success","AccessKeyId":"ASIA","SecretAccessKey":"secret","Token":"session-)" +
                    std::to_string(role_) + R"(","Expiration":"2099-01-01T00:00:00Z"})"};
  }
  if (request.path.ends_with("/instance-id")) return {.status = 200, .headers = {}, .body = "i-0123abcd"};
  if (request.path.ends_with("/placement/region")) return {.status = 200, .headers = {}, .body = "eu-central-1"};
  return {.status = 404, .headers = {}};
}

FakeReply FakeS3::Refusal(const FakeRequest& request) {
  if (!request.Header("authorization").starts_with("AWS4-HMAC-SHA256 Credential=")) return Refuse(403, "AccessDenied");
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::sscanf(request.Header("x-amz-date").c_str(), "%4d%2d%2dT%2d%2d%2dZ", &year, &month, &day, &hour, &minute, &second);
  char iso[64];
  std::snprintf(iso, sizeof iso, "%04d-%02d-%02dT%02d:%02d:%02dZ", year, month, day, hour, minute, second);
  if (std::abs(cloud::ParseIsoTime(iso).value_or(0) - http_.NowMs()) > kSkewMaxMs) return Refuse(403, "RequestTimeTooSkewed");
  const std::string session = request.Header("x-amz-security-token");
  if (session.empty()) return {};
  sessions_seen_.push_back(session);
  return session == "session-" + std::to_string(role_) ? FakeReply{} : Refuse(400, "ExpiredToken");
}

FakeReply FakeS3::Object(const FakeRequest& request, const std::string& key) {
  if (request.method == "PUT") {
    if (request.Header("content-md5") != cloud::Base64(cloud::Md5(request.body))) return Refuse(400, "BadDigest");
    objects_[key] = {.bytes = request.body, .crc32c = request.Header("x-amz-meta-reflex-crc32c"), .generation = next_++};
    const bool lie = lies_ > 0 && lies_-- > 0;
    return {.status = 200, .headers = {{"ETag", lie ? "\"00000000000000000000000000000000\"" : Etag(request.body)}}};
  }
  const auto found = objects_.find(key);
  if (request.method == "DELETE") {
    if (found != objects_.end()) objects_.erase(found);
    return {.status = 204, .headers = {}};
  }
  if (found == objects_.end()) return Refuse(404, "NoSuchKey");
  const FakeObject& object = found->second;
  const std::string etag = "\"v" + std::to_string(object.generation) + "\"";
  if (const std::string wanted = request.Header("if-match"); !wanted.empty() && wanted != etag)
    return Refuse(412, "PreconditionFailed");
  FakeReply reply{.status = 200, .headers = {{"ETag", etag}, {"x-amz-meta-reflex-crc32c", object.crc32c}}, .body = object.bytes};
  unsigned long long first = 0;
  if (std::sscanf(request.Header("range").c_str(), "bytes=%llu-", &first) == 1) {
    reply.status = 206;
    reply.body.erase(0, first);
  }
  return reply;
}

FakeReply FakeS3::Multipart(const FakeRequest& request, const std::string& key) {
  if (request.query.contains("uploads")) {
    const std::string id = "up/load+" + std::to_string(next_++) + "==";
    uploads_[id] = {.key = key, .crc32c = request.Header("x-amz-meta-reflex-crc32c"), .parts = {}};
    return {.status = 200,
            .headers = {},
            .body = "<InitiateMultipartUploadResult><UploadId>" + id + "</UploadId></InitiateMultipartUploadResult>"};
  }
  const auto found = uploads_.find(request.Query("uploadId"));
  if (found == uploads_.end() || found->second.key != key) return Refuse(404, "NoSuchUpload");
  Upload& upload = found->second;
  if (request.method == "DELETE") {
    uploads_.erase(found);
    return {.status = 204, .headers = {}};
  }
  if (request.method == "PUT") {
    if (request.Header("content-md5") != cloud::Base64(cloud::Md5(request.body))) return Refuse(400, "BadDigest");
    upload.parts[std::atoi(request.Query("partNumber").c_str())] = request.body;
    const bool lie = lies_ > 0 && lies_-- > 0;
    return {.status = 200, .headers = {{"ETag", lie ? "\"00000000000000000000000000000000\"" : Etag(request.body)}}};
  }
  FakeObject object{.bytes = {}, .crc32c = upload.crc32c, .generation = next_++};
  for (const auto& [number, part] : upload.parts) {
    if (request.body.find("<PartNumber>" + std::to_string(number) + "</PartNumber><ETag>" + Etag(part)) == std::string::npos) {
      return Refuse(400, "InvalidPart");
    }
    object.bytes += part;
  }
  objects_[key] = object;
  uploads_.erase(found);
  return {.status = 200, .headers = {}, .body = "<CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>"};
}

FakeReply FakeS3::List(const FakeRequest& request) {
  std::string items;
  std::string last;
  int count = 0;
  bool more = false;
  for (const auto& [key, object] : objects_) {
    if (!key.starts_with(request.Query("prefix")) || key <= request.Query("continuation-token")) continue;
    if (key.find('/', request.Query("prefix").size()) != std::string::npos) continue;
    more = count++ == 2;
    if (more) break;
    last = key;
    items += "<Contents><Key>" + Escaped(key) + "</Key><LastModified>2026-03-09T17:0" + std::to_string(object.generation % 10) +
             ":06.000Z</LastModified><Size>" + std::to_string(object.bytes.size()) + "</Size></Contents>";
  }
  return {.status = 200,
          .headers = {},
          .body =
              "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ListBucketResult "
              "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Name>b</Name>"
              "<IsTruncated>" +
              std::string(more ? "true" : "false") + "</IsTruncated>" +
              (more ? "<NextContinuationToken>" + Escaped(last) + "</NextContinuationToken>" : "") + items + "</ListBucketResult>"};
}

}  // namespace reflex::test
