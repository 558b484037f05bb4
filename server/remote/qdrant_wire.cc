#include "remote/qdrant_wire.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <iterator>
#include <optional>
#include <tuple>
#include <unordered_set>

#include "base/digest.h"
#include "remote/json_numbers.h"
#include "wire/error_body.h"
#include "wire/json.h"

namespace reflex::remote::qdrant {
namespace {

using wire::json::Document;
using wire::json::Value;

std::string LabelText(std::uint64_t label) {
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(label));
  return text;
}

std::string Match(std::string_view key, std::string_view value) {
  return R"({"key":)" + wire::JsonString(key) + R"(,"match":{"value":)" + wire::JsonString(value) + "}}";
}

std::string Range(std::string_view key, std::string_view how, std::int64_t value) {
  return R"({"key":)" + wire::JsonString(key) + R"(,"range":{")" + std::string(how) + "\":" + std::to_string(value) + "}}";
}

std::string Filter(const std::vector<std::string>& conditions) {
  std::string filter = R"("filter":{"must":[)";
  for (std::size_t i = 0; i < conditions.size(); ++i) filter += (i > 0 ? "," : "") + conditions[i];
  return filter + "]}";
}

std::string InScope(const Digest& scope, std::int64_t now_ms) {
  return Filter({Match("tenant", TenantText(scope)), Match("scope", base::ToHex(scope)), Range("expires_ms", "gt", now_ms)});
}

std::string Path(const Place& place, std::string_view rest) { return "/collections/" + place.collection + std::string(rest); }

constexpr std::string_view kDelete = "/points/delete?wait=true";
constexpr std::string_view kCount = "/points/count";

void AppendPoint(const Place& place, const Point& point, std::string& out) {
  out += R"({"id":")" + PointId(point.scope, point.label) + R"(","vector":)";
  AppendVector(point.vector, out);
  out += R"(,"payload":{"tenant":")" + TenantText(point.scope) + R"(","scope":")" + base::ToHex(point.scope) + R"(","label":")" +
         LabelText(point.label) + R"(","embedder":")" + place.maker + R"(","created_ms":)" + std::to_string(point.created_ms) +
         R"(,"expires_ms":)" + std::to_string(point.expires_ms) + R"(,"model":)" + wire::JsonString(point.model) +
         R"(,"namespace":)" + wire::JsonString(point.name_space) + R"(,"tags":[)";
  for (std::size_t i = 0; i < point.tags.size(); ++i) out += (i > 0 ? "," : "") + wire::JsonString(point.tags[i]);
  out += "]}}";
}

std::unexpected<Error> Wrong(const std::string& what) { return Fail(ErrorCode::kProtocol, what); }

// Parses and finds "result" of a good answer.
Result<Value> ResultOf(std::string_view body, Document& document) {
  if (const std::string_view reason = document.Parse(body); !reason.empty()) return Wrong("no JSON (" + std::string(reason) + ")");
  if (document.root().Find("status").text() != "ok") return Wrong("its status is not \"ok\"");
  const Value result = document.root().Find("result");
  if (result.IsNothing()) return Wrong("it has no \"result\"");
  return result;
}

std::optional<std::int64_t> ReadInteger(const Value& value) {
  if (!value.IsNumber()) return std::nullopt;
  const std::string_view text = value.raw();
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// The neighbour a point stands for; nothing unless all about it is right.
std::optional<Neighbor> Believe(const Value& point, const Place& place, const Digest& scope, std::int64_t now_ms) {
  const Value payload = point.Find("payload");
  const std::string_view label_text = payload.Find("label").text();
  std::uint64_t label = 0;
  const auto [end, error] = std::from_chars(label_text.data(), label_text.data() + label_text.size(), label, 16);
  if (error != std::errc() || end != label_text.data() + label_text.size() || label_text != LabelText(label)) return std::nullopt;
  if (point.Find("id").text() != PointId(scope, label)) return std::nullopt;
  if (payload.Find("scope").text() != base::ToHex(scope) || payload.Find("tenant").text() != TenantText(scope)) return std::nullopt;
  if (payload.Find("embedder").text() != place.maker) return std::nullopt;
  const auto expires_ms = ReadInteger(payload.Find("expires_ms"));
  if (!expires_ms || *expires_ms <= now_ms) return std::nullopt;
  const auto score = ReadNumber(point.Find("score"));
  constexpr double kRounding = 1e-3;
  if (!score || !(std::abs(*score) <= 1 + kRounding)) return std::nullopt;
  return Neighbor{label, static_cast<float>(std::clamp(*score, -1.0, 1.0))};
}

struct FieldRow {
  std::string_view name, schema;
};
constexpr FieldRow kFieldRows[] = {
    {"tenant", R"({"type":"keyword","is_tenant":true})"},
    {"scope", R"("keyword")"},
    {"expires_ms", R"({"type":"integer","range":true,"lookup":false})"},
    {"created_ms", R"({"type":"integer","range":true,"lookup":false})"},
    {"model", R"("keyword")"},
    {"namespace", R"("keyword")"},
    {"tags", R"("keyword")"},
};
static_assert(std::size(kFieldRows) == kFields);

}  // namespace

Place Place::Of(std::string_view prefix, std::string_view model_id, std::uint32_t dimension) {
  Place place;
  place.dimension = dimension;
  place.maker = base::ToHex(base::HashBytes(model_id)).substr(0, 16) + "-" + std::to_string(dimension);
  place.collection = std::string(prefix) + "-" + place.maker;
  return place;
}

std::size_t Point::Bytes() const {
  std::size_t bytes = sizeof(Point) + vector.size() * sizeof(float) + model.size() + name_space.size();
  for (const std::string& tag : tags) bytes += sizeof(tag) + tag.size();
  return bytes;
}

std::string PointId(const Digest& scope, std::uint64_t label) {
  std::string bytes(reinterpret_cast<const char*>(scope.bytes.data()), scope.bytes.size());
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(label >> shift & 0xFF));
  const std::string hex = base::ToHex(base::HashBytes(bytes));
  return hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) + "-" + hex.substr(20, 12);
}

std::string TenantText(const Digest& scope) { return LabelText(TenantTag(scope)); }

ServiceCall Describe(const Place& place) { return {"GET", Path(place, ""), ""}; }

ServiceCall Create(const Place& place) {
  return {"PUT", Path(place, ""),
          R"({"vectors":{"size":)" + std::to_string(place.dimension) +
              R"(,"distance":"Cosine","on_disk":true},"quantization_config":{"binary":{"always_ram":true}},)"
              R"("hnsw_config":{"m":0,"payload_m":16,"ef_construct":128},"optimizers_config":{"indexing_threshold":20000},)"
              R"("on_disk_payload":true})"};
}

ServiceCall IndexField(const Place& place, std::size_t field) {
  const FieldRow& row = kFieldRows[field];
  return {"PUT", Path(place, "/index?wait=true"),
          R"({"field_name":")" + std::string(row.name) + R"(","field_schema":)" + std::string(row.schema) + "}"};
}

ServiceCall Upsert(const Place& place, std::span<const Point> points) {
  std::string body = R"({"points":[)";
  for (std::size_t i = 0; i < points.size(); ++i) {
    if (i > 0) body.push_back(',');
    AppendPoint(place, points[i], body);
  }
  return {"PUT", Path(place, "/points?wait=true"), body + "]}"};
}

ServiceCall Delete(const Place& place, std::span<const PointName> points) {
  std::string body = R"({"points":[)";
  for (std::size_t i = 0; i < points.size(); ++i) {
    body += (i > 0 ? ",\"" : "\"") + PointId(points[i].scope, points[i].label) + "\"";
  }
  return {"POST", Path(place, kDelete), body + "]}"};
}

ServiceCall DeletePurged(const Place& place, const PurgeRule& rule) {
  std::vector<std::string> conditions{Range("created_ms", "lte", rule.before_ms)};
  if (rule.model) conditions.push_back(Match("model", *rule.model));
  if (rule.name_space) conditions.push_back(Match("namespace", *rule.name_space));
  if (rule.tag) conditions.push_back(Match("tags", *rule.tag));
  return {"POST", Path(place, kDelete), "{" + Filter(conditions) + "}"};
}

ServiceCall DeleteExpired(const Place& place, std::int64_t now_ms) {
  return {"POST", Path(place, kDelete), "{" + Filter({Range("expires_ms", "lte", now_ms)}) + "}"};
}

ServiceCall CountScope(const Place& place, const Digest& scope, std::int64_t now_ms) {
  return {"POST", Path(place, kCount), "{" + InScope(scope, now_ms) + R"(,"exact":true})"};
}

ServiceCall CountAll(const Place& place) { return {"POST", Path(place, kCount), R"({"exact":false})"}; }

ServiceCall Query(const Place& place, const Digest& scope, std::span<const float> vector, std::size_t k, double oversampling,
                  std::int64_t now_ms) {
  const double capped = std::max(1.0, std::min(oversampling, kRescoredMax / static_cast<double>(std::max<std::size_t>(k, 1))));
  char factor[32];
  std::snprintf(factor, sizeof factor, "%.2f", capped);
  std::string body = R"({"query":)";
  AppendVector(vector, body);
  body += R"(,"limit":)" + std::to_string(k) + R"(,"with_payload":true,"with_vector":false,)" + InScope(scope, now_ms) +
          R"(,"params":{"hnsw_ef":128,"exact":false,"quantization":{"ignore":false,"rescore":true,"oversampling":)" + factor +
          "}}}";
  return {"POST", Path(place, "/points/query"), std::move(body)};
}

Result<void> ReadDescription(std::string_view body, const Place& place) {
  Document document;
  REFLEX_TRY(const Value result, ResultOf(body, document));
  const Value vectors = result.Find("config").Find("params").Find("vectors");
  if (!vectors.IsObject()) return Wrong("it has no \"config.params.vectors\"");
  const auto refuse = [&](const std::string& what) -> Result<void> {
    return Fail(ErrorCode::kInvalidArgument, "the collection \"" + place.collection + "\" of Qdrant " + what +
                                                 "; allowed: another qdrant.collection, or delete this one");
  };
  const Value size = vectors.Find("size");
  if (!size.IsNumber()) return refuse("has named vectors, Reflex uses one unnamed vector");
  if (size.raw() != std::to_string(place.dimension)) {
    return refuse("has vectors of " + std::string(size.raw()) + " numbers, the embedder makes " + std::to_string(place.dimension));
  }
  if (vectors.Find("distance").text() != "Cosine")
    return refuse("compares by \"" + std::string(vectors.Find("distance").text()) + "\", not by \"Cosine\"");
  return {};
}

Result<void> ReadDone(std::string_view body) {
  Document document;
  REFLEX_TRY(const Value result, ResultOf(body, document));
  if (result.IsTrue()) return {};
  const std::string_view status = result.Find("status").text();
  if (status == "completed" || status == "acknowledged") return {};
  return Wrong("its result is neither completed nor acknowledged");
}

Result<std::uint64_t> ReadCount(std::string_view body) {
  Document document;
  REFLEX_TRY(const Value result, ResultOf(body, document));
  const auto count = ReadInteger(result.Find("count"));
  if (!count || *count < 0) return Wrong("it has no \"count\"");
  return static_cast<std::uint64_t>(*count);
}

Result<Found> ReadPoints(std::string_view body, const Place& place, const Digest& scope, std::size_t k, std::int64_t now_ms) {
  Document document;
  REFLEX_TRY(const Value result, ResultOf(body, document));
  const Value points = result.Find("points");
  if (!points.IsArray()) return Wrong("it has no \"points\"");
  Found found;
  std::unordered_set<std::uint64_t> seen;
  for (const Value point : points.elements()) {
    const auto neighbor = Believe(point, place, scope, now_ms);
    if (neighbor && found.neighbors.size() < k && seen.insert(neighbor->label).second) {
      found.neighbors.push_back(*neighbor);
    } else {
      ++found.refused;
    }
  }
  std::ranges::sort(found.neighbors, [](const Neighbor& a, const Neighbor& b) {
    return std::tuple(b.similarity, a.label) < std::tuple(a.similarity, b.label);
  });
  return found;
}

}  // namespace reflex::remote::qdrant
