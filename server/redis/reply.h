#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "redis/resp.h"
#include "redis/url.h"
#include "reflex/result.h"

namespace reflex::redis {

// Returns: kProtocol for a port that is none or an empty host.
Result<Endpoint> EndpointOf(std::string_view host, std::string_view port);

// Where "MOVED 3999 127.0.0.1:6381" or "ASK 3999 127.0.0.1:6381" points. Returns: kProtocol.
Result<Endpoint> TargetOfMove(std::string_view error);

// Which node holds which slot.
struct SlotMap {
  std::vector<Endpoint> nodes;              // Masters.
  std::vector<std::uint16_t> node_of_slot;  // kSlots indices into `nodes`.
};
// From the reply to CLUSTER SLOTS; `asked_host` stands in where the node does not know its own. Returns: kProtocol (another reply),
// kUnavailable (slots that nobody holds).
Result<SlotMap> SlotMapOf(const Value& reply, std::string_view asked_host);

}  // namespace reflex::redis
