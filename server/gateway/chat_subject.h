#pragma once

#include <optional>
#include <string_view>

#include "gateway/context.h"
#include "gateway/errors.h"
#include "gateway/semantic_lookup.h"
#include "http/task.h"
#include "reflex/result.h"
#include "reflex/types.h"
#include "wire/chat_request.h"

namespace reflex::gateway {

// A chat request that another call speaks of, with the keys it would have: under the headers, and so the tenant, of that call.
struct ChatSubject {
  wire::ChatRequest request;
  Digest key;
  SemanticQuestion asked;   // Empty where there is no semantic tier or it may not be used.
  std::string_view bypass;  // Why such a request neither reads nor stores; "" where it may.
};

// Fills the context's provider, policy and tenant. `body` outlives the result's use. An error is what a client did wrong: headers
// or a body that cannot be read, or a provider that is switched off.
http::Task<std::optional<Problem>> ReadSubject(RequestContext& context, std::string_view body, ChatSubject& subject);

// The tenant and policy alone, for calls that name no request.
std::optional<Problem> ReadCaller(RequestContext& context);

}  // namespace reflex::gateway
