#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace reflex::test {

// A folder that goes away with the object.
class TempFolder {
 public:
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

std::string ReadText(const std::filesystem::path& path);
void WriteText(const std::filesystem::path& path, const std::string& text);

// The program as a child process with nothing in its environment but what it is given. Its output is read as it comes. Waits are
// on conditions and at most kLimit long; past it the test ends with what was printed.
class Process {
 public:
  static constexpr std::chrono::seconds kLimit{60};
  using Environment = std::map<std::string, std::string>;

  // Starts `arguments[0]`; the program `reflex` where that is a word that is no path.
  explicit Process(std::vector<std::string> arguments, const Environment& environment = {});
  // Kills it if it still runs.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void Signal(int signal) const;
  // Waits for its end: the exit status, or minus the signal that ended it.
  int Wait();
  // What it wrote so far, standard output and standard error apart.
  const std::string& out() { return Pump(0), out_; }
  const std::string& err() { return Pump(0), err_; }
  // Waits until `text` was written to either. False when the process ended without it.
  bool WaitForOutput(std::string_view text);
  pid_t pid() const { return pid_; }

 private:
  // Reads what is there, waiting for it at most that long. False at the end of both outputs.
  bool Pump(int limit_ms);

  pid_t pid_ = -1;
  int out_fd_ = -1, err_fd_ = -1;
  std::string out_, err_;
  int status_ = 0;
};

// Runs the program to its end.
struct Finished {
  int status = 0;
  std::string out, err;
};
Finished RunProgram(std::vector<std::string> arguments, const Process::Environment& environment = {});

// A serving Reflex on a free port, with its storage in `folder`/data.
class Served {
 public:
  explicit Served(const TempFolder& folder, std::vector<std::string> arguments = {}, Process::Environment environment = {});

  Process& process() { return process_; }
  // Of the first listener.
  int port() const { return port_; }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

 private:
  Process process_;
  int port_ = 0;
};

// A reply, or status 0 when the connection was refused or cut.
struct Reply {
  int status = 0;
  std::string head, body;
};

// One request on its own connection, in two steps: the constructor sends, Read waits for the whole reply.
class Request {
 public:
  Request(int port, std::string_view method, std::string_view target, std::string_view headers = {}, std::string_view body = {});
  ~Request();
  Request(const Request&) = delete;
  Request& operator=(const Request&) = delete;

  bool connected() const { return connected_; }
  Reply Read();

 private:
  int fd_ = -1;
  bool connected_ = false;
};
Reply Ask(int port, std::string_view method, std::string_view target, std::string_view headers = {}, std::string_view body = {});

// A provider on a thread of its own that answers each connection's request after it was let go, or at once.
class Provider {
 public:
  // `held`: every request waits for Release.
  explicit Provider(bool held = false);
  ~Provider();
  Provider(const Provider&) = delete;
  Provider& operator=(const Provider&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/v1"; }
  // Waits until `count` requests arrived in all.
  void WaitForRequests(int count);
  void Release();
  int requests();

 private:
  void Serve();
  void Answer(int client);

  int listener_ = -1;
  int port_ = 0;
  int wake_[2] = {-1, -1};
  struct Shared;
  std::unique_ptr<Shared> shared_;
  std::thread thread_;
};

// Waits, Process::kLimit at most, until it holds.
bool Eventually(const std::function<bool()>& holds);
inline bool Mentions(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

// A chat request's headers and body, and the text that the provider answers it with.
inline constexpr std::string_view kChatPath = "/v1/chat/completions";
inline constexpr std::string_view kChatHeaders = "Authorization: Bearer k\r\nContent-Type: application/json\r\n";
inline constexpr std::string_view kChatBody = R"({"model":"m","messages":[{"role":"user","content":"What is the answer?"}]})";
inline constexpr std::string_view kAnswer = "forty-two";

}  // namespace reflex::test
