#include "remote/embed_wire.h"

#include <utility>

#include "remote/json_numbers.h"
#include "wire/error_body.h"
#include "wire/json.h"

namespace reflex::remote {
namespace {

using wire::json::Document;
using wire::json::Value;

constexpr std::size_t kDimensionMax = 65'535;

std::unexpected<Error> Wrong(const std::string& what) { return Fail(ErrorCode::kProtocol, what); }

// Takes one vector to its place.
Result<void> Place(const Value& value, std::size_t index, std::uint32_t& dimension, std::vector<std::vector<float>>& vectors) {
  if (index >= vectors.size()) return Wrong("a vector's index is not one of the texts'");
  if (!vectors[index].empty()) return Wrong("two vectors have the index " + std::to_string(index));
  if (!value.IsArray() || value.size() == 0 || value.size() > kDimensionMax)
    return Wrong("a vector is no array of 1 to 65,535 numbers");
  if (dimension == 0) dimension = static_cast<std::uint32_t>(value.size());
  if (value.size() != dimension) {
    return Wrong("a vector has " + std::to_string(value.size()) + " numbers, not " + std::to_string(dimension));
  }
  auto vector = ReadVector(value, dimension);
  if (!vector) return Wrong("a vector holds something that is no finite number");
  if (!Normalize(*vector)) vector->assign(dimension, 0.0F);
  vectors[index] = std::move(*vector);
  return {};
}

}  // namespace

Result<EmbedForm> EmbedFormFromName(std::string_view name) {
  if (name == "openai") return EmbedForm::kOpenAi;
  if (name == "tei") return EmbedForm::kTei;
  return Fail(ErrorCode::kInvalidArgument, "\"" + std::string(name) + "\" is no form of an embedder; allowed: openai, tei");
}

ServiceCall EmbedCall(EmbedForm form, std::string_view model, std::span<const std::string> texts) {
  std::string list = "[";
  for (const std::string& text : texts) {
    if (list.size() > 1) list.push_back(',');
    wire::AppendJsonString(text, list);
  }
  list.push_back(']');
  // TEI cuts nothing unless it is asked to; said all the same.
  if (form == EmbedForm::kTei) return {"POST", "/embed", R"({"inputs":)" + list + R"(,"normalize":true,"truncate":false})"};
  std::string body = R"({"model":)";
  wire::AppendJsonString(model, body);
  return {"POST", "/embeddings", body + R"(,"input":)" + list + R"(,"encoding_format":"float"})"};
}

Result<std::vector<std::vector<float>>> ReadEmbeddings(EmbedForm form, std::string_view body, std::size_t count,
                                                       std::uint32_t dimension) {
  Document document;
  if (const std::string_view reason = document.Parse(body); !reason.empty()) return Wrong("no JSON (" + std::string(reason) + ")");
  const bool tei = form == EmbedForm::kTei;
  const Value list = tei ? document.root() : document.root().Find("data");
  if (!list.IsArray()) return Wrong(tei ? "it is no array of vectors" : "it has no array \"data\"");
  if (list.size() != count) {
    return Wrong("it has " + std::to_string(list.size()) + " vectors for " + std::to_string(count) + " texts");
  }
  std::vector<std::vector<float>> vectors(count);
  std::size_t position = 0;
  for (const Value element : list.elements()) {
    if (tei) {
      REFLEX_CHECK(Place(element, position++, dimension, vectors));
      continue;
    }
    // By index, never by position.
    REFLEX_CHECK(
        Place(element.Find("embedding"), element.Find("index") ? element.Find("index").Whole(count) : count, dimension, vectors));
  }
  return vectors;
}

}  // namespace reflex::remote
