// JSON of the clouds and a service account's key file: what is accepted can be put into headers and URLs.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "cloud/json_answers.h"
#include "cloud/text_forms.h"

namespace {

void Require(bool condition) {
  if (!condition) std::abort();
}

bool IsVisible(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; });
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view json(reinterpret_cast<const char*>(data), size);
  if (const auto token = reflex::cloud::ParseTokenAnswer(json)) {
    Require(!token->token.empty() && IsVisible(token->token) && token->expires_in_s > 0);
  }
  if (const auto object = reflex::cloud::ParseStorageObject(json)) {
    Require(!object->name.empty());
    Require(object->generation.empty() || reflex::cloud::ParseNumber(object->generation));
  }
  if (const auto page = reflex::cloud::ParseStoragePage(json)) {
    for (const auto& object : page->objects) Require(!object.name.empty());
  }
  if (const auto account = reflex::cloud::ParseServiceAccount(json)) {
    Require(!account->email.empty() && !account->private_key.empty());
    Require(reflex::cloud::ParseEndpoint("x", account->token_uri).has_value());
  }
  if (const auto keys = reflex::cloud::ParseInstanceKeys(json)) {
    Require(IsVisible(keys->id) && IsVisible(keys->secret) && IsVisible(keys->session));
  }
  Require(reflex::cloud::GoogleErrorWords(json).size() <= size + 2);
  return 0;
}
