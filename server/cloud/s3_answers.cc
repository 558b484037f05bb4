#include "cloud/s3_answers.h"

#include "cloud/text_forms.h"
#include "cloud/xml.h"

namespace reflex::cloud {

Result<ListedPage> ParseS3Page(std::string_view xml) {
  ListedPage page;
  ObjectInfo object;
  bool list = false;
  bool truncated = false;
  bool whole = true;
  REFLEX_CHECK(ReadXml(xml, [&](std::string_view path, std::string_view text) {
    if (path == "ListBucketResult/Contents/Key") object.name = text;
    if (path == "ListBucketResult/Contents/Size") {
      const std::optional<std::uint64_t> bytes = ParseNumber(text);
      whole = whole && bytes;
      object.bytes = bytes.value_or(0);
    }
    if (path == "ListBucketResult/Contents/LastModified") object.modified_ms = ParseIsoTime(text).value_or(0);
    if (path == "ListBucketResult/Contents") {
      whole = whole && !object.name.empty();
      page.objects.push_back(std::move(object));
      object = ObjectInfo();
    }
    if (path == "ListBucketResult/IsTruncated") truncated = text == "true";
    if (path == "ListBucketResult/NextContinuationToken") page.next = text;
    if (path == "ListBucketResult") list = true;
  }));
  if (!list) return Fail(ErrorCode::kProtocol, "the answer is no list of objects");
  if (!whole) return Fail(ErrorCode::kProtocol, "the list has an object without key or size");
  if (truncated && page.next.empty()) return Fail(ErrorCode::kProtocol, "the list goes on but does not say where");
  if (!truncated) page.next.clear();
  return page;
}

Result<std::string> ParseUploadId(std::string_view xml) {
  std::string id;
  REFLEX_CHECK(ReadXml(xml, [&](std::string_view path, std::string_view text) {
    if (path == "InitiateMultipartUploadResult/UploadId") id = text;
  }));
  if (id.empty()) return Fail(ErrorCode::kProtocol, "the answer has no UploadId");
  return id;
}

AwsError ParseAwsError(std::string_view xml) {
  AwsError error;
  const Result<void> read = ReadXml(xml, [&](std::string_view path, std::string_view text) {
    if (path == "Error/Code" || path == "Response/Errors/Error/Code") error.code = text;
    if (path == "Error/Message" || path == "Response/Errors/Error/Message") error.message = text;
  });
  return read ? error : AwsError();
}

}  // namespace reflex::cloud
