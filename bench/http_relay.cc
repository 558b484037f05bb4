// A raw relay: server, upstream client, nothing between. What a miss costs before any cache has looked at it; compare with nginx
// proxy_pass on the same run.
//   http_relay PORT UPSTREAM_URL [THREADS]
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "http/client.h"
#include "http/server.h"
#include "upstream/upstream.h"

namespace {

using reflex::Result;
using reflex::http::Exchange;
using reflex::http::IoThread;
using reflex::http::Task;
using reflex::upstream::Upstream;

std::string ErrorBody(int status, std::string_view message) {
  return "{\"error\":{\"code\":" + std::to_string(status) + ",\"message\":\"" + std::string(message) + "\"}}";
}

class RelayHandler final : public reflex::http::Handler {
 public:
  void Add(IoThread& io, std::unique_ptr<Upstream> upstream) { threads_.emplace_back(&io, std::move(upstream)); }

  bool AnswerKnown(reflex::http::ReadyExchange&) override { return false; }
  Task<void> Handle(Exchange& exchange) override {
    const auto body = co_await exchange.ReadBody();
    if (!body) co_return;
    const auto& request = exchange.request();
    const std::string_view pieces[] = {*body};
    reflex::upstream::Call call;
    call.provider = reflex::upstream::Route(request.path, request.headers);
    call.method = request.method;
    call.target = request.target;
    call.headers = request.headers;
    call.body = pieces;
    call.has_body = request.has_body();
    auto reply = co_await UpstreamOf(exchange.io()).Send(call, nullptr);
    if (reply) {
      co_await Relay(exchange, **reply);
    } else {
      const std::string error = ErrorBody(502, reply.error().message);
      const std::string_view error_pieces[] = {error};
      static_cast<void>(co_await exchange.Send({502, {}}, error_pieces));
    }
  }
  std::span<const reflex::http::Header> RefusalHeaders(int) override { return {}; }
  std::string RefusalBody(int status, std::string_view message) override { return ErrorBody(status, message); }

 private:
  Upstream& UpstreamOf(IoThread& io) {
    for (const auto& [thread, upstream] : threads_) {
      if (thread == &io) return *upstream;
    }
    return *threads_.front().second;
  }

  static Task<void> Relay(Exchange& exchange, reflex::upstream::Reply& reply) {
    std::vector<reflex::http::Header> headers;
    for (const auto& header : reply.headers()) {
      const bool of_server =
          reflex::http::EqualsIgnoringCase(header.name, "Content-Length") || reflex::http::EqualsIgnoringCase(header.name, "Date");
      if (!of_server) headers.push_back(header);
    }
    auto piece = co_await reply.Read();
    if (piece && reply.content_length() == piece->size()) {
      const std::string_view whole[] = {*piece};
      static_cast<void>(co_await exchange.Send({reply.status(), headers}, whole));
      static_cast<void>(co_await reply.Read());  // The end: the connection is free again.
      co_return;
    }
    if (!co_await exchange.Begin({reply.status(), headers}, reply.content_length())) co_return;
    for (; piece && !piece->empty(); piece = co_await reply.Read()) {
      const std::string_view pieces[] = {*piece};
      if (!co_await exchange.Write(pieces)) co_return;
    }
    if (piece) {
      static_cast<void>(co_await exchange.End());
    } else {
      exchange.Abort();
    }
  }

  std::vector<std::pair<IoThread*, std::unique_ptr<Upstream>>> threads_;
};

int Run(int argc, char** argv) {
  std::size_t count = 1;
  if (argc > 3) std::from_chars(argv[3], argv[3] + std::strlen(argv[3]), count);
  const auto base = reflex::http::ParseBaseUrl(argv[2]);
  if (!base) {
    std::fprintf(stderr, "http_relay: %s\n", base.error().message.c_str());
    return 2;
  }
  reflex::base::MetricsRegistry metrics;
  reflex::base::WorkerPool pool(1, 64, 0);
  reflex::NullLogger logger;
  reflex::upstream::ProviderTable table;
  table.openai = *base;
  std::vector<std::unique_ptr<IoThread>> threads;
  std::vector<IoThread*> pointers;
  std::vector<std::unique_ptr<reflex::http::Client>> clients;
  RelayHandler handler;
  for (std::size_t i = 0; i < count; ++i) {
    IoThread& io = *threads.emplace_back(std::make_unique<IoThread>());
    pointers.push_back(&io);
    auto client = reflex::http::Client::Create({}, io, pool, metrics);
    if (!client) return 1;
    clients.push_back(std::move(*client));
    handler.Add(io, reflex::upstream::NewUpstream(*clients.back(), table, metrics));
  }
  reflex::http::ServerOptions options;
  options.listen.push_back({std::string("127.0.0.1:") + argv[1], false});
  options.connections_max = 20'000;
  const auto server = reflex::http::Server::Create(options, pointers, handler, metrics, logger);
  if (!server) {
    std::fprintf(stderr, "http_relay: %s\n", server.error().message.c_str());
    return 1;
  }
  (*server)->Start();
  std::vector<std::thread> runners;
  for (std::size_t i = 1; i < count; ++i) runners.emplace_back([thread = pointers[i]] { thread->Run(); });
  pointers[0]->Run();
  for (std::thread& runner : runners) runner.join();
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: http_relay PORT UPSTREAM_URL [THREADS]\n");
    return 2;
  }
  return Run(argc, argv);
}
