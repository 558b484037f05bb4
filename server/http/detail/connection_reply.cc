// Connection: replies. A reply leaves in one gathered write where the socket takes it; only then does anything wait.
#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <utility>
#include <vector>

#include "http/detail/connection.h"

namespace reflex::http {
namespace {

constexpr std::size_t kVectors = 16;

void AppendNumber(std::uint64_t number, std::string& out) {
  std::array<char, 20> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void AppendField(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

std::uint64_t TotalBytes(std::span<const std::string_view> pieces) {
  std::uint64_t total = 0;
  for (const std::string_view piece : pieces) total += piece.size();
  return total;
}

}  // namespace

bool Connection::BodyAllowed(int status) const { return head_.method != "HEAD" && status != 204 && status != 304 && status >= 200; }

void Connection::FormatHead(const ReplyHead& head, Length length, std::uint64_t content_length, std::string& out) {
  if (!close_after_ && (home_->draining || !CanDropBody())) close_after_ = linger_ = true;
  out.assign("HTTP/1.1 ");
  AppendNumber(static_cast<std::uint64_t>(head.status), out);
  out.append(" ").append(ReasonPhrase(head.status)).append("\r\nDate: ").append(home_->io.http_date()).append("\r\n");
  for (const Header& header : head.headers) AppendField(header.name, header.value, out);
  if (length == Length::kKnown && head.status != 204 && head.status >= 200) {
    out.append("Content-Length: ");
    AppendNumber(content_length, out);
    out.append("\r\n");
  } else if (length == Length::kChunked) {
    out.append("Transfer-Encoding: chunked\r\n");
  }
  if (close_after_) {
    out.append("Connection: close\r\n");
  } else if (head_.minor_version == 0) {
    out.append("Connection: keep-alive\r\n");
  }
  out.append("\r\n");
}

Task<Result<void>> Connection::Send(const ReplyHead& head, std::span<const std::string_view> body) {
  assert(!begun_);
  begun_ = ended_ = true;
  const std::uint64_t length = TotalBytes(body);
  std::string& text = home_->scratch;
  FormatHead(head, Length::kKnown, length, text);
  if (!BodyAllowed(head.status)) body = {};
  if (stream_.is_tls()) co_return co_await SendRest(text, body, 0);
  const Result<std::size_t> taken = TrySend(text, body);
  if (!taken) co_return WriteFailed(taken.error());
  const std::uint64_t body_bytes = TotalBytes(body);
  if (*taken < text.size() + body_bytes) co_return co_await SendRest(text, body, *taken);
  bytes_sent_ = body_bytes;
  co_return Result<void>();
}

// What the socket takes of head and body at once: how many bytes.
Result<std::size_t> Connection::TrySend(std::string_view head, std::span<const std::string_view> body) {
  std::array<iovec, kVectors> vectors;
  std::size_t count = 0;
  const auto add = [&](std::string_view piece) {
    if (!piece.empty() && count < kVectors)
      vectors[count++] = {const_cast<char*>(piece.data()), piece.size()};  // sendmsg only reads.
  };
  add(head);
  for (const std::string_view piece : body) add(piece);
  const Result<std::size_t> taken = stream_.TryWrite(std::span(vectors).first(count));
  if (taken) home_->core->bytes_out.Add(*taken);
  return taken;
}

void Connection::SendNow(const ReplyHead& head, std::span<const std::string_view> body) {
  head_.minor_version = 1;
  close_after_ = false;
  body_done_ = true;
  const std::uint64_t length = TotalBytes(body);
  std::string& text = home_->scratch;
  FormatHead(head, Length::kKnown, length, text);
  const Result<std::size_t> taken = TrySend(text, body);
  if (!taken) {
    aborted_ = true;
    return;
  }
  std::size_t skip = *taken;
  if (skip == text.size() + length) return;
  const auto keep = [&](std::string_view piece) {
    const std::size_t here = std::min(skip, piece.size());
    skip -= here;
    pending_.append(piece.substr(here));
  };
  keep(text);
  for (const std::string_view piece : body) keep(piece);
}

// What is left of head and body after `skip` bytes, waiting for the socket. Takes its own copy of the head.
Task<Result<void>> Connection::SendRest(std::string head, std::span<const std::string_view> body, std::size_t skip) {
  std::vector<std::string_view> pieces;
  pieces.reserve(body.size() + 1);
  pieces.emplace_back(head);
  pieces.insert(pieces.end(), body.begin(), body.end());
  for (std::string_view& piece : pieces) {
    const std::size_t here = std::min(skip, piece.size());
    piece.remove_prefix(here);
    skip -= here;
  }
  REFLEX_CO_CHECK(co_await SendPieces(pieces));
  bytes_sent_ = TotalBytes(body);
  co_return Result<void>();
}

Task<Result<void>> Connection::SendPieces(std::span<const std::string_view> pieces) {
  Arm(WriteLimit());
  const Result<void> written = co_await stream_.Write(pieces, this);
  if (tunnel_ == nullptr) Disarm();
  if (!written) co_return WriteFailed(written.error());
  co_return Result<void>();
}

void Connection::Wrote(std::size_t bytes) {
  home_->core->bytes_out.Add(bytes);
  ExpireAt(home_->io.now() + WriteLimit());
}

// Nothing more can be said on this connection.
std::unexpected<Error> Connection::WriteFailed(Error error) {
  aborted_ = true;
  if (error.code == ErrorCode::kCancelled) {
    if (expired_) return Fail(ErrorCode::kTimeout, "the client did not take the reply in time");
    error.code = ErrorCode::kClosed;
  }
  return std::unexpected(std::move(error));
}

Task<Result<void>> Connection::Begin(const ReplyHead& head, std::optional<std::uint64_t> content_length) {
  assert(!begun_);
  begun_ = true;
  bodyless_reply_ = !BodyAllowed(head.status);
  reply_left_ = content_length;
  Length length = Length::kKnown;
  if (!content_length && head.status != 204 && head.status != 304) {
    length = head_.minor_version > 0 ? Length::kChunked : Length::kUntilClose;
  } else if (!content_length) {
    length = Length::kUntilClose;  // Nothing is said: there is no body.
  }
  chunked_reply_ = length == Length::kChunked && !bodyless_reply_;
  if (length == Length::kUntilClose && !bodyless_reply_) close_after_ = true;
  FormatHead(head, length, content_length.value_or(0), pending_);
  co_return Result<void>();
}

Task<Result<void>> Connection::Write(std::span<const std::string_view> pieces) {
  const std::uint64_t size = TotalBytes(pieces);
  if (aborted_) co_return Fail(ErrorCode::kClosed, "the reply was cut off");
  if (reply_left_ && size > *reply_left_) {
    Abort();
    co_return Fail(ErrorCode::kInternal, "a reply is longer than it was announced");
  }
  if (reply_left_) *reply_left_ -= size;
  if (size == 0 || bodyless_reply_) co_return co_await Flush();

  std::array<char, 20> chunk_line;
  char* line_end = std::to_chars(chunk_line.data(), chunk_line.data() + 16, size, 16).ptr;
  *line_end++ = '\r';
  *line_end++ = '\n';
  const std::string head = std::exchange(pending_, {});
  std::vector<std::string_view> all;
  all.reserve(pieces.size() + 3);
  if (!head.empty()) all.emplace_back(head);
  if (chunked_reply_) all.emplace_back(chunk_line.data(), line_end);
  all.insert(all.end(), pieces.begin(), pieces.end());
  if (chunked_reply_) all.emplace_back("\r\n");
  REFLEX_CO_CHECK(co_await SendPieces(all));
  bytes_sent_ += size;
  co_return Result<void>();
}

Task<Result<void>> Connection::Flush() {
  if (aborted_) co_return Fail(ErrorCode::kClosed, "the reply was cut off");
  if (pending_.empty()) co_return Result<void>();
  const std::string head = std::exchange(pending_, {});
  const std::array<std::string_view, 1> pieces = {head};
  co_return co_await SendPieces(pieces);
}

Task<Result<void>> Connection::End() {
  if (aborted_) co_return Fail(ErrorCode::kClosed, "the reply was cut off");
  if (!bodyless_reply_ && reply_left_.value_or(0) > 0) {
    Abort();
    co_return Fail(ErrorCode::kInternal, "a reply is shorter than it was announced");
  }
  ended_ = true;
  const std::string head = std::exchange(pending_, {});
  const std::array<std::string_view, 2> pieces = {head, chunked_reply_ ? "0\r\n\r\n" : ""};
  if (TotalBytes(pieces) == 0) co_return Result<void>();
  co_return co_await SendPieces(pieces);
}

void Connection::Abort() { aborted_ = begun_ = true; }

// The whole reply to a request that no handler sees, or that its handler left unanswered. The last one on the connection.
Task<void> Connection::SendRefusal(int status, std::string_view message) {
  if (home_->orphaned) co_return;
  ServerCore& core = *home_->core;
  core.refused(status).Add();
  close_after_ = linger_ = true;
  const std::string body = core.handler.RefusalBody(status, message);
  std::vector<Header> headers = {{"Content-Type", "application/json"}};
  if (status == 503) headers.push_back({"Retry-After", "1"});
  const std::span<const Header> more = core.handler.RefusalHeaders(status);
  headers.insert(headers.end(), more.begin(), more.end());
  const std::array<std::string_view, 1> pieces = {body};
  const ReplyHead head{status, headers};
  begun_ = false;
  const Result<void> ignored = co_await Send(head, pieces);
  static_cast<void>(ignored);  // The connection closes either way.
}

}  // namespace reflex::http
