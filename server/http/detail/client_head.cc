#include "http/detail/client_head.h"

#include <algorithm>
#include <string_view>

#include "http/message.h"

namespace reflex::http {
namespace {

// Fields that the client writes itself: a second one would let the two ends disagree about the message.
bool IsOurs(std::string_view name) {
  switch (name.size()) {
    case 4: return EqualsIgnoringCase(name, "Host");
    case 10: return EqualsIgnoringCase(name, "Connection");
    case 14: return EqualsIgnoringCase(name, "Content-Length");
    case 17: return EqualsIgnoringCase(name, "Transfer-Encoding");
    default: return false;
  }
}

void AppendField(std::string_view name, std::string_view value, std::string& out) {
  out.append(name).append(": ").append(value).append("\r\n");
}

void AppendFraming(const ClientRequest& request, std::string& out) {
  if (request.source && !request.source_length) {
    AppendField("Transfer-Encoding", "chunked", out);
  } else if (request.source) {
    AppendField("Content-Length", std::to_string(*request.source_length), out);
  } else {
    std::size_t size = 0;
    for (std::string_view piece : request.body) size += piece.size();
    if (request.has_body || size != 0) AppendField("Content-Length", std::to_string(size), out);
  }
}

}  // namespace

Result<void> WriteRequestHead(const ClientRequest& request, const OriginPool& origin, std::string& out) {
  out.clear();
  out.append(request.method).append(" ");
  if (origin.absolute_form()) out.append("http://").append(origin.authority);
  out.append(request.target).append(" HTTP/1.1\r\n");
  if (std::count(out.begin(), out.end(), ' ') != 2) return Fail(ErrorCode::kInvalidArgument, "the request's target has a space");
  AppendField("Host", origin.authority, out);
  std::ptrdiff_t lines = 2;
  for (const Header& header : request.headers) {
    if (IsOurs(header.name)) continue;
    AppendField(header.name, header.value, out);
    ++lines;
  }
  if (std::count(out.begin(), out.end(), '\n') != lines || std::count(out.begin(), out.end(), '\r') != lines ||
      out.find('\0') != std::string::npos) {
    return Fail(ErrorCode::kInvalidArgument, "a header of the request holds a line break");
  }
  AppendFraming(request, out);
  if (request.upgrade) AppendField("Connection", "upgrade", out);
  if (origin.absolute_form() && !origin.proxy->authorization.empty()) {
    AppendField("Proxy-Authorization", origin.proxy->authorization, out);
  }
  out.append("\r\n");
  return {};
}

Result<std::size_t> FindHead(ClientConnection& connection, std::uint64_t head_bytes_max, ResponseHead& head) {
  for (;;) {
    const std::string_view bytes = connection.buffered();
    if (bytes.empty()) return 0;
    const HeadVerdict verdict = ParseResponseHead(bytes, head);
    if (verdict.kind == HeadVerdict::Kind::kRefused) {
      return Fail(ErrorCode::kProtocol, connection.peer() + "'s reply is not valid HTTP: " + verdict.message);
    }
    // Garbage without a line's end would otherwise be waited on until the first byte's limit.
    constexpr std::string_view kStart = "HTTP/1.";
    if (bytes.substr(0, kStart.size()) != kStart.substr(0, bytes.size())) {
      return Fail(ErrorCode::kProtocol, connection.peer() + "'s reply is not HTTP/1");
    }
    const bool done = verdict.kind == HeadVerdict::Kind::kDone;
    if ((done ? verdict.head_bytes : bytes.size()) > head_bytes_max) {
      return Fail(ErrorCode::kProtocol, "the head of " + connection.peer() + "'s reply is too long");
    }
    if (!done) return 0;
    if (head.status >= 200 || head.status == 101) return verdict.head_bytes;
    connection.Consume(verdict.head_bytes);
  }
}

}  // namespace reflex::http
