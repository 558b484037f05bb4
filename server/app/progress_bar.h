#pragma once

#include <chrono>
#include <cstddef>
#include <string>

namespace reflex::app {

// A line on standard error that shows how far long work is; nothing where that is no terminal. Wiped at the end.
class ProgressBar {
 public:
  ProgressBar(std::string what, std::size_t total);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  void Show(std::size_t done);
  bool terminal() const { return terminal_; }
  // The line, without what moves the cursor: "pairs [#####     ]  50 % 213 of 426, 0:03 left".
  static std::string Line(const std::string& what, std::size_t done, std::size_t total, std::chrono::milliseconds elapsed);

 private:
  const std::string what_;
  const std::size_t total_;
  const bool terminal_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point shown_{};
};

}  // namespace reflex::app
