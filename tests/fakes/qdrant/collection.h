#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "reflex/result.h"
#include "wire/json.h"

namespace reflex::fakes::qdrant {

using wire::json::Value;

// Why a request is refused: the status and Qdrant's words.
struct Refusal {
  int status = 400;
  std::string error;
};
template <class T>
using Outcome = std::expected<T, Refusal>;
inline std::unexpected<Refusal> Refuse(int status, std::string error) { return std::unexpected(Refusal{status, std::move(error)}); }

// Refused: a member that is not in `allowed` (names separated by spaces). The real server accepts any.
Outcome<void> Only(const Value& object, std::string_view allowed);

// A point's id as JSON: 5 or "5c56c793-…". Numbers stand before names.
struct Id {
  std::uint64_t number = 0;
  std::string uuid;
  std::string ToJson() const { return uuid.empty() ? std::to_string(number) : "\"" + uuid + "\""; }
  friend auto operator<=>(const Id& a, const Id& b) {
    return std::tuple(!a.uuid.empty(), a.number, a.uuid) <=> std::tuple(!b.uuid.empty(), b.number, b.uuid);
  }
  friend bool operator==(const Id&, const Id&) = default;
};

// Points of one collection, in memory, compared one by one: the subset of Qdrant's REST calls that Reflex may use, with the words
// and statuses of the real server (1.18). Not thread-safe.
class Collection {
 public:
  // A PUT's body. Refused: what the real server refuses, and unknown members.
  static Outcome<Collection> Create(const Value& body);

  Outcome<std::string> IndexField(const Value& body);
  Outcome<std::string> Upsert(const Value& body, bool wait);
  Outcome<std::string> Delete(const Value& body, bool wait);
  Outcome<std::string> SetPayload(const Value& body, bool wait);
  Outcome<std::string> Query(const Value& body) const;
  Outcome<std::string> Points(const Value& body) const;
  Outcome<std::string> Count(const Value& body) const;
  Outcome<std::string> Scroll(const Value& body) const;
  std::string Info() const;

  std::size_t size() const { return points_.size(); }

 private:
  struct Point {
    std::vector<float> vector;
    std::map<std::string, std::string> payload;  // JSON texts by name.
    std::uint64_t version = 0;
  };
  using Entry = std::pair<const Id, Point>;

  std::string Updated(bool wait) const;
  Outcome<Id> ReadId(const Value& value) const;
  Outcome<std::vector<float>> ReadVector(const Value& value) const;
  Outcome<bool> Matches(const Value& filter, const Point& point) const;
  Outcome<std::vector<Id>> Selected(const Value& body) const;
  static std::string PayloadJson(const Point& point, const Value& with_payload);

  std::size_t size_ = 0;
  bool on_disk_ = false;
  std::string distance_, hnsw_, quantization_, indexing_threshold_;
  std::map<std::string, std::string> schema_;  // Fields' schemas, JSON texts.
  std::map<Id, Point> points_;
  std::uint64_t operation_ = 0;
};

}  // namespace reflex::fakes::qdrant
