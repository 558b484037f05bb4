#pragma once

#include "gateway/context.h"
#include "http/task.h"

namespace reflex::gateway {

// Every path that is not ours or cached: to its provider and back untouched, both bodies as they flow, an upgrade as a tunnel.
// Needs context.provider, which is switched on.
http::Task<void> PassThrough(RequestContext& context);

}  // namespace reflex::gateway
