#include "cloud/receive.h"

#include <utility>

#include "cloud/checksum.h"

namespace reflex::cloud {
namespace {

constexpr int kNotSatisfied = 412;  // Precondition Failed: the object is another one now.

class Receiver {
 public:
  Receiver(RemoteCaller& caller, Operation& operation, IncomingFile& file, const Expected& expected)
      : caller_(caller), operation_(operation), file_(file), expected_(expected) {}

  // All bytes once, over as many cuts as are allowed.
  Result<void> Bytes(const HttpRequest& request) {
    REFLEX_CHECK(Restart());
    while (file_.bytes() < expected_.bytes) {
      const std::uint64_t before = file_.bytes();
      Result<HttpReply> reply = caller_.Once(operation_, Piece(request));
      if (file_.bytes() > before) operation_.Moved();
      Error reason;
      std::optional<std::chrono::milliseconds> after;
      if (!reply) {
        if (local_ || !MayPass(reply.error().code)) return std::unexpected(reply.error());
        reason = reply.error();
      } else if (reply->ok()) {
        if (file_.bytes() == expected_.bytes) break;
        reason = {ErrorCode::kClosed, operation_.what() + ": the answer ended after " + std::to_string(file_.bytes()) + " of " +
                                          std::to_string(expected_.bytes) + " bytes"};
      } else if (MayPass(reply->status)) {
        reason = caller_.StatusError(operation_, *reply);
        after = RetryAfter(*reply, operation_.clock().WallMs());
      } else {
        return std::unexpected(Final(*reply));
      }
      REFLEX_CHECK(operation_.WaitToRetry(reason, after));
    }
    return operation_.Report(file_.bytes());
  }

  bool Fits() const { return expected_.crc32c.empty() || Crc32cText(crc_) == expected_.crc32c; }
  std::string Found() const { return Crc32cText(crc_); }

 private:
  Result<void> Restart() {
    crc_ = 0;
    return file_.Restart();
  }

  Error Final(const HttpReply& reply) const {
    Error error = caller_.StatusError(operation_, reply);
    if (reply.status == kNotSatisfied) error.message = operation_.what() + ": the object was replaced meanwhile; try again";
    return error;
  }

  HttpRequest Piece(HttpRequest request) {
    if (file_.bytes() > 0) request.headers.emplace_back("Range", "bytes=" + std::to_string(file_.bytes()) + "-");
    const bool ranged = file_.bytes() > 0;
    first_ = true;
    request.sink = [this, ranged](const HttpReply& head, std::string_view piece) { return Take(ranged, head, piece); };
    request.progress = [this](std::uint64_t, std::uint64_t) { return operation_.Report(file_.bytes()).has_value(); };
    return request;
  }

  Result<void> Take(bool ranged, const HttpReply& head, std::string_view piece) {
    // A server that knows no ranges sends all of it again.
    if (std::exchange(first_, false) && ranged && head.status != 206) REFLEX_CHECK(Local(Restart()));
    if (file_.bytes() + piece.size() > expected_.bytes) {
      return Fail(ErrorCode::kCorrupt,
                  operation_.what() + ": more bytes came than the " + std::to_string(expected_.bytes) + " that were announced");
    }
    crc_ = Crc32c(piece, crc_);
    return Local(file_.Append(piece));
  }

  Result<void> Local(Result<void> result) {
    local_ = local_ || !result;
    return result;
  }

  RemoteCaller& caller_;
  Operation& operation_;
  IncomingFile& file_;
  const Expected& expected_;
  std::uint32_t crc_ = 0;
  bool first_ = false;
  bool local_ = false;  // This machine's files failed, not the way.
};

}  // namespace

Result<void> Receive(RemoteCaller& caller, Operation& operation, const HttpRequest& request, IncomingFile& file,
                     const Expected& expected) {
  operation.set_total(expected.bytes);
  Receiver receiver(caller, operation, file, expected);
  for (bool repeated = false;; repeated = true) {
    REFLEX_CHECK(receiver.Bytes(request));
    if (receiver.Fits()) return {};
    const Error corrupt{ErrorCode::kCorrupt,
                        operation.what() + ": CRC-32C " + receiver.Found() + " came, the object has " + expected.crc32c};
    if (repeated) return std::unexpected(corrupt);
    REFLEX_CHECK(operation.WaitToRetry(corrupt));
  }
}

}  // namespace reflex::cloud
