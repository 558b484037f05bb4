#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"

// The JSON that the clouds answer with, and the two files that hold credentials of theirs. Every function takes any bytes and
// returns kProtocol (answers) or kInvalidArgument (files) for what does not have the form, never with a secret in the message.
namespace reflex::cloud {

// OAuth 2.0 (RFC 6749, section 5.1), as Google's token endpoint and metadata server answer.
struct TokenAnswer {
  std::string token;
  std::int64_t expires_in_s = 0;
};
Result<TokenAnswer> ParseTokenAnswer(std::string_view json);

// An object resource of the Cloud Storage JSON API; what it leaves out is empty or 0.
struct StorageObject {
  std::string name;
  std::uint64_t bytes = 0;
  std::string generation;
  std::string crc32c;  // Base64, as Crc32cText.
  std::int64_t updated_ms = 0;
};
Result<StorageObject> ParseStorageObject(std::string_view json);

struct StoragePage {
  std::vector<StorageObject> objects;
  std::string next_page;  // Token; "" after the last.
};
Result<StoragePage> ParseStoragePage(std::string_view json);

// A service account's key file (type "service_account").
struct ServiceAccount {
  std::string email;
  std::string key_id;
  std::string private_key;  // PEM.
  std::string token_uri;
};
Result<ServiceAccount> ParseServiceAccount(std::string_view json);

// Credentials of an instance's role, from instance metadata v2.
struct AwsKeys {
  std::string id;
  std::string secret;
  std::string session;          // Token; "" for lasting keys.
  std::int64_t expires_ms = 0;  // 0: never.
};
Result<AwsKeys> ParseInstanceKeys(std::string_view json);

// The words of an error answer of Google's, "" where it has none.
std::string GoogleErrorWords(std::string_view json);

}  // namespace reflex::cloud
