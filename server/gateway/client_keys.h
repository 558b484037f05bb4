#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "http/io_thread.h"
#include "http/message.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::gateway {

// SHA-256 of each token that may call, and its group ("" for none).
using ClientKeyTable = std::unordered_map<Digest, std::string, DigestHash>;

// Reads the text of a client keys file: lines `sha256-of-token [group]`, the digest as 64 hexadecimal digits, the group of 1 to 64
// visible ASCII characters; `#` starts a comment, blank lines do not count, lines end with LF or CRLF.
// Returns: kInvalidArgument, naming the line and what is allowed; the line's content is never repeated.
Result<ClientKeyTable> ParseClientKeys(std::string_view text);

// The part of a header field's value that is a token: what follows "Bearer " in Authorization (any case; "" for another scheme),
// else the whole value.
std::string_view TokenIn(std::string_view name, std::string_view value);

// Calls `visit(name, value)` for every `key=` of a query, name always "key"; values as sent.
template <class Visit>
void VisitQueryKeys(std::string_view query, Visit visit) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(pair.size() < query.size() ? pair.size() + 1 : pair.size());
    if (pair.starts_with("key=")) visit(std::string_view("key"), pair.substr(4));
  }
}

// Who may call: the client keys file, read again while requests run. Thread-safe.
//
// Each I/O thread keeps its own reference to the current table and looks at one atomic number before it uses it, so that a request
// takes no lock; only the first one after a reload does, once a thread.
class ClientKeys {
 public:
  // An empty path means that everybody may call. `threads` are those that Match is called from; they outlive the object.
  // Returns: kNotFound, kIo, kTooLarge (16 MiB) or kInvalidArgument, naming the file and the line.
  static Result<std::unique_ptr<ClientKeys>> Open(std::filesystem::path file, std::span<http::IoThread* const> threads);

  // True where a key must be shown.
  bool required() const { return !file_.empty(); }

  // Reads the file again; on failure, returned as by Open, the old keys stay. Any thread. Nothing to do without a file.
  Result<void> Reload();

  struct Found {
    std::string_view group;            // "" for none; lives as long as `keys`.
    std::string_view token;            // View into the head.
    std::shared_ptr<const void> keys;  // Null where there is no group to keep.
  };
  // The first known token of the request, in this order: Authorization's bearer token, api-key, x-api-key, x-goog-api-key, `?key=`.
  // Compared by SHA-256, so time says nothing about a token. Nullopt when none is known. Thread: `thread` itself.
  std::optional<Found> Match(const http::IoThread& thread, const http::RequestHead& head);

 private:
  // What one thread holds. Aligned so that no two threads write the same cache line.
  struct alignas(64) Slot {
    const http::IoThread* thread = nullptr;
    std::uint64_t version = 0;
    std::shared_ptr<const ClientKeyTable> table;
  };

  ClientKeys(std::filesystem::path file, std::span<http::IoThread* const> threads);
  const std::shared_ptr<const ClientKeyTable>& TableFor(const http::IoThread& thread, Slot& spare);

  const std::filesystem::path file_;
  std::vector<Slot> slots_;  // Each used by its thread alone.
  std::atomic<std::uint64_t> version_{0};
  base::Mutex mutex_;
  std::shared_ptr<const ClientKeyTable> current_ GUARDED_BY(mutex_);
};

}  // namespace reflex::gateway
