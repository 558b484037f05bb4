#include "wire/tauq_node.h"

#include <algorithm>
#include <utility>

#include "wire/error_body.h"

namespace reflex::wire::tauq {
namespace {

// Objects with more members are searched by hash.
constexpr std::size_t kSmallObject = 16;

}  // namespace

Node Node::Scalar(std::string json) {
  Node node(Kind::kScalar);
  node.json_ = std::move(json);
  return node;
}

Node Node::String(std::string_view text) {
  Node node(Kind::kScalar);
  AppendJsonString(text, node.json_);
  return node;
}

Node Node::List() { return Node(Kind::kList); }
Node Node::Object() { return Node(Kind::kObject); }

std::size_t Node::PlaceOf(const std::string& name) {
  if (names_.size() < kSmallObject) return static_cast<std::size_t>(std::ranges::find(names_, name) - names_.begin());
  if (!places_) {
    places_ = std::make_unique<std::unordered_map<std::string, std::size_t>>();
    for (std::size_t i = 0; i < names_.size(); ++i) places_->emplace(names_[i], i);
  }
  return places_->try_emplace(name, names_.size()).first->second;
}

void Node::Set(std::string name, Node value) {
  const std::size_t place = PlaceOf(name);
  if (place < items_.size()) {
    items_[place] = std::move(value);
    return;
  }
  names_.push_back(std::move(name));
  items_.push_back(std::move(value));
}

void Node::AppendJson(std::string& out) const {
  if (kind_ == Kind::kScalar) {
    out += json_;
    return;
  }
  out += kind_ == Kind::kList ? '[' : '{';
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (i > 0) out += ',';
    if (kind_ == Kind::kObject) {
      AppendJsonString(names_[i], out);
      out += ':';
    }
    items_[i].AppendJson(out);
  }
  out += kind_ == Kind::kList ? ']' : '}';
}

}  // namespace reflex::wire::tauq
