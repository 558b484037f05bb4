#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fakes/qdrant/server.h"
#include "remote/qdrant_index.h"
#include "server/remote/remote_world.h"
#include "support/vector_fixture.h"

namespace reflex::remote {

using Trouble = fakes::qdrant::Server::Trouble;

// A Qdrant-like server, and an index in it whose jobs run when the test says.
struct QdrantWorld : RemoteWorld {
  explicit QdrantWorld(std::uint32_t dimensions = 8, QdrantOptions chosen = Patient()) : dimension(dimensions), options(chosen) {}

  // Searches wait long enough for a slow machine; a test of the limits takes the defaults.
  static QdrantOptions Patient() {
    QdrantOptions options;
    options.time_limit = options.write_time_limit = kPatience;
    return options;
  }

  Result<std::unique_ptr<QdrantIndex>> TryOpen(std::chrono::milliseconds wait = kPatience) {
    if (!service) service = RemoteWorld::Open(server.url(), {.name = "qdrant"});
    return QdrantIndex::Open(
        options, "embedder-1", dimension,
        {*service, clock, log, metrics, [this](std::function<void()> job) { return jobs.Take(std::move(job)); }}, wait);
  }
  void OpenIndex() {
    auto opened = TryOpen();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    index = std::move(*opened);
  }
  // Runs jobs until nothing waits.
  void Settle() {
    index->Nudge();
    jobs.RunAll();
  }
  std::vector<float> Vector() { return vector::RandomVector(random, dimension); }
  void Add(const Digest& scope, std::uint64_t label, const std::vector<float>& vector, VectorFacts facts = {}) {
    ASSERT_TRUE(index->Add(scope, label, vector, facts).has_value());
  }
  std::size_t Asked(const std::string& request) {
    const auto seen = server.seen();
    return static_cast<std::size_t>(std::ranges::count(seen, request));
  }
  std::string Path() const { return "/collections/" + index->collection(); }

  const std::uint32_t dimension;
  QdrantOptions options;
  fakes::qdrant::Server server;
  std::unique_ptr<Service> service;
  vector::Jobs jobs;
  std::mt19937_64 random{7};
  std::unique_ptr<QdrantIndex> index;
};

}  // namespace reflex::remote
