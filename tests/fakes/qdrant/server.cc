#include "fakes/qdrant/server.h"

#include <utility>

namespace reflex::fakes::qdrant {
namespace {

std::string Good(const std::string& result) { return R"({"result":)" + result + R"(,"status":"ok","time":0.001})"; }

std::string Bad(const std::string& error) {
  std::string escaped;
  for (const char c : error) escaped += c == '"' || c == '\\' ? std::string("\\") + c : std::string(1, c);
  return R"({"status":{"error":")" + escaped + R"("},"time":0.001})";
}

}  // namespace

Server::Server(std::string api_key, SSL_CTX* tls) : api_key_(std::move(api_key)), tls_(tls) {
  provider_ = std::make_unique<Provider>([this](Peer& peer) { Serve(peer); });
}

Server::~Server() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  provider_->Stop();
}

std::string Server::url() const { return (tls_ != nullptr ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port()); }

void Server::Set(Trouble trouble) {
  {
    std::lock_guard lock(mutex_);
    trouble_ = trouble;
  }
  changed_.notify_all();
}

void Server::Forget() {
  std::lock_guard lock(mutex_);
  collections_.clear();
}

void Server::Lie(std::string path_end, std::function<std::string(std::string)> change) {
  std::lock_guard lock(mutex_);
  lie_path_ = std::move(path_end);
  lie_ = std::move(change);
}

std::vector<std::string> Server::seen() {
  std::lock_guard lock(mutex_);
  return seen_;
}

std::vector<std::string> Server::bodies() {
  std::lock_guard lock(mutex_);
  return bodies_;
}

std::size_t Server::Points(const std::string& collection) {
  std::lock_guard lock(mutex_);
  const auto found = collections_.find(collection);
  return found == collections_.end() ? 0 : found->second.size();
}

std::size_t Server::Points() {
  std::lock_guard lock(mutex_);
  std::size_t points = 0;
  for (const auto& [name, collection] : collections_) points += collection.size();
  return points;
}

void Server::Serve(Peer& peer) {
  {
    std::lock_guard lock(mutex_);
    if (trouble_ == Trouble::kAbsent) return;
  }
  if (tls_ != nullptr && !peer.StartTls(tls_)) return;
  while (const auto request = peer.ReadRequest()) {
    Answer answer;
    Trouble trouble;
    {
      std::unique_lock lock(mutex_);
      if (trouble_ == Trouble::kSilent) {
        changed_.wait(lock, [this] { return stopping_ || trouble_ != Trouble::kSilent; });
        return;  // Whoever asked has given up.
      }
      trouble = trouble_;
      if (trouble == Trouble::kAbsent) return;
      if (trouble == Trouble::kNone || trouble == Trouble::kHalf) {
        answer = Handle(*request);
        seen_.push_back(request->first_line.substr(0, request->first_line.rfind(' ')));
        bodies_.push_back(request->body);
        if (lie_ && seen_.back().ends_with(lie_path_)) answer.body = lie_(answer.body);
      }
    }
    if (!Send(peer, answer, trouble)) return;
  }
}

bool Server::Send(Peer& peer, const Answer& answer, Trouble trouble) {
  Answer sent = answer;
  if (trouble == Trouble::kRefuses) sent = {500, "application/json", Bad("Service internal error: out of luck")};
  if (trouble == Trouble::kBusy) sent = {429, "application/json", Bad("Rate limiting exceeded")};
  if (trouble == Trouble::kGarbage) sent = {200, "application/json", "<html>"};
  if (trouble == Trouble::kOther) sent = {200, "application/json", R"({"result":{"points":7,"count":"many"},"status":"ok"})"};
  std::string bytes = "HTTP/1.1 " + std::to_string(sent.status) + " Status\r\n";
  if (!sent.type.empty()) bytes += "content-type: " + sent.type + "\r\n";
  bytes += "content-length: " + std::to_string(sent.body.size()) + "\r\n\r\n" + sent.body;
  if (trouble == Trouble::kHalf) {
    peer.Send(std::string_view(bytes).substr(0, bytes.size() - sent.body.size() / 2));
    peer.Reset();
    return false;
  }
  return peer.Send(bytes);
}

Server::Answer Server::Handle(const ReceivedRequest& request) {
  const std::size_t space = request.first_line.find(' ');
  const std::string method = request.first_line.substr(0, space);
  std::string path = request.first_line.substr(space + 1, request.first_line.rfind(' ') - space - 1);
  bool wait = false;
  if (const std::size_t question = path.find('?'); question != std::string::npos) {
    wait = path.substr(question) == "?wait=true";
    path.resize(question);
  }
  if (!api_key_.empty() && path != "/healthz") {
    const std::string key = request.Field("api-key"), bearer = request.Field("Authorization");
    if (key.empty() && bearer.empty()) return {401, "", "Must provide an API key or an Authorization bearer token"};
    if (key != api_key_ && bearer != "Bearer " + api_key_) return {401, "", "Invalid API key or JWT"};
  }
  return HandleAllowed(method, path, wait, request.body);
}

Server::Answer Server::HandleAllowed(const std::string& method, const std::string& path, bool wait, const std::string& body) {
  if (method == "GET" && path == "/healthz") return {200, "text/plain; charset=utf-8", "healthz check passed"};
  if (method == "GET" && path == "/readyz") return {200, "text/plain; charset=utf-8", "all shards are ready"};
  if (method == "GET" && path == "/collections") {
    std::string names;
    for (const auto& [name, collection] : collections_)
      names += (names.empty() ? "" : ",") + std::string(R"({"name":")") + name + "\"}";
    return {200, "application/json", Good(R"({"collections":[)" + names + "]}")};
  }
  constexpr std::string_view kRoot = "/collections/";
  if (!path.starts_with(kRoot)) return {404, "", ""};
  wire::json::Document document;
  if (!body.empty() && !document.Parse(body).empty()) {
    const bool no_key = body.size() > 1 && body[0] == '{' && body[1] != '"';
    const std::string why = no_key ? "key must be a string at line 1 column 2" : "expected value at line 1 column 1";
    return {400, "application/json", Bad("Format error in JSON body: " + why)};
  }
  const std::size_t slash = path.find('/', kRoot.size());
  const std::string name = path.substr(kRoot.size(), slash == std::string::npos ? slash : slash - kRoot.size());
  const std::string rest = slash == std::string::npos ? "" : path.substr(slash);
  return OnCollection(method, name, rest, wait, body.empty() ? Value() : document.root());
}

Server::Answer Server::OnCollection(const std::string& method, const std::string& name, const std::string& rest, bool wait,
                                    const Value& body) {
  const auto found = collections_.find(name);
  const bool there = found != collections_.end();
  const auto answer = [](const Outcome<std::string>& outcome) {
    return outcome ? Answer{200, "application/json", Good(*outcome)}
                   : Answer{outcome.error().status, "application/json", Bad(outcome.error().error)};
  };
  const std::string call = method + " " + rest;
  if (call == "GET /exists") return answer(std::string(there ? R"({"exists":true})" : R"({"exists":false})"));
  if (call == "DELETE ") return answer(std::string(collections_.erase(name) > 0 ? "true" : "false"));
  if (call == "PUT ") {
    auto made = Collection::Create(body);
    if (!made) return answer(std::unexpected(made.error()));
    if (there) return answer(Refuse(409, "Wrong input: Collection `" + name + "` already exists!"));
    collections_.emplace(name, std::move(*made));
    return answer(std::string("true"));
  }
  const bool known = call == "GET " || call == "PUT /index" || call == "PUT /points" || call == "POST /points" ||
                     call == "POST /points/query" || call == "POST /points/query/batch" || call == "POST /points/count" ||
                     call == "POST /points/scroll" || call == "POST /points/payload" || call == "POST /points/delete";
  if (!known) return {404, "", ""};
  if (!there) return answer(Refuse(404, "Not found: Collection `" + name + "` doesn't exist!"));
  Collection& collection = found->second;
  if (call == "GET ") return answer(collection.Info());
  if (call == "PUT /index") return answer(collection.IndexField(body));
  if (call == "PUT /points") return answer(collection.Upsert(body, wait));
  if (call == "POST /points") return answer(collection.Points(body));
  if (call == "POST /points/query") return answer(collection.Query(body));
  if (call == "POST /points/count") return answer(collection.Count(body));
  if (call == "POST /points/scroll") return answer(collection.Scroll(body));
  if (call == "POST /points/payload") return answer(collection.SetPayload(body, wait));
  if (call == "POST /points/delete") return answer(collection.Delete(body, wait));
  std::string all;
  for (const Value search : body.Find("searches").elements()) {
    const auto one = collection.Query(search);
    if (!one) return answer(one);
    all += (all.empty() ? "" : ",") + *one;
  }
  return answer("[" + all + "]");
}

}  // namespace reflex::fakes::qdrant
