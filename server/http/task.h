#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace reflex::http {

// A coroutine of the I/O threads, under our name: the only Asio that other rooms include. It runs on the thread that started it.
// Bound to io_context's own executor: the type-erased default costs a virtual call at every step.
template <class T>
using Task = boost::asio::awaitable<T, boost::asio::io_context::executor_type>;

}  // namespace reflex::http
