#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "cloud/checksum.h"
#include "fake_clouds.h"

namespace reflex::test {
namespace {

constexpr std::size_t kUnit = 256 << 10;

FakeReply Json(int status, std::string body) {
  return {.status = status, .headers = {{"Content-Type", "application/json"}}, .body = std::move(body)};
}

FakeReply Refuse(int status, const std::string& words) {
  return Json(status, R"({"error":{"code":)" + std::to_string(status) + R"(,"message":")" + words + "\"}}");
}

}  // namespace

FakeGoogle::FakeGoogle() {
  http_.Serve([this](const FakeRequest& request) { return Handle(request); });
}

std::map<std::string, FakeObject> FakeGoogle::objects() {
  const std::lock_guard lock(mutex_);
  return objects_;
}

void FakeGoogle::Clear() {
  const std::lock_guard lock(mutex_);
  objects_.clear();
}

void FakeGoogle::Put(const std::string& key, const std::string& bytes) {
  const std::lock_guard lock(mutex_);
  objects_[key] = {.bytes = bytes, .crc32c = cloud::Crc32cText(cloud::Crc32c(bytes)), .generation = next_++};
}

void FakeGoogle::ExpireTokens() {
  const std::lock_guard lock(mutex_);
  valid_from_ = token_ + 1;
}

int FakeGoogle::tokens_given() {
  const std::lock_guard lock(mutex_);
  return token_;
}

std::vector<std::string> FakeGoogle::assertions() {
  const std::lock_guard lock(mutex_);
  return assertions_;
}

int FakeGoogle::sessions_open() {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(sessions_.size());
}

bool FakeGoogle::stopped() {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

void FakeGoogle::LieAboutChecksums(int times) {
  const std::lock_guard lock(mutex_);
  lies_ = times;
}

void FakeGoogle::KeepNothingOfCutPieces() {
  const std::lock_guard lock(mutex_);
  keeps_cut_ = false;
}

FakeReply FakeGoogle::Handle(const FakeRequest& request) {
  const std::lock_guard lock(mutex_);
  if (request.path.starts_with("/computeMetadata/")) return Metadata(request);
  if (request.path == "/token") {
    assertions_.push_back(request.body);
    return Token();
  }
  const std::string authorization = request.Header("authorization");
  int number = 0;
  if (std::sscanf(authorization.c_str(), "Bearer tok-%d", &number) != 1 && authorization != "Bearer given") {
    return Refuse(401, "Login Required");
  }
  if (authorization != "Bearer given" && (number < valid_from_ || number > token_)) return Refuse(401, "Invalid Credentials");
  if (request.path == "/compute/v1/projects/my-project/zones/europe-west3-a/instances/my-machine/stop") {
    stopped_ = true;
    return Json(200, R"({"kind":"compute#operation","status":"RUNNING"})");
  }
  if (request.path.starts_with("/upload/storage/v1/b/bkt/o")) return Upload(request);
  if (request.path.starts_with("/storage/v1/b/bkt/o")) return Objects(request);
  return Refuse(404, "The specified bucket does not exist.");
}

FakeReply FakeGoogle::Token() {
  ++token_;
  return Json(200, R"({"access_token":"tok-)" + std::to_string(token_) + R"(","expires_in":3600,"token_type":"Bearer"})");
}

FakeReply FakeGoogle::Metadata(const FakeRequest& request) {
  if (request.Header("metadata-flavor") != "Google") return Refuse(403, "no Metadata-Flavor");
  FakeReply reply{.status = 200, .headers = {}};
  if (request.path.ends_with("/default/token")) reply = Token();
  if (request.path.ends_with("/project/project-id")) reply.body = "my-project";
  if (request.path.ends_with("/instance/zone")) reply.body = "projects/1234/zones/europe-west3-a";
  if (request.path.ends_with("/instance/name")) reply.body = "my-machine";
  reply.headers.emplace_back("Metadata-Flavor", "Google");
  return reply;
}

FakeReply FakeGoogle::Upload(const FakeRequest& request) {
  if (request.method == "POST") {
    if (request.cut) return {};
    const std::string id = "s" + std::to_string(next_++);
    const std::size_t crc = request.body.find("\"crc32c\":\"");
    sessions_[id] = {.key = request.Query("name"),
                     .crc32c = crc == std::string::npos ? "" : request.body.substr(crc + 10, 8),
                     .bytes = {},
                     .total = std::strtoull(request.Header("x-upload-content-length").c_str(), nullptr, 10)};
    return {.status = 200, .headers = {{"Location", http_.url() + "/upload/storage/v1/b/bkt/o?upload_id=" + id}}};
  }
  if (request.method == "DELETE") {
    sessions_.erase(request.Query("upload_id"));
    return {.status = 499, .headers = {}};
  }
  return Piece(request);
}

FakeReply FakeGoogle::Piece(const FakeRequest& request) {
  if (const auto done = finished_.find(request.Query("upload_id")); done != finished_.end()) {
    return Json(200, Describe(done->second, objects_[done->second]));
  }
  const auto found = sessions_.find(request.Query("upload_id"));
  if (found == sessions_.end()) return Refuse(404, "no such session");
  Session& session = found->second;
  const std::string range = request.Header("content-range");
  unsigned long long first = 0, last = 0, total = 0;
  if (std::sscanf(range.c_str(), "bytes %llu-%llu/%llu", &first, &last, &total) == 3) {
    if (first > session.bytes.size()) return Refuse(400, "a hole");
    std::string piece = request.body;
    if (request.cut) piece.resize(keeps_cut_ ? piece.size() / kUnit * kUnit : 0);
    session.bytes = session.bytes.substr(0, first) + piece;
  } else if (std::sscanf(range.c_str(), "bytes */%llu", &total) != 1) {
    return Refuse(400, "no Content-Range");
  }
  if (request.cut) return {};
  if (session.bytes.size() < total) {
    FakeReply reply{.status = 308, .headers = {}};
    if (!session.bytes.empty()) reply.headers.emplace_back("Range", "bytes=0-" + std::to_string(session.bytes.size() - 1));
    return reply;
  }
  if (cloud::Crc32cText(cloud::Crc32c(session.bytes)) != session.crc32c) {
    sessions_.erase(found);
    return Refuse(400, "Provided CRC32C does not match");
  }
  const std::string key = session.key;
  objects_[key] = {.bytes = session.bytes, .crc32c = session.crc32c, .generation = next_++};
  finished_[found->first] = key;
  sessions_.erase(found);
  FakeObject told = objects_[key];
  if (lies_ > 0) --lies_, told.crc32c = "AAAAAA==";
  return Json(200, Describe(key, told));
}

std::string FakeGoogle::Describe(const std::string& key, const FakeObject& object) {
  return R"({"kind":"storage#object","name":")" + key + R"(","size":")" + std::to_string(object.bytes.size()) + R"(","crc32c":")" +
         object.crc32c + R"(","generation":")" + std::to_string(object.generation) + R"(","updated":"2026-03-09T17:0)" +
         std::to_string(object.generation % 10) + R"(:06.789Z"})";
}

FakeReply FakeGoogle::Objects(const FakeRequest& request) {
  const std::string prefix = "/storage/v1/b/bkt/o";
  if (request.path == prefix) {
    // Two a page, so that pages are turned.
    std::string items;
    std::string next;
    int count = 0;
    for (const auto& [key, object] : objects_) {
      if (!key.starts_with(request.Query("prefix")) || key <= request.Query("pageToken")) continue;
      if (key.find('/', request.Query("prefix").size()) != std::string::npos) continue;
      if (count++ == 2) {
        next = items.empty() ? "" : R"(,"nextPageToken":")" + std::prev(objects_.lower_bound(key))->first + "\"";
        break;
      }
      items += (items.empty() ? "" : ",") + Describe(key, object);
    }
    return Json(200, R"({"kind":"storage#objects")" + next + (items.empty() ? "" : ",\"items\":[" + items + "]") + "}");
  }
  const auto found = objects_.find(request.path.substr(prefix.size() + 1));
  if (found == objects_.end()) return Refuse(404, "No such object");
  const std::string generation = request.Query("generation");
  if (!generation.empty() && generation != std::to_string(found->second.generation)) return Refuse(404, "No such generation");
  if (request.method == "DELETE") {
    objects_.erase(found);
    return {.status = 204, .headers = {}};
  }
  if (request.Query("alt") != "media") return Json(200, Describe(found->first, found->second));
  unsigned long long first = 0;
  if (std::sscanf(request.Header("range").c_str(), "bytes=%llu-", &first) != 1) return {.status = 200, .body = found->second.bytes};
  return {
      .status = 206, .headers = {}, .body = found->second.bytes.substr(std::min<std::size_t>(first, found->second.bytes.size()))};
}

}  // namespace reflex::test
