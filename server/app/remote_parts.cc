#include "app/remote_parts.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "http/client.h"

namespace reflex::app {
namespace {

// How long a start waits for each service.
constexpr std::chrono::milliseconds kStartWait{5'000};
constexpr std::string_view kGrpcPort = ":6334", kRestPort = ":6333";
constexpr std::uint32_t kQdrantCallsMax = 128, kRerankerCallsMax = 64;

std::string Bearer(const std::string& key) { return key.empty() ? "" : "Bearer " + key; }

}  // namespace

std::string QdrantUrlProblem(const std::string& url) {
  if (url.empty()) return {};
  const auto base = http::ParseBaseUrl(url);
  const std::size_t scheme_end = url.find("://");
  const std::string_view scheme = std::string_view(url).substr(0, scheme_end == std::string::npos ? 0 : scheme_end);
  const bool grpc_scheme = scheme == "grpc" || scheme == "grpcs" || scheme == "tcp";
  const bool grpc_port = base ? base->origin.port == 6334 : url.find(kGrpcPort) != std::string::npos;
  if (!grpc_port && !grpc_scheme) return base ? std::string() : base.error().message;
  std::string authority(std::string_view(url).substr(scheme_end == std::string::npos ? 0 : scheme_end + 3));
  authority.resize(std::min(authority.size(), authority.find('/')));
  if (const std::size_t port = authority.find(kGrpcPort); port != std::string::npos) {
    authority.replace(port, kGrpcPort.size(), kRestPort);
  } else if (authority.find(':') == std::string::npos) {
    authority += kRestPort;
  }
  const bool tls = scheme == "https" || scheme == "grpcs";
  return "that is Qdrant's gRPC side, and Reflex speaks its REST API; write \"" + std::string(tls ? "https://" : "http://") +
         authority + "\"";
}

RemoteParts::RemoteParts(const RemoteSettings& settings, Needs needs) : settings_(settings), needs_(needs) {}

Result<void> RemoteParts::OpenService(std::string name, const ServiceAddress& address, std::string key_header, std::string key,
                                      std::uint32_t calls_max, std::unique_ptr<remote::Service>& service) {
  if (address.url.empty()) return {};
  remote::ServiceOptions options;
  options.name = name;
  REFLEX_TRY(options.base, http::ParseBaseUrl(address.url));
  options.key_header = std::move(key_header);
  options.key = std::move(key);
  options.ca_file = address.ca_file;
  options.calls_max = calls_max;
  auto opened = remote::Service::Create(std::move(options), {line_, needs_.pool, needs_.metrics, needs_.clock, needs_.logger});
  if (!opened) return Fail(opened.error().code, name + ".ca_file: " + opened.error().message);
  service = std::move(*opened);
  return {};
}

Result<std::unique_ptr<RemoteParts>> RemoteParts::Open(const RemoteSettings& settings, Needs needs) {
  if (settings.qdrant.url.empty() && settings.embedder.url.empty() && settings.reranker.url.empty()) return nullptr;
  std::unique_ptr<RemoteParts> parts(new RemoteParts(settings, needs));
  REFLEX_CHECK(parts->OpenService("qdrant", settings.qdrant, "api-key", settings.qdrant.key, kQdrantCallsMax, parts->qdrant_));
  REFLEX_CHECK(parts->OpenService("embedder", settings.embedder, "Authorization", Bearer(settings.embedder.key),
                                  settings.embedder_options.calls_max, parts->embedder_));
  REFLEX_CHECK(parts->OpenService("reranker", settings.reranker, "Authorization", Bearer(settings.reranker.key), kRerankerCallsMax,
                                  parts->reranker_));
  return parts;
}

Result<void> RemoteParts::AddTo(Models& models) {
  if (embedder_) {
    remote::HttpEmbedderOptions options = settings_.embedder_options;
    REFLEX_TRY(options.form, remote::EmbedFormFromName(settings_.embedder_form));
    REFLEX_TRY(models.model, remote::HttpEmbedder::Open(std::move(options), *embedder_, kStartWait));
  }
  if (reranker_) {
    remote::HttpRerankerOptions options = settings_.reranker_options;
    REFLEX_TRY(options.form, remote::RerankFormFromName(settings_.reranker_form));
    REFLEX_TRY(options.scores, remote::ScoreScaleFromName(settings_.reranker_scores));
    REFLEX_TRY(models.reranker, remote::HttpReranker::Open(std::move(options), *reranker_, kStartWait));
  }
  return {};
}

Result<std::unique_ptr<VectorIndex>> RemoteParts::OpenIndex(const Embedder& embedder, remote::QdrantIndex::Background background) {
  if (!qdrant_) return nullptr;
  REFLEX_TRY(auto index,
             remote::QdrantIndex::Open(settings_.qdrant_options, embedder.model_id(), embedder.dimension(),
                                       {*qdrant_, needs_.clock, needs_.logger, needs_.metrics, std::move(background)}, kStartWait));
  index_ = index.get();
  return index;
}

std::vector<std::string> RemoteParts::Degraded() const {
  std::vector<std::string> sentences;
  for (const auto* service : {&qdrant_, &embedder_, &reranker_}) {
    if (*service == nullptr) continue;
    std::string sentence = (*service)->Degraded();
    if (!sentence.empty()) sentences.push_back(std::move(sentence));
  }
  if (index_ != nullptr) {
    std::string sentence = index_->Degraded();
    // A failed call names the service itself.
    if (!sentence.empty()) sentences.push_back((sentence.starts_with("qdrant") ? "" : "qdrant: ") + sentence);
  }
  return sentences;
}

}  // namespace reflex::app
