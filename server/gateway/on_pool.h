#pragma once

#include <functional>

#include "base/worker_pool.h"
#include "http/io_thread.h"
#include "http/task.h"

namespace reflex::gateway {

// As http::RunOnPool, for work that borrows from its caller: if the coroutine is destroyed meanwhile, work that has not begun is
// skipped, and the destruction waits for work that has. False, running nothing, when the pool is full.
http::Task<bool> RunBorrowing(http::IoThread& io, base::WorkerPool& pool, std::function<void()> work);

}  // namespace reflex::gateway
