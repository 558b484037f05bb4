#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "gateway/errors.h"
#include "http/message.h"
#include "reflex/types.h"

namespace reflex::gateway {

// The head of a provider's reply, copied once and then read by any thread.
class FlightHead {
 public:
  FlightHead(int status, std::span<const http::Header> headers);
  FlightHead(const FlightHead&) = delete;
  FlightHead& operator=(const FlightHead&) = delete;

  const int status;
  bool events = false;  // The body is a stream of events that the call asked for: pieces are whole events.
  std::optional<std::uint64_t> content_length;
  bool shows_usage = false;  // The provider was asked for usage: hide it from callers who did not ask.
  std::int64_t upstream_ns = 0;

  std::span<const http::Header> headers() const { return headers_; }
  std::string_view header(std::string_view name) const { return http::HeaderValue(headers_, name); }

 private:
  std::string text_;
  std::vector<http::Header> headers_;
};

// The reply of one upstream call, as far as it has come, for any number of callers on any threads: an append-only list of pieces.
//
// Operation. The call (one coroutine on one thread) sets the head, appends pieces and ends the reply, each exactly as it happened.
// A caller joins, then reads from the start at its own pace; it is woken when there is more. Bytes handed to a caller stay valid
// while it holds their block, so nothing is copied for it and no lock is held while it writes to a socket.
//
// Limits. Up to `shared_bytes_max` everything is kept. Beyond, the reply is a relay: nobody joins any more, the call waits for the
// leading caller (back pressure), and a caller further than `shared_bytes_max` behind that one is lost.
//
// Concurrency. Thread-safe, except that the calls marked "the call's" come from the thread of the call alone.
class FlightReply {
 public:
  // How far the reply has come.
  enum class End : std::uint8_t {
    kOpen,
    kDone,     // The provider ended it.
    kCut,      // It cannot be completed; an event stream holds an error event as its last piece.
    kProblem,  // There is no reply: problem() goes to every caller.
    kStored,   // The provider was not asked: answer() is another gateway's, from the shared store.
  };

  struct Piece {
    std::uint32_t begin = 0, size = 0;            // In the block.
    std::uint32_t data_begin = 0, data_size = 0;  // Of an event: its data, from the piece's begin; 0 where it has none.
    bool split_data = false;                      // The event's data stands on several lines: read it again from the raw bytes.
  };
  // Bytes never move; pieces are whole. Written by the call under the lock; a reader looks only at what Read told it.
  struct Block {
    std::unique_ptr<char[]> bytes;
    std::uint32_t capacity = 0, size = 0;
    std::vector<Piece> pieces;
    std::uint64_t offset = 0;  // Of its first byte in the reply.
  };

  // One caller's place in the reply.
  struct Reader {
    std::function<void()> wake;  // Callable from any thread; see http::Signal::Notifier.
    std::size_t block = 0, piece = 0;
    std::uint64_t consumed = 0;
    bool waiting = false;
    bool for_end = false;  // Waits for the head, the end or a relay, not for pieces.
    bool lost = false;
  };
  using ReaderPtr = std::shared_ptr<Reader>;

  // What a reader gets: pieces [begin, begin + count) of `block`, none when there is nothing new.
  struct Batch {
    std::shared_ptr<const Block> block;
    std::vector<Piece> pieces;
    std::shared_ptr<const FlightHead> head;  // Null until it is known.
    End end = End::kOpen;                    // kOpen too while pieces remain after these.
    bool relay = false;                      // The reply has outgrown sharing.
    bool lost = false;                       // The reader fell too far behind a relay.
    std::uint64_t bytes_so_far = 0;
  };

  explicit FlightReply(std::uint64_t shared_bytes_max) : shared_bytes_max_(shared_bytes_max) {}

  // Adds a caller. False when the reply is not to be joined any more: abandoned, a relay, or failed.
  bool Join(const ReaderPtr& reader) EXCLUDES(mutex_);
  // Removes it. True when it was the last one of a reply that is open and nobody will read: the caller cancels the call.
  bool Leave(const ReaderPtr& reader, bool finish_abandoned) EXCLUDES(mutex_);

  // Takes what is there for the reader, at most `bytes` beyond the first piece, from one block. What the reader took before counts
  // as consumed. With nothing new, the reader is woken once when there is.
  void Read(Reader& reader, std::size_t bytes, Batch& batch) EXCLUDES(mutex_);
  // The same without taking pieces, for a caller that needs the whole: woken at the head, the end, or when it becomes a relay.
  void Watch(Reader& reader, Batch& batch) EXCLUDES(mutex_);

  // The call's. Readers are woken by Publish, Finish and Fail.
  void SetHead(std::shared_ptr<const FlightHead> head) EXCLUDES(mutex_);
  // `data` is a part of `bytes`, or empty.
  void Append(std::string_view bytes, std::string_view data = {}, bool split_data = false) EXCLUDES(mutex_);
  void Publish(bool head_too = false) EXCLUDES(mutex_);
  // `answer`: see answer(). `stream_error`: the data of the error event that ended a stream.
  void Finish(End end, EntryPtr answer, std::string stream_error = {}) EXCLUDES(mutex_);
  void Fail(Problem problem) EXCLUDES(mutex_);

  // The call's, once more than may be shared was appended. From then on it asks HasRoom before it reads on; `wake` is called when a
  // reader went on or left.
  void BecomeRelay(std::function<void()> wake) EXCLUDES(mutex_);
  bool HasRoom() EXCLUDES(mutex_);
  bool abandoned() const EXCLUDES(mutex_);

  // All pieces joined; for a reply within the limit.
  std::string Joined() const EXCLUDES(mutex_);
  std::uint64_t bytes() const EXCLUDES(mutex_);
  std::size_t readers() const EXCLUDES(mutex_);

  // After kDone: the whole answer as it is stored, or would be; null where it could not be read as one. After kStored: never null.
  EntryPtr answer() const EXCLUDES(mutex_);
  std::string stream_error() const EXCLUDES(mutex_);
  // After kProblem.
  Problem problem() const EXCLUDES(mutex_);

 private:
  void CollectWaiting(bool for_end_too) REQUIRES(mutex_);
  void WakeCollected();
  void TrimRelay() REQUIRES(mutex_);
  std::uint64_t LeadingReader() const REQUIRES(mutex_);

  const std::uint64_t shared_bytes_max_;
  mutable base::Mutex mutex_;
  std::shared_ptr<const FlightHead> head_ GUARDED_BY(mutex_);
  std::vector<std::shared_ptr<Block>> blocks_ GUARDED_BY(mutex_);
  std::size_t first_block_ GUARDED_BY(mutex_) = 0;  // Number of blocks_[0]; blocks are numbered from 0.
  std::uint64_t bytes_ GUARDED_BY(mutex_) = 0;
  std::vector<ReaderPtr> readers_ GUARDED_BY(mutex_);
  std::function<void()> wake_call_ GUARDED_BY(mutex_);
  End end_ GUARDED_BY(mutex_) = End::kOpen;
  bool relay_ GUARDED_BY(mutex_) = false;
  bool abandoned_ GUARDED_BY(mutex_) = false;
  EntryPtr answer_ GUARDED_BY(mutex_);
  std::string stream_error_ GUARDED_BY(mutex_);
  std::optional<Problem> problem_ GUARDED_BY(mutex_);
  std::vector<ReaderPtr> collected_;  // The call's thread only: who is to be woken after the lock is gone.
};

}  // namespace reflex::gateway
