#include "server/wire/stream_rules.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "wire/sse.h"

namespace reflex::wire::testing {
namespace {

class Linter {
 public:
  explicit Linter(bool include_usage) : include_usage_(include_usage) {}

  void Chunk(const Tree& chunk, const Tree& first, bool last) {
    for (const std::string_view name : {"id", "created", "model", "system_fingerprint", "service_tier"}) {
      if (!(chunk[name] == first[name])) Fault(std::string(name) + " changes");
    }
    if (chunk["object"].text != "chat.completion.chunk") Fault("wrong object");
    if (!chunk["choices"].IsList()) return Fault("no choices array");
    const bool has_usage = chunk.Find("usage") != nullptr;
    if (chunk["choices"].elements.empty()) {
      if (!include_usage_) Fault("empty choices though usage was not asked for");
      if (!last) Fault("usage chunk is not last");
      if (!chunk["usage"].IsObject()) Fault("last chunk has no usage");
    } else if (include_usage_ ? !has_usage || !chunk["usage"].IsNothing() : has_usage) {
      Fault("usage should be null when asked for, else absent");
    }
    if (last && include_usage_ && !chunk["choices"].elements.empty()) Fault("no usage chunk");
    for (const Tree& choice : chunk["choices"].elements) Choice(choice);
  }

  std::vector<std::string> Finish() {
    for (const std::string& index : started_) {
      if (!finished_.contains(index)) Fault("choice " + index + " has no finish_reason");
    }
    return faults_;
  }

 private:
  void Fault(std::string text) { faults_.push_back(std::move(text)); }

  void Choice(const Tree& choice) {
    const std::string index = choice["index"].text;
    const Tree& delta = choice["delta"];
    if (choice["index"].kind != json::Kind::kNumber) Fault("choice without index");
    if (!delta.IsObject()) return Fault("choice without delta");
    if (!choice.Find("finish_reason")) Fault("finish_reason key missing");
    if (!choice.Find("logprobs")) Fault("logprobs key missing");
    if (std::find(started_.begin(), started_.end(), index) == started_.end()) {
      if (index != std::to_string(started_.size())) Fault("choice " + index + " starts out of order");
      started_.push_back(index);
      if (delta["role"].text != "assistant") Fault("first delta has no role");
    } else if (delta.Find("role")) {
      Fault("role repeated");
    }
    if (finished_.contains(index)) Fault("delta after finish_reason");
    if (choice["finish_reason"].IsString()) finished_.insert(index);
    for (const Tree& call : delta["tool_calls"].elements) Call(index, call);
  }

  void Call(const std::string& choice, const Tree& call) {
    const Tree& body = call.Find("custom") ? call["custom"] : call["function"];
    int& seen = calls_[choice];
    const std::string index = call["index"].text;
    if (index == std::to_string(seen)) {
      ++seen;
      if (call["id"].text.empty() || call["type"].text.empty() || body["name"].text.empty())
        Fault("tool call starts without id, type or name");
    } else if (index == std::to_string(seen - 1)) {
      if (call.Find("id") || call.Find("type") || body.Find("name")) Fault("tool call repeats id, type or name");
    } else {
      Fault("tool call out of order");
    }
  }

  bool include_usage_;
  std::vector<std::string> faults_;
  std::vector<std::string> started_;
  std::set<std::string> finished_;
  std::map<std::string, int> calls_;
};

void Accumulate(Tree& into, const Tree& delta) {
  for (const auto& [name, value] : delta.members) {
    Tree* const present = into.Find(name);
    if (present == nullptr || present->IsNothing()) {
      into.Set(name, value);
    } else if (name == "index" || name == "type") {
      *present = value;
    } else if (present->IsString() && value.IsString()) {
      present->text += value.text;
    } else if (present->kind == json::Kind::kNumber && value.kind == json::Kind::kNumber) {
      present->text = "sum of numbers";  // Never right for what a chat delta holds.
    } else if (present->IsList() && value.IsList()) {
      for (const Tree& element : value.elements) {
        const Tree& index = element["index"];
        const std::size_t at = index.IsNothing() ? present->elements.size() : std::stoul(index.text);
        if (at < present->elements.size()) {
          Accumulate(present->elements[at], element);
        } else {
          present->elements.push_back(element);
        }
      }
    } else if (present->IsObject() && value.IsObject()) {
      Accumulate(*present, value);
    }
  }
}

}  // namespace

std::vector<std::string> StreamData(std::string_view stream) {
  std::vector<std::string> data;
  SseReader reader;
  SseReader::Event event;
  reader.Feed(stream);
  while (*reader.Next(event)) {
    if (event.has_data) data.emplace_back(event.data);
  }
  EXPECT_EQ(reader.rest(), "");
  return data;
}

std::vector<std::string> LintChatStream(std::string_view stream, bool include_usage) {
  std::vector<std::string> data = StreamData(stream);
  if (data.empty() || data.back() != "[DONE]") return {"does not end with [DONE]"};
  data.pop_back();
  if (data.empty()) return {"no chunks"};
  std::string framed;
  for (const std::string& one : data) framed += "data: " + one + "\n\n";
  if (framed + "data: [DONE]\n\n" != stream) return {"an event is not exactly `data: <one line>`"};
  Linter linter(include_usage);
  const Tree first = Tree::Parse(data.front());
  for (const std::string& one : data) linter.Chunk(Tree::Parse(one), first, &one == &data.back());
  return linter.Finish();
}

std::vector<Tree> PythonMessages(std::string_view stream) {
  std::vector<Tree> messages;
  for (const std::string& data : StreamData(stream)) {
    if (data == "[DONE]") break;
    const Tree chunk = Tree::Parse(data);
    for (const Tree& choice : chunk["choices"].elements) {
      const std::size_t index = std::stoul(choice["index"].text);
      if (messages.size() <= index) messages.resize(index + 1, Tree::Object({}));
      Accumulate(messages[index], choice["delta"]);
    }
  }
  return messages;
}

}  // namespace reflex::wire::testing
