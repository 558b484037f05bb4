#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::wire {

// Grows whenever the canonical form changes: then no key of an older form matches any more. It is part of every key.
inline constexpr std::uint32_t kCanonicalFormVersion = 3;

// What Reflex needs to know of a POST /v1/chat/completions body (docs/key.md).
struct ChatRequest {
  // Digest of the canonical form: equal for bodies that must get the same answer. Leaves out the ignore list (delivery,
  // bookkeeping).
  Digest canonical;
  std::string model;
  std::string service_tier;  // "" when absent. Not in the key; calls of different tiers are not joined.
  bool stream = false;
  bool has_stream_options = false;        // stream_options is an object, be it empty.
  bool include_usage = false;             // stream_options.include_usage
  bool include_obfuscation = false;       // stream_options.include_obfuscation is true
  bool store = false;                     // store:true: neither read, join nor store.
  bool has_token_limit = false;           // max_tokens or max_completion_tokens is set: finish_reason "length" was asked for.
  bool has_strict_tool = false;           // A tool with strict:true: arguments that are not JSON are not stored.
  std::vector<std::string> strict_tools;  // The names of those tools.
  bool web_search = false;                // Asks for a search in any of the ways providers know: live data, not stored.
  bool has_tools = false;                 // tools or functions offered.
  bool remote_content = false;            // A part names content elsewhere, by address or id: it can change under the same name.
  bool structured_output = false;         // response_format asks for more than text.
  std::uint32_t choices = 1;              // n
};

// Reads request bodies. Not thread-safe; one per thread, reused: keeps its buffers.
class ChatRequestReader {
 public:
  ChatRequestReader();
  ~ChatRequestReader();
  ChatRequestReader(const ChatRequestReader&) = delete;
  ChatRequestReader& operator=(const ChatRequestReader&) = delete;

  // Returns kInvalidArgument for what must be forwarded unread: not JSON (also with bytes behind it), not an object, duplicate
  // member names (at any depth), lone surrogates, invalid UTF-8, deeper than 128, more than a million values, no messages, wrong
  // type in a field that decides (model, messages, stream, …). The message is one of the fixed reasons of wire/reason.h.
  Result<ChatRequest> Read(std::string_view body);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The body with stream_options.include_usage set to true, every other byte as received. `body` was accepted by Read and has
// stream:true.
std::string WithUsageRequested(std::string_view body);

}  // namespace reflex::wire
