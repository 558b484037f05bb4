#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "upstream/upstream.h"

namespace reflex::upstream {

// What of a call goes to its provider. Views into the call, the table and itself: it must not move after Make.
struct ForwardedRequest {
  std::string target;
  std::vector<http::Header> headers;
  std::string bearer;
};

// Fills `out`. The provider's base is set.
void Forward(const Call& call, const ProviderTable& table, ForwardedRequest& out);

// The fields of the Connection header, which may come several times, as one list; `joined` holds it if need be.
std::string_view ConnectionValue(std::span<const http::Header> headers, std::string& joined);

// The target without the query's `key` parameters, also where the name is percent-encoded.
std::string WithoutQueryKey(std::string_view target);

}  // namespace reflex::upstream
