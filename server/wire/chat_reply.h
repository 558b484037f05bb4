#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"
#include "reflex/types.h"
#include "wire/chat_request.h"

namespace reflex::wire {

// A complete chat answer as it is kept: the full non-stream object and where its per-reply members stand.
struct ChatReply {
  std::string json;
  std::string layout;  // Encoded positions of "id" and "created" in json; opaque outside this room.
  std::string model;   // As the provider named it.
  Usage usage;
  bool has_usage = false;
};

// Why an answer must not be stored, or that it may be. One of a fixed list for logs and metrics: "incomplete", "error",
// "no-choices", "content-filter", "length", "empty-choice", "tool-arguments", "web-search", "not-json", "too-large". ""
// means storable.
using Unstorable = std::string_view;

struct StorePolicy {
  bool store_content_filter = false;  // cache.store_content_filter
  bool store_length = false;          // cache.store_length: also when the request set no limit of its own.
};

// Reads a plain answer (status 200, identity encoding). `unstorable` is set, "" if it may be stored; the reply is then complete.
// The JSON is the body as received, except that an id or created that is missing or of another type is put in.
struct PlainAnswer {
  ChatReply reply;
  Unstorable unstorable;
  // Seconds since 1970 when the provider forgets what the answer names (`message.audio.expires_at`): a caller that refers to it
  // then is refused. The earliest of them; without, the greatest.
  std::int64_t valid_until_s = kAlwaysValid;
  static constexpr std::int64_t kAlwaysValid = std::numeric_limits<std::int64_t>::max();
};
PlainAnswer ReadPlainAnswer(std::string body, const ChatRequest& request, const StorePolicy& policy);

// Folds a streamed answer into the plain one. Not thread-safe; one per call. Never throws away what it
// does not know: unknown members keep their last value, strings append.
class ChatFolder {
 public:
  ChatFolder();
  ~ChatFolder();
  ChatFolder(ChatFolder&&) noexcept;

  // One event's data, and its name where it had one ("error" makes it an error). False when the data is not a chunk (not JSON, or a
  // known member of another type): the answer is then unstorable. [DONE] ends the answer: what follows it is left out.
  bool Add(std::string_view data, std::string_view event_name = {});
  // After the clean end of the stream.
  PlainAnswer Finish(const ChatRequest& request, const StorePolicy& policy);
  // An error member was seen.
  bool failed() const;
  // Every choice seen has a finish_reason (and there is at least one).
  bool complete() const;
  std::size_t bytes() const;  // Roughly what it holds in memory.

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// What one caller sees of a live stream's event: the event as it came, without the usage that only Reflex asked for. `raw` and
// `data` are those of one SseReader::Event. Returns the bytes to send: `raw` itself where nothing is hidden, a rewritten event in
// `scratch`, or an empty view for the usage chunk, with all it carries.
std::string_view HideUsage(std::string_view raw, std::string_view data, std::string& scratch);

// What is new in every reply made from a stored answer.
struct FreshIdentity {
  std::string id;  // "chatcmpl-…"
  std::int64_t created_s = 0;
};

// The stored answer as a plain body: pieces of `json` around the fresh id and time; all views live as long as their sources.
struct PlainPieces {
  std::string_view pieces[5];
  std::size_t bytes = 0;
};
// `created_text` holds the decimal time. Returns: kCorrupt when layout does not fit json.
Result<PlainPieces> MakePlainReply(std::string_view json, std::string_view layout, std::string_view id,
                                   std::string_view created_text);

// Replays a stored answer as the stream a provider would have sent. Not thread-safe.
class ChatReplay {
 public:
  // `json` outlives the replay. Returns: kCorrupt.
  static Result<std::unique_ptr<ChatReplay>> Create(std::string_view json, const ChatRequest& request, FreshIdentity identity);
  ~ChatReplay();

  // Appends whole events to `out` until it holds at least `bytes` or the replay ends; the first call gives at least one event.
  // False when nothing is left (the [DONE] event was given before).
  bool Next(std::size_t bytes, std::string& out);

 private:
  struct State;
  explicit ChatReplay(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace reflex::wire
