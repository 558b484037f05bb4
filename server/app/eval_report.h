#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reflex::app {

// k of n with the 95 % interval of Wilson's score [Wilson 1927]; [0, 1] for n = 0.
struct Interval {
  double low = 0, high = 1;
};
Interval WilsonInterval(std::uint64_t k, std::uint64_t n);

// What a trial found, line by line, as a page for a person and as JSON. Lines keep their order.
class EvalReport {
 public:
  // All lines that follow belong to a group of this name; "" for none.
  void BeginGroup(std::string key, std::string title);
  void AddText(std::string key, std::string label, std::string text);
  void AddCount(std::string key, std::string label, std::uint64_t count);
  void AddNumber(std::string key, std::string label, double number);
  // k of n, shown with share and interval.
  void AddShare(std::string key, std::string label, std::uint64_t k, std::uint64_t n);

  std::string ToText() const;
  // One object; groups are objects in it, shares {"k","n","share","low","high"} (share null for n = 0).
  std::string ToJson() const;

 private:
  enum class Kind : std::uint8_t { kGroup, kText, kCount, kNumber, kShare };
  struct Line {
    Kind kind;
    std::string key, label, text;
    std::uint64_t k = 0, n = 0;
    double number = 0;
  };
  std::vector<Line> lines_;
};

}  // namespace reflex::app
