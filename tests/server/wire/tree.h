#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "wire/json.h"

namespace reflex::wire::testing {

struct TreeMember;

// A JSON value that owns itself: simple and slow, for expectations.
struct Tree {
  json::Kind kind = json::Kind::kNull;
  std::string text;  // A number's spelling or a string's content.
  std::vector<Tree> elements;
  std::vector<TreeMember> members;

  // Fails the test when `source` is not JSON.
  static Tree Parse(std::string_view source);
  static Tree Of(json::Value value);
  static Tree String(std::string text);
  static Tree Number(std::string text);
  static Tree Bool(bool value);
  static Tree Object(std::vector<TreeMember> members);
  static Tree List(std::vector<Tree> elements);

  bool IsNothing() const { return kind == json::Kind::kNull; }
  bool IsString() const { return kind == json::Kind::kString; }
  bool IsObject() const { return kind == json::Kind::kObject; }
  bool IsList() const { return kind == json::Kind::kArray; }
  const Tree* Find(std::string_view name) const;
  Tree* Find(std::string_view name);
  // The member, or null where there is none.
  const Tree& operator[](std::string_view name) const;
  void Set(std::string_view name, Tree value);
  void Erase(std::string_view name);

  // Compact, members in order.
  std::string Print() const;
  // Members sorted at every depth: equal for equal values.
  std::string PrintSorted() const;
};

struct TreeMember {
  std::string first;
  Tree second;
};

// Equal but for the order of members.
bool operator==(const Tree& a, const Tree& b);
std::ostream& operator<<(std::ostream& out, const Tree& tree);

std::string ReadTestFile(std::string_view name);

using Random = std::mt19937_64;
std::size_t Below(Random& random, std::size_t bound);
// Text from an alphabet that holds what is awkward in JSON and in UTF-8.
std::string RandomText(Random& random, std::size_t code_points_max);

}  // namespace reflex::wire::testing
