#include "gateway/pass_through.h"

#include <string_view>
#include <utility>

#include "gateway/errors.h"
#include "gateway/relay.h"
#include "http/exchange.h"
#include "http/message.h"
#include "upstream/upstream.h"
#include "wire/reason.h"

namespace reflex::gateway {
namespace {

// Bodies up to this length are read whole, so that a call on a connection the provider just closed can be tried again.
constexpr std::uint64_t kWholeBodyBytesMax = 64 << 10;

// h2c is obsolete (RFC 9113 section 3.1), and clients that offer it take the answer in HTTP/1.1: it is no reason for a tunnel.
bool WantsTunnel(const http::RequestHead& head) { return head.upgrade && !http::EqualsIgnoringCase(head.header("upgrade"), "h2c"); }

}  // namespace

http::Task<void> PassThrough(RequestContext& context) {
  const http::RequestHead& head = context.head();
  context.outcome = Outcome::kBypass;
  context.forward = Forward::kBypass;
  const bool chat = head.path.ends_with("/chat/completions");
  context.reason = WantsTunnel(head) ? wire::reason::kUpgrade : chat ? wire::reason::kMethod : wire::reason::kPath;

  upstream::Call call;
  call.provider = context.provider;
  call.method = head.method;
  call.target = head.target;
  call.headers = head.headers;
  call.upgrade = WantsTunnel(head);
  call.has_body = head.has_body() || head.content_length.has_value();
  std::string_view body[1];
  RelayOptions options;
  if (head.chunked || head.content_length.value_or(0) > kWholeBodyBytesMax) {
    call.source = [&exchange = context.exchange] { return exchange.ReadSome(); };
    call.source_length = head.chunked ? std::nullopt : head.content_length;
    options.body_streams = true;
  } else if (call.has_body) {
    const auto whole = co_await context.exchange.ReadBody();
    if (!whole) co_return co_await SendProblem(context, ProblemFor(whole.error(), Side::kClient));
    body[0] = *whole;
    context.bytes_in = whole->size();
    call.body = body;
  }
  co_await Relay(context, std::move(call), options);
}

}  // namespace reflex::gateway
