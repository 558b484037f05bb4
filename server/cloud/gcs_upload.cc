#include "cloud/gcs_upload.h"

#include <algorithm>
#include <utility>

#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

// Pieces but the last are multiples of this.
constexpr std::uint64_t kPieceUnit = 256 << 10;
constexpr int kResumeIncomplete = 308;
constexpr std::chrono::milliseconds kCloseLimit{5000};

bool SessionLost(int status) { return status == 404 || status == 410; }

}  // namespace

GcsUpload::GcsUpload(RemoteCaller& caller, Operation& operation, const OutgoingFile& file, std::string start_url,
                     std::string object_name, std::string crc32c)
    : caller_(caller),
      operation_(operation),
      file_(file),
      start_url_(std::move(start_url)),
      object_name_(std::move(object_name)),
      crc32c_(std::move(crc32c)),
      piece_bytes_(std::max(kPieceUnit, operation.options().part_bytes / kPieceUnit * kPieceUnit)) {}

GcsUpload::~GcsUpload() {
  if (session_.empty()) return;
  // Not needed for correctness: a session that nobody goes on with is dropped after a week. Its failure changes nothing.
  const auto keep_going = [](std::uint64_t, std::uint64_t) { return true; };
  (void)caller_.Once(operation_,
                     {.method = "DELETE", .url = session_, .headers = {}, .progress = keep_going, .time_limit = kCloseLimit});
}

Result<StorageObject> GcsUpload::Run() {
  while (!object_) {
    if (session_.empty()) REFLEX_CHECK(Start());
    REFLEX_CHECK(Step());
  }
  session_.clear();
  return std::move(*object_);
}

Result<void> GcsUpload::Start() {
  const std::string body = "{\"name\":" + JsonQuote(object_name_) + ",\"crc32c\":" + JsonQuote(crc32c_) + "}";
  REFLEX_TRY(const HttpReply reply,
             caller_.Send(operation_, {.method = "POST",
                                       .url = start_url_,
                                       .headers = {{"Content-Type", "application/json; charset=UTF-8"},
                                                   {"X-Upload-Content-Type", "application/octet-stream"},
                                                   {"X-Upload-Content-Length", std::to_string(file_.bytes())}},
                                       .body = body}));
  if (!reply.ok()) return std::unexpected(caller_.StatusError(operation_, reply));
  session_ = reply.Header("location");
  if (!ParseEndpoint("location", session_.substr(0, session_.find('?')))) {
    session_.clear();
    return Fail(ErrorCode::kProtocol, operation_.what() + ": the server began no upload session");
  }
  at_ = 0;
  ask_state_ = false;
  return {};
}

Result<void> GcsUpload::Step() {
  const Result<HttpReply> reply = ask_state_ ? AskState() : SendPiece();
  Error reason;
  std::optional<std::chrono::milliseconds> after;
  if (!reply) {
    if (!MayPass(reply.error().code)) return std::unexpected(reply.error());
    reason = reply.error();
  } else if (SessionLost(reply->status)) {
    reason = caller_.StatusError(operation_, *reply);
    reason.code = ErrorCode::kUnavailable;
    session_.clear();
  } else if (MayPass(reply->status)) {
    reason = caller_.StatusError(operation_, *reply);
    after = RetryAfter(*reply, operation_.clock().WallMs());
  } else {
    const bool asked = std::exchange(ask_state_, false);
    return Understand(*reply, asked);
  }
  // Whatever arrived of the piece counts: the server is asked.
  ask_state_ = true;
  return operation_.WaitToRetry(reason, after);
}

Result<HttpReply> GcsUpload::SendPiece() {
  REFLEX_CHECK(operation_.Report(at_));
  const auto size = static_cast<std::size_t>(std::min(piece_bytes_, file_.bytes() - at_));
  REFLEX_CHECK(file_.Read(at_, size, piece_));
  const std::string total = std::to_string(file_.bytes());
  const std::string range =
      size == 0 ? "bytes */" + total : "bytes " + std::to_string(at_) + "-" + std::to_string(at_ + size - 1) + "/" + total;
  return caller_.Once(operation_, {.method = "PUT",
                                   .url = session_,
                                   .headers = {{"Content-Range", range}},
                                   .body = piece_,
                                   .progress = [this](std::uint64_t sent, std::uint64_t) {
                                     return operation_.Report(at_ + std::min<std::uint64_t>(sent, piece_.size())).has_value();
                                   }});
}

Result<HttpReply> GcsUpload::AskState() {
  return caller_.Once(
      operation_, {.method = "PUT", .url = session_, .headers = {{"Content-Range", "bytes */" + std::to_string(file_.bytes())}}});
}

Result<void> GcsUpload::Understand(const HttpReply& reply, bool asked) {
  if (reply.status == kResumeIncomplete) return Advance(reply, asked);
  if (!reply.ok()) {
    Error error = caller_.StatusError(operation_, reply);
    // To the last piece this is how the server says that the checksum does not fit.
    if (reply.status == 400 && !asked && at_ + piece_.size() == file_.bytes()) error.code = ErrorCode::kCorrupt;
    return std::unexpected(std::move(error));
  }
  Result<StorageObject> object = ParseStorageObject(reply.body);
  if (!object) return Fail(object.error().code, operation_.what() + ": " + object.error().message);
  object_ = std::move(*object);
  return operation_.Report(file_.bytes());
}

// "Range: bytes=0-N" says that N + 1 bytes are held; without it, none are.
Result<void> GcsUpload::Advance(const HttpReply& reply, bool asked) {
  const std::string_view range = reply.Header("range");
  std::uint64_t held = 0;
  if (!range.empty()) {
    const std::optional<std::uint64_t> last =
        range.starts_with("bytes=0-") ? ParseNumber(range.substr(std::string_view("bytes=0-").size())) : std::nullopt;
    if (!last || *last >= file_.bytes()) {
      return Fail(ErrorCode::kProtocol,
                  operation_.what() + ": the server holds an impossible range, " + JsonQuote(range.substr(0, 60)));
    }
    held = *last + 1;
  }
  const bool moved = held > at_;
  at_ = held;
  if (moved) operation_.Moved();
  if (moved || asked) return {};
  // Nothing was kept of a piece that was sent: not an endless loop, but one of the repeats.
  return operation_.WaitToRetry({ErrorCode::kUnavailable, operation_.what() + ": the server kept nothing of the last piece"});
}

}  // namespace reflex::cloud
