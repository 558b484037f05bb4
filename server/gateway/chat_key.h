#pragma once

#include "gateway/context.h"
#include "http/client.h"
#include "reflex/types.h"
#include "wire/chat_request.h"

namespace reflex::gateway {

// The exact key of a chat request: SHA-256 over everything that changes the answer, each field with its length before it
// (docs/key.md): canonical form and its version, where it is asked (base URL, path, query without `key`), the header fields that
// select behaviour, tenant and namespace. Needs context.tenant and context.policy. Thread: the context's.
Digest ExactKey(const RequestContext& context, const http::BaseUrl& base, const wire::ChatRequest& request);

// The scope of a question: as ExactKey, over `scope_form` in place of the canonical form and apart from every exact key. Equal for
// requests of one tenant and namespace that differ in the question at most.
Digest ScopeDigest(const RequestContext& context, const http::BaseUrl& base, const Digest& scope_form);

// Under what a refusal of usage is remembered: the model, or the path where that names it (Azure's deployments).
std::string_view UsageRefusalName(const RequestContext& context, const wire::ChatRequest& request);

// What calls must have in common to share one: the exact key, the service tier, which is not in it, and whether usage comes with
// the answer: a stream of a model that refuses to be asked for it has none for those who want it.
// `usage_refused`: of a stream whose call is not to ask for it.
Digest FlightKey(const RequestContext& context, const Digest& exact_key, const wire::ChatRequest& request, bool usage_refused);

}  // namespace reflex::gateway
