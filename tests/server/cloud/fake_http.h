#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace reflex::test {

struct FakeRequest {
  std::string method;
  std::string path;                            // Decoded.
  std::map<std::string, std::string> query;    // Decoded.
  std::map<std::string, std::string> headers;  // Names in lower case.
  std::string body;
  bool cut = false;  // The connection ended before the whole body was here.

  std::string Header(const std::string& name) const;
  std::string Query(const std::string& name) const;
};

struct FakeReply {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::optional<std::size_t> cut_after = {};  // Sends so many bytes of the body, then cuts.
  std::optional<std::size_t> take_only =
      {};               // Reads so many bytes of the request's body, then cuts: no answer, even where all came.
  bool silent = false;  // No answer while the client waits.
};

// A server on loopback, one thread a connection. Requests are answered by `handler`, one at a time; those that a planted fault
// meets are not, unless the fault lets part of the body through.
class FakeHttp {
 public:
  using Handler = std::function<FakeReply(const FakeRequest&)>;

  FakeHttp();
  ~FakeHttp();
  FakeHttp(const FakeHttp&) = delete;
  FakeHttp& operator=(const FakeHttp&) = delete;

  void Serve(Handler handler);
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  // The next request of this method whose target (with " piece" or " question" behind, where it has a Content-Range) holds `part`,
  // after `skip` such ones, meets `fault` in place of the handler. Faults that stand for the same requests come one after the
  // other.
  void Plant(std::string method, std::string part, FakeReply fault, int skip = 0);
  // Called with every piece of a request's body and of a reply's, before the next one.
  void OnBytes(std::function<void(std::size_t)> hook);
  // What the server believes the time to be, for its Date.
  void SetClockAhead(std::int64_t ms);
  std::int64_t NowMs() const;

  // "PUT /path?query" of every request, in order.
  std::vector<std::string> seen() const;
  int Count(std::string_view method, std::string_view part) const;
  // Faults that nothing met.
  std::size_t planted() const;

 private:
  struct Fault {
    std::string method, part;
    FakeReply reply;
    int skip = 0;
  };

  void Accept();
  void Connection(int socket);
  bool OneRequest(int socket, std::string& pending);
  std::optional<FakeReply> Meet(const FakeRequest& request, const std::string& target);
  bool Send(int socket, const FakeRequest& request, const FakeReply& reply);
  void Told(std::size_t bytes);

  int listener_ = -1;
  std::uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::mutex handling_;
  Handler handler_;
  std::function<void(std::size_t)> on_bytes_;
  std::vector<Fault> faults_;
  std::vector<std::string> seen_;
  std::set<int> sockets_;
  std::vector<std::thread> threads_;
  std::int64_t ahead_ms_ = 0;
  bool stopping_ = false;
  std::thread acceptor_;
};

// "%2F" and its like.
std::string PercentDecode(std::string_view text);

}  // namespace reflex::test
