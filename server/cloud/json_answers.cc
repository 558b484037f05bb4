#include "cloud/json_answers.h"

#include <limits>

#include <simdjson.h>

#include "cloud/text_forms.h"

namespace reflex::cloud {
namespace {

namespace dom = simdjson::dom;

// A document with the parser that owns it.
struct Document {
  dom::parser parser;
  dom::element root;
  bool object = false;

  explicit Document(std::string_view json) {
    if (parser.parse(json.data(), json.size(), true).get(root) == simdjson::SUCCESS) object = root.is_object();
  }
};

std::string Text(const dom::element& from, std::string_view member) {
  std::string_view text;
  return from[member].get(text) == simdjson::SUCCESS ? std::string(text) : std::string();
}

std::optional<std::int64_t> Integer(const dom::element& from, std::string_view member) {
  std::int64_t value = 0;
  if (from[member].get(value) == simdjson::SUCCESS) return value;
  return std::nullopt;
}

StorageObject ObjectFrom(const dom::element& element) {
  StorageObject object;
  object.name = Text(element, "name");
  // 64-bit numbers are strings in Google's JSON; emulators write them as numbers.
  const std::optional<std::uint64_t> bytes = ParseNumber(Text(element, "size"));
  const std::int64_t number = Integer(element, "size").value_or(0);
  object.bytes = bytes.value_or(number > 0 ? static_cast<std::uint64_t>(number) : 0);
  object.generation = Text(element, "generation");
  if (!ParseNumber(object.generation)) object.generation.clear();
  object.crc32c = Text(element, "crc32c");
  object.updated_ms = ParseIsoTime(Text(element, "updated")).value_or(0);
  return object;
}

bool IsHeaderValue(std::string_view text) {
  for (const unsigned char c : text) {
    if (c <= 0x20 || c >= 0x7f) return false;
  }
  return !text.empty();
}

}  // namespace

Result<TokenAnswer> ParseTokenAnswer(std::string_view json) {
  const Document document(json);
  if (!document.object) return Fail(ErrorCode::kProtocol, "the token answer is no JSON object");
  TokenAnswer answer{.token = Text(document.root, "access_token"),
                     .expires_in_s = Integer(document.root, "expires_in").value_or(0)};
  if (!IsHeaderValue(answer.token)) return Fail(ErrorCode::kProtocol, "the token answer has no access_token");
  if (answer.expires_in_s <= 0) return Fail(ErrorCode::kProtocol, "the token answer has no expires_in");
  constexpr std::int64_t kYearS = 366LL * 86'400;
  if (answer.expires_in_s > kYearS) answer.expires_in_s = kYearS;
  return answer;
}

Result<StorageObject> ParseStorageObject(std::string_view json) {
  const Document document(json);
  if (!document.object) return Fail(ErrorCode::kProtocol, "the object's description is no JSON object");
  StorageObject object = ObjectFrom(document.root);
  if (object.name.empty()) return Fail(ErrorCode::kProtocol, "the object's description has no name");
  return object;
}

Result<StoragePage> ParseStoragePage(std::string_view json) {
  const Document document(json);
  if (!document.object) return Fail(ErrorCode::kProtocol, "the list of objects is no JSON object");
  StoragePage page{.objects = {}, .next_page = Text(document.root, "nextPageToken")};
  dom::array items;
  const auto found = document.root["items"].get(items);
  if (found == simdjson::NO_SUCH_FIELD) return page;
  if (found != simdjson::SUCCESS) return Fail(ErrorCode::kProtocol, "the list of objects has no array of items");
  for (const dom::element item : items) {
    StorageObject object = item.is_object() ? ObjectFrom(item) : StorageObject();
    if (object.name.empty()) return Fail(ErrorCode::kProtocol, "the list of objects has one without a name");
    page.objects.push_back(std::move(object));
  }
  return page;
}

Result<ServiceAccount> ParseServiceAccount(std::string_view json) {
  const Document document(json);
  if (!document.object) return Fail(ErrorCode::kInvalidArgument, "is no JSON object; a service account's key is needed");
  const std::string type = Text(document.root, "type");
  if (type != "service_account") {
    return Fail(ErrorCode::kInvalidArgument, "is of type " + JsonQuote(type.substr(0, 40)) + "; allowed: \"service_account\"");
  }
  ServiceAccount account{.email = Text(document.root, "client_email"),
                         .key_id = Text(document.root, "private_key_id"),
                         .private_key = Text(document.root, "private_key"),
                         .token_uri = Text(document.root, "token_uri")};
  if (account.email.empty()) return Fail(ErrorCode::kInvalidArgument, "has no client_email");
  if (account.private_key.empty()) return Fail(ErrorCode::kInvalidArgument, "has no private_key");
  if (account.token_uri.empty()) account.token_uri = "https://oauth2.googleapis.com/token";
  REFLEX_CHECK(ParseEndpoint("token_uri", account.token_uri));
  return account;
}

Result<AwsKeys> ParseInstanceKeys(std::string_view json) {
  const Document document(json);
  if (!document.object) return Fail(ErrorCode::kProtocol, "the role's credentials are no JSON object");
  AwsKeys keys{.id = Text(document.root, "AccessKeyId"),
               .secret = Text(document.root, "SecretAccessKey"),
               .session = Text(document.root, "Token"),
               .expires_ms = ParseIsoTime(Text(document.root, "Expiration")).value_or(0)};
  if (!IsHeaderValue(keys.id) || !IsHeaderValue(keys.secret) || (!keys.session.empty() && !IsHeaderValue(keys.session))) {
    return Fail(ErrorCode::kProtocol, "the role's credentials have no AccessKeyId, SecretAccessKey and Token");
  }
  return keys;
}

std::string GoogleErrorWords(std::string_view json) {
  const Document document(json);
  if (!document.object) return {};
  dom::element error;
  if (document.root["error"].get(error) != simdjson::SUCCESS) return {};
  if (error.is_object()) return Text(error, "message");
  // The token endpoint writes {"error": "invalid_grant", "error_description": "…"}.
  const std::string words = Text(document.root, "error_description");
  return Text(document.root, "error") + (words.empty() ? "" : ": " + words);
}

}  // namespace reflex::cloud
