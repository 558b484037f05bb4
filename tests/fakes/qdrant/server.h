#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "fakes/provider.h"
#include "fakes/qdrant/collection.h"

namespace reflex::fakes::qdrant {

// A Qdrant-like server on a loopback port, with the troubles a real one may have. Thread-safe.
class Server {
 public:
  // What it does with requests.
  enum class Trouble : std::uint8_t {
    kNone,
    kSilent,   // Takes them and never answers, until the trouble changes or the connection ends.
    kRefuses,  // 500, with Qdrant's error form.
    kBusy,     // 429.
    kGarbage,  // 200 with bytes that are no JSON.
    kHalf,     // The first half of the answer, then a reset.
    kAbsent,   // Closes each connection at once.
    kOther,    // 200 with JSON of another form.
  };

  // With a key every call but /healthz needs it.
  explicit Server(std::string api_key = {}, SSL_CTX* tls = nullptr);
  ~Server();

  std::string url() const;
  std::uint16_t port() const { return provider_->port(); }
  void Set(Trouble trouble);
  // All collections are gone.
  void Forget();
  // Changes the answers of calls whose path ends in `path_end`: a server that lies. Empty: none.
  void Lie(std::string path_end, std::function<std::string(std::string)> change);
  // Requests answered so far, "POST /collections/x/points/query".
  std::vector<std::string> seen();
  std::vector<std::string> bodies();
  // Points of a collection; 0 if it is not there.
  std::size_t Points(const std::string& collection);
  // Of all collections.
  std::size_t Points();

 private:
  struct Answer {
    int status = 200;
    std::string type = "application/json";
    std::string body;
  };
  void Serve(Peer& peer);
  Answer Handle(const ReceivedRequest& request);
  Answer HandleAllowed(const std::string& method, const std::string& path, bool wait, const std::string& body);
  Answer OnCollection(const std::string& method, const std::string& name, const std::string& rest, bool wait, const Value& body);
  bool Send(Peer& peer, const Answer& answer, Trouble trouble);

  const std::string api_key_;
  SSL_CTX* const tls_;
  std::mutex mutex_;
  std::condition_variable changed_;
  Trouble trouble_ = Trouble::kNone;
  bool stopping_ = false;
  std::map<std::string, Collection> collections_;
  std::vector<std::string> seen_, bodies_;
  std::string lie_path_;
  std::function<std::string(std::string)> lie_;
  std::unique_ptr<Provider> provider_;
};

}  // namespace reflex::fakes::qdrant
