// The HTTP server alone, at its fastest: reads each request's body and sends a fixed JSON reply. The floor under every cache hit.
//   http_echo PORT [THREADS]
#include <charconv>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/metrics.h"
#include "http/server.h"

namespace {

using reflex::http::Exchange;
using reflex::http::Task;

class EchoHandler final : public reflex::http::Handler {
 public:
  EchoHandler() : body_("{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"content\":\"" + std::string(1460, 'x') + "\"}") {}

  bool AnswerKnown(reflex::http::ReadyExchange&) override { return false; }
  Task<void> Handle(Exchange& exchange) override {
    const auto body = co_await exchange.ReadBody();
    if (!body) co_return;
    const reflex::http::Header headers[] = {{"Content-Type", "application/json"}};
    const std::string_view pieces[] = {body_};
    const auto sent = co_await exchange.Send({200, headers}, pieces);
    static_cast<void>(sent);
  }
  std::span<const reflex::http::Header> RefusalHeaders(int) override { return {}; }
  std::string RefusalBody(int status, std::string_view message) override {
    return "{\"error\":{\"code\":" + std::to_string(status) + ",\"message\":\"" + std::string(message) + "\"}}";
  }

 private:
  const std::string body_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: http_echo PORT [THREADS]\n");
    return 2;
  }
  std::size_t count = 1;
  if (argc > 2) std::from_chars(argv[2], argv[2] + std::strlen(argv[2]), count);
  reflex::base::MetricsRegistry metrics;
  reflex::NullLogger logger;
  EchoHandler handler;
  std::vector<std::unique_ptr<reflex::http::IoThread>> threads;
  std::vector<reflex::http::IoThread*> pointers;
  for (std::size_t i = 0; i < count; ++i)
    pointers.push_back(threads.emplace_back(std::make_unique<reflex::http::IoThread>()).get());
  reflex::http::ServerOptions options;
  options.listen.push_back({std::string("127.0.0.1:") + argv[1], false});
  options.connections_max = 20'000;
  const auto server = reflex::http::Server::Create(options, pointers, handler, metrics, logger);
  if (!server) {
    std::fprintf(stderr, "http_echo: %s\n", server.error().message.c_str());
    return 1;
  }
  (*server)->Start();
  std::vector<std::thread> runners;
  for (std::size_t i = 1; i < count; ++i) runners.emplace_back([thread = pointers[i]] { thread->Run(); });
  pointers[0]->Run();
  for (std::thread& runner : runners) runner.join();
}
