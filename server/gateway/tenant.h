#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/digest.h"
#include "gateway/gateway.h"
#include "http/message.h"
#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::gateway {

struct RequestContext;

// Who a request belongs to, as a digest that goes into every exact key: HMAC-SHA256 under the tenant secret, so that nobody who
// reads the store can test guesses of a credential. Thread-safe after construction; allocates nothing in the steady state.
//
// What counts (GatewayOptions::tenant_from):
//   kCredential  every Authorization, api-key, x-api-key, x-goog-api-key, Cookie and tenant_headers field and every `key=` of the
//                query, each with its lower-case name and its length, repeated ones in their order; OpenAI-Organization and
//                OpenAI-Project. The order of different headers does not count. A request without any shares only with its like.
//   kHeader      every value of tenant_header, with tenant_headers, organisation and project.
//   kOne         nothing: all who may call share.
// A client key that has a group stands for its group: its token is left out wherever it appears, and the group's name is put in;
// all other credentials still count.
// Values are compared as sent: nothing is trimmed, percent-decoded or lower-cased. X-Reflex-Namespace is not in here: the exact key
// adds CachePolicy::name_space beside the tenant.
class TenantHasher {
 public:
  // `options` outlives the hasher. REQUIRES: options.tenant_secret has 32 bytes, or the tenant_from is kOne.
  explicit TenantHasher(const GatewayOptions& options);

  // `key_group` and `key_token` are the client key's, both empty where it has no group. Returns: kInvalidArgument when
  // tenant_header is missing or empty; the message names it.
  Result<Digest> Of(const http::RequestHead& head, std::string_view key_group, std::string_view key_token) const;

 private:
  const GatewayOptions& options_;
  std::vector<std::string> names_;  // Lower-case names of the fields that count, in the order they are hashed.
  base::HmacKey key_;
};

// The tenant of the context's request; call after Admit. Returns as TenantHasher::Of does: Side::kClient's problem.
Result<Digest> TenantOf(const RequestContext& context);

}  // namespace reflex::gateway
