#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sockets.h"

namespace reflex::integration {

// {"model":"m","messages":[…]EXTRA}
inline std::string ChatBody(std::string_view question, std::string_view extra = {}) {
  return R"({"model":"m","messages":[{"role":"user","content":")" + std::string(question) + R"("}])" + std::string(extra) + "}";
}

inline std::string PlainAnswer(std::string_view content) {
  return R"({"id":"chatcmpl-provider","object":"chat.completion","created":1700000000,"model":"m-1","choices":[{"index":0,)"
         R"("message":{"role":"assistant","content":")" +
         std::string(content) + R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":)" +
         R"({"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}})";
}

// The events of a streamed answer "hello", usage and [DONE] last.
inline std::vector<std::string> AnswerEvents() {
  const std::string head =
      R"(data: {"id":"chatcmpl-s","object":"chat.completion.chunk","created":1700000000,"model":"m-1","choices":[)";
  return {head + R"({"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}],"usage":null})" + "\n\n",
          head + R"({"index":0,"delta":{"content":"hel"},"finish_reason":null}],"usage":null})" + "\n\n",
          head + R"({"index":0,"delta":{"content":"lo"},"finish_reason":null}],"usage":null})" + "\n\n",
          head + R"({"index":0,"delta":{},"finish_reason":"stop"}],"usage":null})" + "\n\n",
          head + R"(],"usage":{"prompt_tokens":3,"completion_tokens":5,"total_tokens":8}})" + "\n\n",
          "data: [DONE]\n\n"};
}

inline bool WantsStream(std::string_view body) { return body.find(R"("stream":true)") != std::string_view::npos; }

// A provider's whole answer, in the form that is asked for.
inline bool ServeAnswer(Socket& socket, const Message& request) {
  if (!WantsStream(request.body)) return socket.Send(JsonReply(200, PlainAnswer("hello"), "X-Request-Id: req-1\r\n"));
  std::string reply = EventsHead();
  for (const std::string& event : AnswerEvents()) reply += Chunk(event);
  return socket.Send(reply + "0\r\n\r\n");
}

}  // namespace reflex::integration
