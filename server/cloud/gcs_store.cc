#include "cloud/gcs_store.h"

#include <algorithm>
#include <utility>

#include "cloud/checksum.h"
#include "cloud/files.h"
#include "cloud/gcs_upload.h"
#include "cloud/object_calls.h"
#include "cloud/receive.h"
#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

constexpr std::string_view kEndpoint = "https://storage.googleapis.com";
constexpr std::string_view kScope = "https://www.googleapis.com/auth/devstorage.read_write";

Result<std::string> CrcOf(const OutgoingFile& file) {
  std::string piece;
  std::uint32_t crc = 0;
  for (std::uint64_t at = 0; at < file.bytes(); at += piece.size()) {
    REFLEX_CHECK(file.Read(at, static_cast<std::size_t>(std::min<std::uint64_t>(kPieceBytes, file.bytes() - at)), piece));
    crc = Crc32c(piece, crc);
  }
  return Crc32cText(crc);
}

}  // namespace

Result<std::unique_ptr<ObjectStore>> GcsStore::Open(Target target, const CloudOptions& options, Clock& clock, Logger& logger) {
  REFLEX_TRY(const Endpoint endpoint,
             ParseEndpoint("cloud.endpoint", options.endpoint.empty() ? kEndpoint : std::string_view(options.endpoint)));
  return std::unique_ptr<ObjectStore>(new GcsStore(std::move(target), options, endpoint.ToString(), clock, logger));
}

GcsStore::GcsStore(Target target, const CloudOptions& options, std::string endpoint, Clock& clock, Logger& logger)
    : target_(std::move(target)),
      options_(options),
      endpoint_(std::move(endpoint)),
      clock_(clock),
      logger_(logger),
      http_(options.ca_file),
      auth_(options_, http_, clock, std::string(kScope)),
      caller_(http_, &auth_, GoogleErrorWords) {}

Operation GcsStore::Begin(std::string_view what, std::string_view name, const Progress& progress) {
  return Operation(options_, clock_, logger_,
                   std::string(what) + " " + target_.text + (name.empty() ? "" : "/") + std::string(name), progress);
}

std::string GcsStore::ObjectUrl(std::string_view name) const {
  return endpoint_ + "/storage/v1/b/" + PercentEncode(target_.place, false) + "/o/" +
         PercentEncode(target_.prefix + std::string(name), false);
}

Result<void> GcsStore::Upload(const std::filesystem::path& file, std::string_view name, const Progress& progress) {
  REFLEX_CHECK(CheckObjectName(name));
  REFLEX_TRY(const OutgoingFile source, OutgoingFile::Open(file));
  REFLEX_TRY(const std::string crc, CrcOf(source));
  Operation operation = Begin("upload of", name, progress);
  operation.set_total(source.bytes());
  const std::string key = target_.prefix + std::string(name);
  const std::string start = endpoint_ + "/upload/storage/v1/b/" + PercentEncode(target_.place, false) +
                            "/o?uploadType=resumable&name=" + PercentEncode(key, false);
  for (bool repeated = false;; repeated = true) {
    const Result<StorageObject> object = GcsUpload(caller_, operation, source, start, key, crc).Run();
    if (object && object->bytes == source.bytes() && object->crc32c == crc) return {};
    Error error =
        object ? RemoveDamaged(operation, name, *object,
                               "CRC-32C " + crc + " and " + std::to_string(source.bytes()) + " bytes were sent, the object has " +
                                   object->crc32c + " and " + std::to_string(object->bytes))
               : object.error();
    // Nowhere to put it is not the same as no such file here.
    if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kUnavailable;
    if (repeated || error.code != ErrorCode::kCorrupt) return std::unexpected(std::move(error));
    REFLEX_CHECK(operation.WaitToRetry(error));
  }
}

Error GcsStore::RemoveDamaged(Operation& operation, std::string_view name, const StorageObject& object, std::string difference) {
  // Only the generation that was just made: another writer's object of the same name stays.
  const std::string version = object.generation.empty() ? "" : "?generation=" + object.generation;
  const Result<HttpReply> removed = caller_.Send(operation, {.method = "DELETE", .url = ObjectUrl(name) + version, .headers = {}});
  const bool gone = removed && (removed->ok() || removed->status == 404);
  return {ErrorCode::kCorrupt, operation.what() + ": " + difference + (gone ? "; it was removed" : "; it could not be removed")};
}

Result<void> GcsStore::Download(std::string_view name, const std::filesystem::path& file, const Progress& progress) {
  REFLEX_CHECK(CheckObjectName(name));
  Operation operation = Begin("download of", name, progress);
  REFLEX_TRY(const HttpReply reply, caller_.Send(operation, {.method = "GET", .url = ObjectUrl(name), .headers = {}}));
  if (!reply.ok()) return std::unexpected(caller_.StatusError(operation, reply));
  const Result<StorageObject> object = ParseStorageObject(reply.body);
  if (!object) return Fail(object.error().code, operation.what() + ": " + object.error().message);
  REFLEX_TRY(const std::unique_ptr<IncomingFile> incoming, IncomingFile::Create(file));
  const std::string version = object->generation.empty() ? "" : "&generation=" + object->generation;
  REFLEX_CHECK(Receive(caller_, operation, {.method = "GET", .url = ObjectUrl(name) + "?alt=media" + version, .headers = {}},
                       *incoming, {.bytes = object->bytes, .crc32c = object->crc32c}));
  return incoming->Commit();
}

Result<std::vector<ObjectInfo>> GcsStore::List() {
  Operation operation = Begin("list of", "");
  Listing listing{.prefix = target_.prefix, .url = {}, .parse = {}};
  listing.url = [this](const std::string& next) {
    return endpoint_ + "/storage/v1/b/" + PercentEncode(target_.place, false) +
           "/o?delimiter=%2F&prefix=" + PercentEncode(target_.prefix, false) +
           (next.empty() ? "" : "&pageToken=" + PercentEncode(next, false));
  };
  listing.parse = [](std::string_view body) -> Result<ListedPage> {
    REFLEX_TRY(StoragePage page, ParseStoragePage(body));
    ListedPage listed{.objects = {}, .next = std::move(page.next_page)};
    for (StorageObject& object : page.objects) {
      listed.objects.push_back({.name = std::move(object.name), .bytes = object.bytes, .modified_ms = object.updated_ms});
    }
    return listed;
  };
  return ListObjects(caller_, operation, listing);
}

Result<void> GcsStore::Delete(std::string_view name) {
  REFLEX_CHECK(CheckObjectName(name));
  Operation operation = Begin("removal of", name);
  return DeleteObject(caller_, operation, ObjectUrl(name));
}

}  // namespace reflex::cloud
