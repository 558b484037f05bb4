#pragma once

#include <sys/types.h>

#include <mutex>
#include <string>
#include <vector>

namespace reflex::test {

// A child process that dies with this one. Its standard output is read by line; its standard input stays open until it is
// destroyed.
class Child {
 public:
  explicit Child(std::vector<std::string> arguments);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // The next line, without its end; "" at the end of the output.
  std::string Line();
  // From any thread.
  void Kill();
  // Exit status, or minus the signal.
  int Wait();

 private:
  std::mutex mutex_;
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1;
  std::string pending_;
};

}  // namespace reflex::test
