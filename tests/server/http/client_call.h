#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fakes/client_thread.h"
#include "fakes/provider.h"
#include "http/client.h"

namespace reflex::http {

// A request that owns what it points to, for a test to fill in.
struct TestCall {
  Origin origin;
  std::string method = "GET";
  std::string target = "/";
  std::vector<Header> headers;
  std::vector<std::string_view> body;
  bool has_body = false;
  bool upgrade = false;
  BodySource source;
  std::optional<std::uint64_t> source_length;

  ClientRequest View() const {
    ClientRequest request;
    request.origin = &origin;
    request.method = method;
    request.target = target;
    request.headers = headers;
    request.body = body;
    request.has_body = has_body;
    request.upgrade = upgrade;
    request.source = source;
    request.source_length = source_length;
    return request;
  }
};

inline TestCall CallTo(const fakes::Provider& provider, std::string method = "GET", std::string target = "/") {
  TestCall call;
  call.origin = Origin{false, "127.0.0.1", provider.port()};
  call.method = std::move(method);
  call.target = std::move(target);
  return call;
}

inline fakes::Answer Fetch(fakes::ClientThread& thread, const TestCall& call) {
  return thread.Run([&] { return fakes::Fetch(thread.client(), call.View()); });
}

// A source that gives these pieces, then the end.
inline BodySource SourceOf(std::vector<std::string> pieces) {
  auto left = std::make_shared<std::vector<std::string>>(std::move(pieces));
  auto next = std::make_shared<std::size_t>(0);
  return [left, next]() -> Task<Result<std::string_view>> {
    if (*next == left->size()) co_return std::string_view();
    co_return std::string_view((*left)[(*next)++]);
  };
}

}  // namespace reflex::http
