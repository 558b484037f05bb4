#include "gateway/request_log.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

#include "gateway/metrics.h"

namespace reflex::gateway {
namespace {

constexpr std::size_t kValueBytesMax = 256;

// Bytes that may stand in a value without quotes: visible ASCII but for the quote, the backslash and the equals sign.
constexpr std::array<bool, 256> PlainBytes() {
  std::array<bool, 256> plain{};
  for (std::size_t c = '!'; c < 127; ++c) plain[c] = c != '"' && c != '\\' && c != '=';
  return plain;
}
constexpr std::array<bool, 256> kPlain = PlainBytes();

void AppendQuoted(std::string_view value, std::string& out) {
  constexpr char kDigits[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(c);
    } else if (byte >= ' ' && byte < 127) {
      out.push_back(c);
    } else {
      out.append("\\x").push_back(kDigits[byte >> 4]);
      out.push_back(kDigits[byte & 15]);
    }
  }
  out.push_back('"');
}

void AppendText(std::string_view name, std::string_view value, std::string& out) {
  if (value.empty()) return;
  value = value.substr(0, kValueBytesMax);
  out.append(name);
  const bool plain = std::ranges::all_of(value, [](char c) { return kPlain[static_cast<unsigned char>(c)]; });
  if (plain) {
    out.append(value);
  } else {
    AppendQuoted(value, out);
  }
}

void AppendNumber(std::string_view name, std::uint64_t number, std::string& out) {
  char digits[20];
  out.append(name).append(digits, std::to_chars(digits, digits + sizeof digits, number).ptr);
}

// Milliseconds with three decimals.
void AppendMs(std::string_view name, std::int64_t nanoseconds, std::string& out) {
  const auto microseconds = static_cast<std::uint64_t>(std::max<std::int64_t>(nanoseconds, 0)) / 1000;
  AppendNumber(name, microseconds / 1000, out);
  const auto rest = static_cast<unsigned>(microseconds % 1000);
  const char decimals[] = {'.', static_cast<char>('0' + rest / 100), static_cast<char>('0' + rest / 10 % 10),
                           static_cast<char>('0' + rest % 10)};
  out.append(decimals, sizeof decimals);
}

void AppendPadded(std::uint64_t number, std::size_t digits, std::string& out) {
  const std::size_t begin = out.size();
  out.append(digits, '0');
  for (std::size_t i = digits; i > 0; --i, number /= 10) out[begin + i - 1] = static_cast<char>('0' + number % 10);
}

void AppendSecond(std::int64_t wall_s, std::string& out) {
  const std::chrono::sys_seconds time{std::chrono::seconds(wall_s)};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const auto in_day = static_cast<std::uint64_t>((time - day).count());
  AppendPadded(static_cast<std::uint64_t>(static_cast<int>(date.year())), 4, out);
  out.push_back('-');
  AppendPadded(static_cast<unsigned>(date.month()), 2, out);
  out.push_back('-');
  AppendPadded(static_cast<unsigned>(date.day()), 2, out);
  out.push_back('T');
  AppendPadded(in_day / 3600, 2, out);
  out.push_back(':');
  AppendPadded(in_day / 60 % 60, 2, out);
  out.push_back(':');
  AppendPadded(in_day % 60, 2, out);
  out.push_back('.');
}

// RFC 3339, UTC, milliseconds. The second's text is kept by the thread: under load it serves many lines.
void AppendTime(std::int64_t wall_ms, std::string& out) {
  thread_local std::int64_t kept_s = -1;
  thread_local std::string kept;
  if (const std::int64_t second = wall_ms / 1000; second != kept_s) {
    kept.clear();
    AppendSecond(second, kept);
    kept_s = second;
  }
  out.append(kept);
  AppendPadded(static_cast<std::uint64_t>(wall_ms % 1000), 3, out);
  out.push_back('Z');
}

// A value of ours, which never needs quotes.
void AppendOwn(std::string_view name, std::string_view value, std::string& out) {
  if (!value.empty()) out.append(name).append(value);
}

}  // namespace

void FormatRequestLine(const RequestRecord& record, std::int64_t wall_ms, std::string& out) {
  AppendTime(wall_ms, out);
  AppendNumber(" info request status=", static_cast<std::uint64_t>(std::max(record.status, 0)), out);
  AppendOwn(" outcome=", record.status_name, out);
  AppendOwn(" reason=", record.reason, out);
  AppendText(" method=", record.method, out);
  AppendText(" path=", record.path, out);
  if (record.stream) out.append(" stream=1");
  AppendText(" model=", record.model, out);
  AppendOwn(" provider=", record.provider, out);
  AppendMs(" ms=", record.duration_ns, out);
  if (record.upstream_ns > 0) AppendMs(" upstream_ms=", record.upstream_ns, out);
  AppendNumber(" in=", record.bytes_in, out);
  AppendNumber(" out=", record.bytes_out, out);
  AppendOwn(" peer=", record.peer, out);
  AppendOwn(" id=", record.request_id, out);
  AppendText(" upstream_id=", record.upstream_request_id, out);
  AppendText(" trace=", record.trace_id, out);
  out.push_back('\n');
}

void Report(const Services& services, Outcome outcome, const RequestRecord& record) {
  services.metrics.CountRequest(outcome, record.status, record.duration_ns, record.bytes_in, record.bytes_out);
  if (services.parts.request_log != nullptr) services.parts.request_log->Write(record);
}

void FinishRequest(RequestContext& context) {
  const Services& services = context.services;
  if (IsHit(context.outcome)) services.metrics.CountSaved(context.saved_input_tokens, context.saved_output_tokens);
  const http::RequestHead& head = context.head();
  Report(services, context.outcome,
         {
             .method = head.method,
             .path = head.path,
             .status_name = Name(context.outcome),
             .reason = context.reason,
             .request_id = context.request_id.view(),
             .upstream_request_id = context.upstream_request_id,
             .model = context.model,
             .provider = context.outcome == Outcome::kOwn ? std::string_view() : Name(context.provider),
             .peer = context.exchange.peer(),
             .trace_id = context.trace_id,
             .status = context.status,
             .bytes_in = context.bytes_in,
             .bytes_out = context.exchange.bytes_sent(),
             .duration_ns = services.parts.clock->SteadyNs() - context.started_ns,
             .upstream_ns = context.upstream_ns,
             .stream = context.stream,
         });
}

}  // namespace reflex::gateway
