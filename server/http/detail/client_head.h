#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "http/client.h"
#include "http/detail/client_connection.h"
#include "http/detail/client_pool.h"
#include "http/detail/head_parser.h"
#include "reflex/result.h"

namespace reflex::http {

// The request's head as bytes. Fields that the client alone may set are left out of the request's own. Returns: kInvalidArgument
// for bytes that would end a line.
Result<void> WriteRequestHead(const ClientRequest& request, const OriginPool& origin, std::string& out);

// Looks for the head of a final reply at the start of what the connection holds, and drops 1xx heads other than 101 before it.
// Returns its size and leaves it there, its fields are views into it; 0 when more bytes are needed. Returns: kProtocol.
Result<std::size_t> FindHead(ClientConnection& connection, std::uint64_t head_bytes_max, ResponseHead& head);

}  // namespace reflex::http
