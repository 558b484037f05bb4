#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/entry_store.h"
#include "reflex/result.h"
#include "reflex/vector_index.h"
#include "remote/service.h"

// What is said to Qdrant and what it answers, without I/O. docs/qdrant.md shows every request. Thread-safe: functions of their
// arguments.
namespace reflex::remote::qdrant {

// Whose vectors a collection holds: "reflex-0123456789abcdef-384" for the prefix "reflex", 16 digits of SHA-256 over the embedder's
// id, and the dimension. `maker` is the part behind the prefix; each point carries it too.
struct Place {
  std::string collection;
  std::string maker;
  std::uint32_t dimension = 0;

  static Place Of(std::string_view prefix, std::string_view model_id, std::uint32_t dimension);
};

// A point to be put. `facts` are owned here.
struct Point {
  Digest scope{};
  std::uint64_t label = 0;
  std::vector<float> vector;
  std::int64_t created_ms = 0;
  std::int64_t expires_ms = 0;
  std::string model, name_space;
  std::vector<std::string> tags;

  std::size_t Bytes() const;
};

// A point's id, a UUID: SHA-256 over scope and label, its first 16 bytes. So equal labels of two scopes are two points.
std::string PointId(const Digest& scope, std::uint64_t label);
// The tenant's part of a scope (TenantTag) as the payload has it.
std::string TenantText(const Digest& scope);

// ---- Requests.
ServiceCall Describe(const Place& place);
ServiceCall Create(const Place& place);
// Payload fields that filters name, one call each, in this order.
inline constexpr std::size_t kFields = 7;
ServiceCall IndexField(const Place& place, std::size_t field);
ServiceCall Upsert(const Place& place, std::span<const Point> points);
struct PointName {
  Digest scope{};
  std::uint64_t label = 0;
};
ServiceCall Delete(const Place& place, std::span<const PointName> points);
ServiceCall DeletePurged(const Place& place, const PurgeRule& rule);
ServiceCall DeleteExpired(const Place& place, std::int64_t now_ms);
ServiceCall CountScope(const Place& place, const Digest& scope, std::int64_t now_ms);
ServiceCall CountAll(const Place& place);
// `oversampling`: how many times k candidates are compared exactly; capped so that these are at most kRescoredMax, and at least 1.
inline constexpr double kRescoredMax = 512;
ServiceCall Query(const Place& place, const Digest& scope, std::span<const float> vector, std::size_t k, double oversampling,
                  std::int64_t now_ms);

// ---- Replies. All return kProtocol, naming what is wrong, for bytes that are no such answer.

// Whether a collection fits. Returns also: kInvalidArgument, for a person: other dimension (with both numbers), other distance, or
// more than one vector a point.
Result<void> ReadDescription(std::string_view body, const Place& place);
// An update: {"result":{"status":"completed"|"acknowledged"},"status":"ok"}, or {"result":true} of a created collection.
Result<void> ReadDone(std::string_view body);
Result<std::uint64_t> ReadCount(std::string_view body);

struct Found {
  std::vector<Neighbor> neighbors;  // Best first.
  std::size_t refused = 0;          // Points that are not of this scope, tenant, embedder or time, or not what was asked for.
};
// Believes nothing: a point counts only if its id is that of its label in `scope`, and its scope, tenant, embedder, expiry and
// score are right; at most k of them, each once.
Result<Found> ReadPoints(std::string_view body, const Place& place, const Digest& scope, std::size_t k, std::int64_t now_ms);

}  // namespace reflex::remote::qdrant
