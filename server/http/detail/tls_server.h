#pragma once

#include "http/detail/server_thread.h"
#include "http/server.h"
#include "reflex/result.h"

namespace reflex::http {

// Reads certificate and key: TLS 1.2 and newer, ALPN "http/1.1". Returns: kNotFound (a file that cannot be read), kInvalidArgument
// (no PEM, or the key is another certificate's).
Result<ServerTls> LoadTls(const TlsFiles& files);

}  // namespace reflex::http
