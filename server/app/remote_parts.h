#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "app/models.h"
#include "base/metrics.h"
#include "base/worker_pool.h"
#include "reflex/clock.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "remote/http_embedder.h"
#include "remote/http_reranker.h"
#include "remote/qdrant_index.h"
#include "remote/service.h"

namespace reflex::app {

// How a service on another machine is reached.
struct ServiceAddress {
  std::string url;  // Empty: none.
  std::string key;
  std::string ca_file;
};

// Parts on other machines; docs/configuration.md explains each.
struct RemoteSettings {
  ServiceAddress qdrant, embedder, reranker;
  remote::QdrantOptions qdrant_options;
  remote::HttpEmbedderOptions embedder_options;  // Its form as `embedder_form` says.
  remote::HttpRerankerOptions reranker_options;  // Its form and scale as the two texts below say.
  std::string embedder_form = "openai";
  std::string reranker_form = "documents";
  std::string reranker_scores = "probability";
};

// The services that settings name, on one I/O thread. Outlives the models and the index that use them. Thread-safe.
class RemoteParts {
 public:
  struct Needs {
    base::WorkerPool& pool;
    base::MetricsRegistry& metrics;
    const Clock& clock;
    Logger& logger;
  };
  // Null when the settings name no service. All needs outlive it. Returns: kInvalidArgument, kNotFound, with the setting.
  static Result<std::unique_ptr<RemoteParts>> Open(const RemoteSettings& settings, Needs needs);

  // Puts the embedder and the reranker that settings name into `models`. Returns: kInvalidArgument.
  Result<void> AddTo(Models& models);
  // The index in Qdrant for vectors of `embedder`; null without qdrant.url. Returns: kInvalidArgument.
  Result<std::unique_ptr<VectorIndex>> OpenIndex(const Embedder& embedder, remote::QdrantIndex::Background background);

  // One sentence for each service that does not answer, and for an index that cannot be used. Not after the index was destroyed.
  std::vector<std::string> Degraded() const;

 private:
  RemoteParts(const RemoteSettings& settings, Needs needs);
  Result<void> OpenService(std::string name, const ServiceAddress& address, std::string key_header, std::string key,
                           std::uint32_t calls_max, std::unique_ptr<remote::Service>& service);

  const RemoteSettings settings_;
  const Needs needs_;
  remote::Line line_;
  std::unique_ptr<remote::Service> qdrant_, embedder_, reranker_;
  const remote::QdrantIndex* index_ = nullptr;  // The semantic tier's.
};

// What is wrong with qdrant.url; empty: nothing. Names what to write instead where the value fits Qdrant's gRPC port alone.
std::string QdrantUrlProblem(const std::string& url);

}  // namespace reflex::app
