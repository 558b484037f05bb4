#include "gateway_world.h"

#include <cstdlib>
#include <future>
#include <stdexcept>

#include "wire/sse.h"

namespace reflex::gateway::testing {
namespace {

http::Task<void> HandleOne(Gateway& gateway, ExchangePtr exchange) {
  co_await gateway.Handle(*exchange);
  exchange->Done();
}

// The value of the first member of that name after `from`, a string without escapes.
std::string StringMember(std::string_view json, std::string_view name, std::size_t from = 0) {
  const std::string quoted = "\"" + std::string(name) + "\":\"";
  const std::size_t at = json.find(quoted, from);
  if (at == std::string_view::npos) return {};
  const std::size_t begin = at + quoted.size();
  return std::string(json.substr(begin, json.find('"', begin) - begin));
}

}  // namespace

GatewayWorld::~GatewayWorld() {
  for (const auto& thread : threads_) thread->Stop();
  for (std::thread& runner : runners_) runner.join();
  pool_.reset();
  threads_.clear();  // Coroutines that still wait end here, before what they refer to.
}

void GatewayWorld::Start(std::unique_ptr<EntryStore> store) {
  cache = Cache::Create(MemoryOptions{}, std::move(store), clock, logger).value();
  GatewayParts parts;
  parts.cache = cache.get();
  parts.pool = pool_.get();
  parts.metrics = &registry;
  parts.clock = &clock;
  parts.logger = &logger;
  parts.readiness = &readiness;
  if (semantic) parts.semantic = &tier;
  parts.leases = leases;
  parts.compare_answers = compare_answers;
  for (std::size_t i = 0; i < thread_count_; ++i) {
    threads_.push_back(std::make_unique<http::IoThread>());
    upstreams_.push_back(std::make_unique<FakeUpstream>(*threads_.back(), provider));
    parts.threads.push_back(threads_.back().get());
    parts.upstreams.push_back(upstreams_.back().get());
  }
  gateway = Gateway::Create(options, std::move(parts)).value();
  for (const auto& thread : threads_) runners_.emplace_back([&thread = *thread] { thread.Run(); });
}

ExchangePtr GatewayWorld::Ask(Request request, std::size_t thread) {
  ExchangePtr exchange = Prepare(std::move(request), thread);
  Handle(exchange);
  return exchange;
}

ExchangePtr GatewayWorld::Prepare(Request request, std::size_t thread) {
  return std::make_shared<FakeExchange>(*threads_.at(thread), std::move(request));
}

void GatewayWorld::Handle(const ExchangePtr& exchange) {
  http::IoThread& io = exchange->io();
  io.Post([this, &io, exchange] { io.Spawn(HandleOne(*gateway, exchange)); });
}

ExchangePtr GatewayWorld::Run(Request request, std::size_t thread) {
  ExchangePtr exchange = Ask(std::move(request), thread);
  exchange->WaitForDone();
  return exchange;
}

void GatewayWorld::WaitForNoFlights() {
  while (gateway->flights() != 0) {
    for (std::size_t i = 0; i < threads_.size(); ++i) Settle(i);
  }
}

void GatewayWorld::Settle(std::size_t thread) {
  // Twice: what ran may have posted more.
  for (int round = 0; round < 2; ++round) {
    std::promise<void> ran;
    threads_.at(thread)->Post([&ran] { ran.set_value(); });
    ran.get_future().wait();
  }
}

double GatewayWorld::Metric(std::string_view name) const {
  const std::string text = "\n" + registry.Render();
  const std::size_t at = text.find("\n" + std::string(name) + " ");
  if (at == std::string::npos) throw std::logic_error("no metric " + std::string(name));
  return std::strtod(text.c_str() + at + 1 + name.size(), nullptr);
}

std::string ChatBody(std::string_view question, std::string_view extra) {
  return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(question) + R"("}])" + std::string(extra) + "}";
}
Request Chat(std::string_view question, std::string_view extra) {
  return {.headers = {{"authorization", "Bearer sk-test"}, {"content-type", "application/json"}},
          .body = ChatBody(question, extra)};
}
Request StreamChat(std::string_view question, std::string_view extra) {
  return Chat(question, R"(,"stream":true)" + std::string(extra));
}

std::string PlainAnswer(std::string_view content, std::string_view id) {
  return R"({"id":")" + std::string(id) +
         R"(","object":"chat.completion","created":1700000000,"model":"m-1","choices":[{"index":0,)" +
         R"("message":{"role":"assistant","content":")" + std::string(content) +
         R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":)" +
         R"({"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}})";
}

std::vector<std::string> AnswerEvents(const std::vector<std::string>& words, bool usage) {
  const std::string head =
      R"(data: {"id":"chatcmpl-s","object":"chat.completion.chunk","created":1700000000,"model":"m-1","choices":[)";
  const std::string tail = usage ? "],\"usage\":null}\n\n" : "]}\n\n";
  const auto choice = [&](const std::string& delta, const std::string& finish) {
    return head + R"({"index":0,"delta":)" + delta + R"(,"logprobs":null,"finish_reason":)" + finish + "}" + tail;
  };
  std::vector<std::string> events = {choice(R"({"role":"assistant","content":""})", "null")};
  for (const std::string& word : words) events.push_back(choice(R"({"content":")" + word + R"("})", "null"));
  events.push_back(choice("{}", R"("stop")"));
  if (usage) events.push_back(head + R"(],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}})" + "\n\n");
  events.emplace_back("data: [DONE]\n\n");
  return events;
}

std::vector<std::string> DataOf(std::string_view events) {
  wire::SseReader reader;
  wire::SseReader::Event event;
  std::vector<std::string> data;
  reader.Feed(events);
  while (reader.Next(event).value()) {
    if (event.has_data) data.emplace_back(event.data);
  }
  return data;
}

std::string ContentOf(std::string_view events) {
  std::string content;
  for (const std::string& data : DataOf(events)) content += StringMember(data, "content");
  return content;
}

std::string ContentOfPlain(std::string_view json) { return StringMember(json, "content", json.find("\"message\"")); }

}  // namespace reflex::gateway::testing
