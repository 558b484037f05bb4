#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gateway_world.h"

namespace reflex::gateway::testing {

using Headers = std::vector<std::pair<std::string, std::string>>;

// A gateway with a semantic tier. Each answer of its provider says which call it was.
class Semantic : public ::testing::Test {
 protected:
  Semantic() {
    world_.semantic = true;
    world_.options.admin_token = "let-me-in";
    world_.provider.OnCall([this](ProviderCall& call) {
      const std::string text = "answer " + std::to_string(++answers_);
      {
        std::lock_guard lock(mutex_);
        bodies_.push_back(call.body);
        credentials_.push_back(call.Header("authorization"));
      }
      if (call.body.find(R"("stream":true)") == std::string::npos) return call.Json(200, PlainAnswer(text));
      call.EventHead();
      for (std::string& event : AnswerEvents({text}, true)) call.Piece(std::move(event));
      call.End();
    });
  }
  ExchangePtr Run(Request request, Headers headers = {}) {
    for (auto& header : headers) request.headers.push_back(std::move(header));
    return world_.Run(std::move(request));
  }
  ExchangePtr Ask(std::string_view question, Headers headers = {}) { return Run(Chat(question), std::move(headers)); }
  ExchangePtr Call(std::string_view name, std::string body, Headers headers = {}) {
    Request request = Chat("q");
    request.target = "/v1/reflex/" + std::string(name);
    request.body = std::move(body);
    return Run(std::move(request), std::move(headers));
  }
  static std::string Of(const ExchangePtr& exchange) {
    const std::string why = exchange->Header("X-Reflex-Reason");
    return exchange->Header("X-Reflex-Status") + (why.empty() ? "" : " " + why);
  }
  std::vector<std::string> Bodies() {
    std::lock_guard lock(mutex_);
    return bodies_;
  }

  GatewayWorld world_;
  std::atomic<int> answers_{0};
  std::mutex mutex_;
  std::vector<std::string> bodies_, credentials_;
};

}  // namespace reflex::gateway::testing
