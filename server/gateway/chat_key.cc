#include "gateway/chat_key.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "gateway/thread_state.h"
#include "http/message.h"
#include "upstream/upstream.h"

namespace reflex::gateway {
namespace {

template <class T>
std::string_view BytesOf(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string_view BytesOf(const Digest& digest) { return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()}; }

// All fields of that name, in their order; a missing one is another key than an empty one.
void AddHeader(std::string_view name, std::span<const http::Header> headers, base::Sha256& hash) {
  const auto counts = [&](const http::Header& header) { return http::EqualsIgnoringCase(header.name, name); };
  // The count stands before its fields, so that no two lists of fields can hash the same bytes.
  const std::uint64_t count = static_cast<std::uint64_t>(std::ranges::count_if(headers, counts));
  hash.Update(BytesOf(count));
  if (count == 0) return;
  for (const http::Header& header : headers) {
    if (counts(header)) hash.UpdateField(header.value);
  }
}

// The query without the credential, which the tenant holds.
void AddQuery(std::string_view query, base::Sha256& hash) {
  // A pair is never empty here, so an empty field ends the list.
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (!pair.empty() && !pair.starts_with("key=")) hash.UpdateField(pair);
  }
  hash.UpdateField({});
}

// All that counts beside the form of the body.
Digest FinishKey(const RequestContext& context, const http::BaseUrl& base, const Digest& form, base::Sha256& hash) {
  const http::RequestHead& head = context.head();
  const std::string_view path = context.key_path.empty() ? head.path : context.key_path;
  hash.UpdateField(BytesOf(form));
  hash.UpdateField(BytesOf(context.tenant));
  hash.UpdateField(context.policy.name_space);
  hash.UpdateField(base.text);
  hash.UpdateField(upstream::TargetAt(context.provider, base, path));
  AddQuery(head.query, hash);
  for (std::string_view name : {"openai-beta", "anthropic-version", "anthropic-beta"}) AddHeader(name, head.headers, hash);
  for (const std::string& name : context.services.options.key_headers) {
    hash.UpdateField(name);
    AddHeader(name, head.headers, hash);
  }
  return hash.Finish();
}

}  // namespace

Digest ExactKey(const RequestContext& context, const http::BaseUrl& base, const wire::ChatRequest& request) {
  base::Sha256& hash = context.thread.hash;
  hash.Reset();
  hash.Update(BytesOf(wire::kCanonicalFormVersion));
  return FinishKey(context, base, request.canonical, hash);
}

Digest ScopeDigest(const RequestContext& context, const http::BaseUrl& base, const Digest& scope_form) {
  base::Sha256& hash = context.thread.hash;
  hash.Reset();
  hash.Update(BytesOf(wire::kCanonicalFormVersion));
  hash.UpdateField("scope");
  Digest scope = FinishKey(context, base, scope_form, hash);
  // Where TenantTag finds it. What is left of the hash, 192 bits, is still far beyond collisions.
  std::memcpy(scope.bytes.data() + 24, context.tenant.bytes.data(), 8);
  return scope;
}

std::string_view UsageRefusalName(const RequestContext& context, const wire::ChatRequest& request) {
  const std::string_view target = context.head().target;
  return request.model.empty() ? target.substr(0, target.find('?')) : std::string_view(request.model);
}

Digest FlightKey(const RequestContext& context, const Digest& exact_key, const wire::ChatRequest& request, bool usage_refused) {
  if (request.service_tier.empty() && !usage_refused) return exact_key;
  base::Sha256& hash = context.thread.hash;
  hash.Reset();
  hash.Update(BytesOf(exact_key));
  hash.UpdateField(request.service_tier);
  if (usage_refused) hash.UpdateField("without usage");
  return hash.Finish();
}

}  // namespace reflex::gateway
