#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace reflex::wire::tauq {

// A value that was read. Moves only.
class Node {
 public:
  enum class Kind : std::uint8_t { kScalar, kList, kObject };

  // `json` is the scalar's JSON text.
  static Node Scalar(std::string json);
  static Node String(std::string_view text);
  static Node List();
  static Node Object();

  std::size_t size() const { return items_.size(); }
  // REQUIRES: a list.
  void Add(Node element) { items_.push_back(std::move(element)); }
  // The only element. REQUIRES: a list of one.
  Node TakeOnly() { return std::move(items_.front()); }
  // A name that is there keeps its place and gets the new value. REQUIRES: an object.
  void Set(std::string name, Node value);

  void AppendJson(std::string& out) const;

 private:
  explicit Node(Kind kind) : kind_(kind) {}
  std::size_t PlaceOf(const std::string& name);

  Kind kind_;
  std::string json_;
  std::vector<std::string> names_;
  std::vector<Node> items_;
  std::unique_ptr<std::unordered_map<std::string, std::size_t>> places_;  // Of the names, once there are many.
};

}  // namespace reflex::wire::tauq
