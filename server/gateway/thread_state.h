#pragma once

#include <cstddef>

#include "base/digest.h"
#include "http/io_thread.h"
#include "upstream/upstream.h"
#include "wire/chat_request.h"

namespace reflex::gateway {

// What belongs to one I/O thread: used on it alone and never across a suspension, so that a request takes no lock for it.
struct ThreadState {
  http::IoThread* io = nullptr;
  upstream::Upstream* upstream = nullptr;
  wire::ChatRequestReader reader;
  base::Sha256 hash;
};

}  // namespace reflex::gateway
