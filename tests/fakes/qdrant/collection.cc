#include "fakes/qdrant/collection.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "wire/error_body.h"

namespace reflex::fakes::qdrant {
namespace {

constexpr std::string_view kFormat = "Format error in JSON body: ";

std::string Compact(const Value& value) {
  std::string text;
  value.AppendCompact(text);
  return text;
}

double Number(const Value& value) { return std::strtod(std::string(value.raw()).c_str(), nullptr); }

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : std::isxdigit(static_cast<unsigned char>(text[i])) == 0) return false;
  }
  return true;
}

std::string Shortest(float value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// One "must" condition of a filter.
Outcome<bool> Meets(const Value& condition, const std::map<std::string, std::string>& payload) {
  if (const auto only = Only(condition, "key match range"); !only) return std::unexpected(only.error());
  const auto field = payload.find(std::string(condition.Find("key").text()));
  const Value match = condition.Find("match"), range = condition.Find("range");
  if (!condition.Find("key").IsString() || match.IsObject() == range.IsObject()) {
    return Refuse(400, std::string(kFormat) + "data did not match any variant of untagged enum Condition");
  }
  if (match) {
    if (const auto only = Only(match, "value"); !only) return std::unexpected(only.error());
    if (field == payload.end()) return false;
    const std::string wanted = Compact(match.Find("value"));
    wire::json::Document held;
    held.Parse(field->second);
    if (!held.root().IsArray()) return field->second == wanted;
    for (const Value element : held.root().elements()) {
      if (Compact(element) == wanted) return true;
    }
    return false;
  }
  if (const auto only = Only(range, "gt gte lt lte"); !only) return std::unexpected(only.error());
  if (field == payload.end()) return false;
  const double number = std::strtod(field->second.c_str(), nullptr);
  bool inside = true;
  for (const auto& bound : range.members()) {
    const double limit = Number(bound.value);
    inside = inside && (bound.name() == "gt"    ? number > limit
                        : bound.name() == "gte" ? number >= limit
                        : bound.name() == "lt"  ? number < limit
                                                : number <= limit);
  }
  return inside;
}

}  // namespace

Outcome<void> Only(const Value& object, std::string_view allowed) {
  for (const auto& member : object.members()) {
    const std::string padded = " " + std::string(allowed) + " ";
    if (padded.find(" " + std::string(member.name()) + " ") != std::string::npos) continue;
    return Refuse(400,
                  std::string(kFormat) + "unknown member \"" + std::string(member.name()) + "\"; known: " + std::string(allowed));
  }
  return {};
}

Outcome<Collection> Collection::Create(const Value& body) {
  const Value vectors = body.Find("vectors"), hnsw = body.Find("hnsw_config"), optimizers = body.Find("optimizers_config");
  const Value quantization = body.Find("quantization_config");
  for (const auto& [part, allowed] : std::initializer_list<std::pair<Value, std::string_view>>{
           {body, "vectors hnsw_config optimizers_config quantization_config on_disk_payload"},
           {vectors, "size distance on_disk"},
           {hnsw, "m payload_m ef_construct"},
           {optimizers, "indexing_threshold"},
           {quantization, "binary"},
           {quantization.Find("binary"), "always_ram encoding query_encoding"}}) {
    if (!part) continue;
    if (const auto only = Only(part, allowed); !only) return std::unexpected(only.error());
  }
  Collection made;
  made.size_ = vectors.Find("size").Whole(0);
  made.distance_ = vectors.Find("distance").text();
  const bool known = made.distance_ == "Cosine" || made.distance_ == "Dot" || made.distance_ == "Euclid";
  if (made.size_ == 0 || !known) {
    return Refuse(400, std::string(kFormat) + "data did not match any variant of untagged enum VectorsConfig at line 1 column 46");
  }
  made.on_disk_ = vectors.Find("on_disk").IsTrue();
  const auto or_default = [&](std::string_view name, std::uint64_t otherwise) {
    return std::to_string(hnsw ? hnsw.Find(name).Whole(otherwise) : otherwise);
  };
  made.hnsw_ = R"({"m":)" + or_default("m", 16) + R"(,"ef_construct":)" + or_default("ef_construct", 100) +
               R"(,"full_scan_threshold":10000,"max_indexing_threads":0,"on_disk":false)";
  if (hnsw.Find("payload_m")) made.hnsw_ += R"(,"payload_m":)" + or_default("payload_m", 16);
  made.hnsw_ += "}";
  made.quantization_ = quantization ? Compact(quantization) : "null";
  made.indexing_threshold_ = std::to_string(optimizers ? optimizers.Find("indexing_threshold").Whole(10000) : 10000);
  return made;
}

std::string Collection::Updated(bool wait) const {
  return R"({"operation_id":)" + std::to_string(operation_) + R"(,"status":")" + (wait ? "completed" : "acknowledged") + "\"}";
}

Outcome<Id> Collection::ReadId(const Value& value) const {
  if (value.IsNumber()) {
    const std::uint64_t number = value.Whole(UINT64_MAX);
    if (number != UINT64_MAX) return Id{number, {}};
  } else if (IsUuid(value.text())) {
    return Id{0, std::string(value.text())};
  }
  const std::string shown(value.IsString() ? value.text() : value ? value.raw() : std::string_view("null"));
  return Refuse(400, std::string(kFormat) + "value " + shown +
                         " is not a valid point ID, valid values are either an unsigned integer or a UUID");
}

Outcome<std::vector<float>> Collection::ReadVector(const Value& value) const {
  std::vector<float> vector;
  double squares = 0;
  bool numbers = value.IsArray();
  for (const Value element : value.elements()) {
    numbers = numbers && element.IsNumber();
    if (!numbers) break;
    vector.push_back(static_cast<float>(Number(element)));
    squares += static_cast<double>(vector.back()) * static_cast<double>(vector.back());
  }
  if (!numbers) return Refuse(400, std::string(kFormat) + "data did not match any variant of untagged enum VectorStruct");
  if (vector.size() != size_) {
    return Refuse(400, "Wrong input: Vector dimension error: expected dim: " + std::to_string(size_) + ", got " +
                           std::to_string(vector.size()));
  }
  // Cosine: of unit length from the start; a zero vector stays one.
  if (squares > 0) {
    for (float& element : vector) element = static_cast<float>(static_cast<double>(element) / std::sqrt(squares));
  }
  return vector;
}

Outcome<std::string> Collection::IndexField(const Value& body) {
  if (const auto only = Only(body, "field_name field_schema"); !only) return std::unexpected(only.error());
  if (const auto only = Only(body.Find("field_schema"), "type is_tenant range lookup"); !only) return std::unexpected(only.error());
  schema_[std::string(body.Find("field_name").text())] = Compact(body.Find("field_schema"));
  operation_ += 2;
  return Updated(true);
}

Outcome<std::string> Collection::Upsert(const Value& body, bool wait) {
  if (const auto only = Only(body, "points"); !only) return std::unexpected(only.error());
  if (body.Find("points").size() == 0) return Refuse(400, "Bad request: Empty update request");
  std::vector<std::pair<Id, Point>> fresh;
  for (const Value point : body.Find("points").elements()) {
    if (const auto only = Only(point, "id vector payload"); !only) return std::unexpected(only.error());
    auto id = ReadId(point.Find("id"));
    if (!id) return std::unexpected(id.error());
    auto vector = ReadVector(point.Find("vector"));
    if (!vector) return std::unexpected(vector.error());
    Point made{std::move(*vector), {}, 0};
    for (const auto& member : point.Find("payload").members()) made.payload[std::string(member.name())] = Compact(member.value);
    fresh.emplace_back(std::move(*id), std::move(made));
  }
  ++operation_;
  for (auto& [id, point] : fresh) {
    point.version = operation_;
    points_.insert_or_assign(std::move(id), std::move(point));
  }
  return Updated(wait);
}

Outcome<bool> Collection::Matches(const Value& filter, const Point& point) const {
  if (!filter) return true;
  if (const auto only = Only(filter, "must"); !only) return std::unexpected(only.error());
  bool all = true;
  for (const Value condition : filter.Find("must").elements()) {
    const auto meets = Meets(condition, point.payload);
    if (!meets) return meets;
    all = all && *meets;
  }
  return all;
}

// The points of a body with "points" (ids) or "filter".
Outcome<std::vector<Id>> Collection::Selected(const Value& body) const {
  std::vector<Id> selected;
  if (!body.Find("points") && !body.Find("filter")) {
    return Refuse(400, std::string(kFormat) + "data did not match any variant of untagged enum PointsSelector");
  }
  for (const Value value : body.Find("points").elements()) {
    auto id = ReadId(value);
    if (!id) return std::unexpected(id.error());
    if (points_.contains(*id)) selected.push_back(std::move(*id));
  }
  if (!body.Find("filter")) return selected;
  for (const auto& [id, point] : points_) {
    const auto matches = Matches(body.Find("filter"), point);
    if (!matches) return std::unexpected(matches.error());
    if (*matches) selected.push_back(id);
  }
  return selected;
}

Outcome<std::string> Collection::Delete(const Value& body, bool wait) {
  if (const auto only = Only(body, "points filter"); !only) return std::unexpected(only.error());
  const auto selected = Selected(body);
  if (!selected) return std::unexpected(selected.error());
  ++operation_;
  for (const Id& id : *selected) points_.erase(id);
  return Updated(wait);
}

Outcome<std::string> Collection::SetPayload(const Value& body, bool wait) {
  if (const auto only = Only(body, "payload points filter"); !only) return std::unexpected(only.error());
  const auto selected = Selected(body);
  if (!selected) return std::unexpected(selected.error());
  ++operation_;
  for (const Id& id : *selected) {
    for (const auto& member : body.Find("payload").members())
      points_[id].payload[std::string(member.name())] = Compact(member.value);
    points_[id].version = operation_;
  }
  return Updated(wait);
}

std::string Collection::PayloadJson(const Point& point, const Value& with_payload) {
  if (!with_payload.IsTrue() && !with_payload.IsArray()) return {};
  std::string json = R"(,"payload":{)";
  bool first = true;
  for (const auto& [name, value] : point.payload) {
    bool wanted = with_payload.IsTrue();
    for (const Value element : with_payload.elements()) wanted = wanted || element.text() == name;
    if (!wanted) continue;
    json += (first ? "\"" : ",\"") + name + "\":" + value;
    first = false;
  }
  return json + "}";
}

Outcome<std::string> Collection::Query(const Value& body) const {
  const Value params = body.Find("params"), quantization = params.Find("quantization");
  for (const auto& [part, allowed] : std::initializer_list<std::pair<Value, std::string_view>>{
           {body, "query limit with_payload with_vector filter params score_threshold"},
           {params, "hnsw_ef exact quantization"},
           {quantization, "ignore rescore oversampling"}}) {
    if (!part) continue;
    if (const auto only = Only(part, allowed); !only) return std::unexpected(only.error());
  }
  const std::string invalid = "Validation error in JSON body: [internal.";
  const std::uint64_t limit = body.Find("limit") ? body.Find("limit").Whole(0) : 10;
  if (limit == 0) return Refuse(422, invalid + "limit: value 0 invalid, must be 1 or larger]");
  const Value oversampling = quantization.Find("oversampling");
  if (oversampling && Number(oversampling) < 1) {
    return Refuse(422, invalid + "params.quantization.oversampling: value " + std::string(oversampling.raw()) +
                           " invalid, must be 1.0 or larger]");
  }
  const auto query = ReadVector(body.Find("query"));
  if (!query) return std::unexpected(query.error());
  struct Scored {
    float score;
    const Entry* entry;
  };
  std::vector<Scored> scored;
  for (const Entry& entry : points_) {
    const auto matches = Matches(body.Find("filter"), entry.second);
    if (!matches) return std::unexpected(matches.error());
    double score = 0;
    for (std::size_t i = 0; i < size_; ++i) {
      score += static_cast<double>((*query)[i]) * static_cast<double>(entry.second.vector[i]);
    }
    const Value threshold = body.Find("score_threshold");
    if (*matches && (!threshold || score >= Number(threshold))) scored.push_back({static_cast<float>(score), &entry});
  }
  std::sort(scored.begin(), scored.end(), [](const Scored& a, const Scored& b) {
    return std::abs(a.score - b.score) > 1e-6F ? a.score > b.score : a.entry->first < b.entry->first;
  });
  if (scored.size() > limit) scored.resize(limit);
  std::string json = R"({"points":[)";
  for (std::size_t i = 0; i < scored.size(); ++i) {
    const auto& [id, point] = *scored[i].entry;
    json += (i > 0 ? "," : "") + std::string(R"({"id":)") + id.ToJson() + R"(,"version":)" + std::to_string(point.version) +
            R"(,"score":)" + Shortest(scored[i].score) + PayloadJson(point, body.Find("with_payload")) + "}";
  }
  return json + "]}";
}

Outcome<std::string> Collection::Points(const Value& body) const {
  if (const auto only = Only(body, "ids with_payload with_vector"); !only) return std::unexpected(only.error());
  std::string json;
  for (const Value value : body.Find("ids").elements()) {
    const auto id = ReadId(value);
    if (!id) return std::unexpected(id.error());
    const auto found = points_.find(*id);
    if (found == points_.end()) continue;
    json +=
        (json.empty() ? "" : ",") + std::string(R"({"id":)") + id->ToJson() + PayloadJson(found->second, body.Find("with_payload"));
    if (body.Find("with_vector").IsTrue()) {
      json += R"(,"vector":[)";
      for (std::size_t i = 0; i < size_; ++i) json += (i > 0 ? "," : "") + Shortest(found->second.vector[i]);
      json += "]";
    }
    json += "}";
  }
  return "[" + json + "]";
}

Outcome<std::string> Collection::Count(const Value& body) const {
  if (const auto only = Only(body, "filter exact"); !only) return std::unexpected(only.error());
  std::size_t count = 0;
  for (const auto& [id, point] : points_) {
    const auto matches = Matches(body.Find("filter"), point);
    if (!matches) return std::unexpected(matches.error());
    count += *matches ? 1 : 0;
  }
  return R"({"count":)" + std::to_string(count) + "}";
}

Outcome<std::string> Collection::Scroll(const Value& body) const {
  if (const auto only = Only(body, "limit with_payload filter"); !only) return std::unexpected(only.error());
  std::string json;
  std::string next = "null";
  std::uint64_t left = body.Find("limit").Whole(10);
  for (const auto& [id, point] : points_) {
    const auto matches = Matches(body.Find("filter"), point);
    if (!matches) return std::unexpected(matches.error());
    if (!*matches) continue;
    if (left-- == 0) {
      next = id.ToJson();
      break;
    }
    json +=
        (json.empty() ? "" : ",") + std::string(R"({"id":)") + id.ToJson() + PayloadJson(point, body.Find("with_payload")) + "}";
  }
  return R"({"points":[)" + json + R"(],"next_page_offset":)" + next + "}";
}

std::string Collection::Info() const {
  std::string fields;
  for (const auto& [name, schema] : schema_) {
    std::size_t holders = 0;
    for (const auto& [id, point] : points_) holders += point.payload.contains(name) ? 1 : 0;
    wire::json::Document document;
    document.Parse(schema);
    const bool plain = document.root().IsString();
    const std::string type(plain ? document.root().text() : document.root().Find("type").text());
    fields += (fields.empty() ? "\"" : ",\"") + name + R"(":{"data_type":")" + type + "\",";
    if (!plain) {
      // An integer's parameters are shown whole.
      std::string params = schema;
      if (type == "integer") params.insert(params.size() - 1, R"(,"is_principal":null)");
      fields += R"("params":)" + params + ",";
    }
    fields += R"("points":)" + std::to_string(holders) + "}";
  }
  return R"({"status":"green","optimizer_status":"ok","indexed_vectors_count":0,"points_count":)" + std::to_string(points_.size()) +
         R"(,"segments_count":2,"config":{"params":{"vectors":{"size":)" + std::to_string(size_) + R"(,"distance":")" + distance_ +
         R"(","on_disk":)" + (on_disk_ ? "true" : "false") +
         R"(},"shard_number":1,"replication_factor":1,"write_consistency_factor":1,"on_disk_payload":true},"hnsw_config":)" +
         hnsw_ +
         R"(,"optimizer_config":{"deleted_threshold":0.2,"vacuum_min_vector_number":1000,"default_segment_number":2,)"
         R"("max_segment_size":null,"memmap_threshold":null,"indexing_threshold":)" +
         indexing_threshold_ +
         R"(,"flush_interval_sec":5,"max_optimization_threads":null,"prevent_unoptimized":null},"wal_config":)"
         R"({"wal_capacity_mb":32,"wal_segments_ahead":0,"wal_retain_closed":1},"quantization_config":)" +
         quantization_ + R"(},"payload_schema":{)" + fields + R"(},"update_queue":{"length":0}})";
}

}  // namespace reflex::fakes::qdrant
