#include "app/build.h"

#include <pthread.h>

#include <algorithm>
#include <functional>
#include <optional>
#include <utility>

#include "app/open_store.h"
#include "app/secrets.h"
#include "app/snapshot_keeper.h"
#include "app/version.h"
#include "cache/far_vectors.h"
#include "redis/redis_store.h"
#include "redis/store_metrics.h"
#include "reflex/call_leases.h"
#include "vector/local_index.h"
#include "verify/audit.h"

namespace reflex::app {
namespace {

// Jobs of the semantic tier that wait; a job that finds no room is asked for again. One at a time each come from the tier and from
// each part of its index.
constexpr std::size_t kBackgroundQueueMax = 4096;
constexpr std::size_t kNameThreads = 2;
// Maintenance runs one job at a time.
constexpr std::size_t kMaintenanceQueueMax = 4;
// Behind connections. Look-ups too: an exact hit of one caller goes before another's question in other words.
constexpr int kBackgroundNice = 10, kLookupNice = 15;
constexpr std::size_t kLookupThreads = 2, kLookupThreadsPerContext = 4;
// Threads that wait for services on other machines most of the time.
constexpr std::size_t kRemoteLookupThreads = 16;
// Without a model a look-up is all work of its own thread: what waits long is better asked of the provider. A model, here or on
// another machine, embeds together what waits.
constexpr std::size_t kLookupQueueMax = 2, kModelLookupQueueMax = 64;
// Some 70,000 vectors of 384 numbers.
constexpr std::size_t kFarVectorsBytes = 64u << 20;

bool AsksOtherMachines(const Settings& settings) {
  const RemoteSettings& remote = settings.remote;
  return !remote.embedder.url.empty() || !remote.qdrant.url.empty() || !remote.reranker.url.empty();
}

Result<std::optional<http::BaseUrl>> ProviderAt(const std::string& url) {
  if (url.empty()) return std::nullopt;
  REFLEX_TRY(http::BaseUrl base, http::ParseBaseUrl(url));
  return std::optional(std::move(base));
}

// The secrets and the store, or what stands in for them where the storage folder cannot be used: Reflex is then a proxy with a
// memory tier, and says so.
Result<std::unique_ptr<EntryStore>> OpenStorage(Program& program) {
  const auto secrets_and_store = [&]() -> Result<std::unique_ptr<EntryStore>> {
    REFLEX_CHECK(PrepareStorage(program.settings.storage_path));
    if (program.settings.hydrate != "never") {
      // Every key depends on the secret: it must be there before the first request. Failing that, this machine has its own.
      if (auto adopted = AdoptSecret(program.settings, program.clock, *program.logger); !adopted) {
        program.logger->Log(LogLevel::kError, "tenant_secret_restored=false error=\"" + adopted.error().message + "\"");
        if (adopted.error().code == ErrorCode::kInvalidArgument) return std::unexpected(std::move(adopted).error());
      }
    }
    REFLEX_TRY(Secrets secrets, LoadSecrets(program.settings));
    program.settings.gateway.tenant_secret = std::move(secrets.tenant_secret);
    program.settings.gateway.admin_token = std::move(secrets.admin_token);
    return OpenStore(program.settings, program.settings.gateway.tenant_secret, program.clock, *program.logger);
  };
  Result<std::unique_ptr<EntryStore>> store = secrets_and_store();
  if (store) return store;
  // A secret that a setting names is not replaced by another one behind the operator's back.
  const bool secret_named = !program.settings.tenant_secret_file.empty() && program.settings.gateway.tenant_secret.empty();
  if (StopsTheStart(store.error()) || secret_named) return store;

  program.storage_problem = store.error().message;
  program.logger->Log(LogLevel::kError, "store absent=true error=\"" + program.storage_problem + "\"");
  Secrets fresh = MakeSecrets();
  if (program.settings.gateway.tenant_secret.empty()) program.settings.gateway.tenant_secret = std::move(fresh.tenant_secret);
  if (program.settings.gateway.admin_token.empty()) program.settings.gateway.admin_token = std::move(fresh.admin_token);
  return NewAbsentStore(store.error());
}

Result<void> BuildModels(Program& program) {
  REFLEX_TRY(program.models, OpenModels(program.settings.models));
  REFLEX_TRY(program.remote,
             RemoteParts::Open(program.settings.remote, {*program.pool, program.metrics, program.clock, *program.logger}));
  if (program.remote) {
    REFLEX_CHECK(program.remote->AddTo(*program.models));
  }
  return {};
}

Result<void> BuildCache(Program& program) {
  const Settings& settings = program.settings;
  REFLEX_TRY(std::unique_ptr<EntryStore> store, OpenStorage(program));
  REFLEX_TRY(program.cache, Cache::Create(settings.memory, std::move(store), program.clock, *program.logger));
  if (const auto* const shared = dynamic_cast<const redis::RedisStore*>(program.cache->store())) {
    redis::AddStoreMetrics(program.metrics, *shared);
  }
  return {};
}

// Where there is a store that can be copied.
Result<void> BuildSnapshots(Program& program) {
  SnapshotParts parts;
  parts.store = dynamic_cast<SnapshotStore*>(program.cache->store());
  if (parts.store == nullptr) return {};
  parts.settings = &program.settings;
  parts.tenant_secret = program.settings.gateway.tenant_secret;
  if (program.models != nullptr) parts.embedder = &program.models->main();
  parts.clock = &program.clock;
  parts.logger = program.logger.get();
  parts.metrics = &program.metrics;
  REFLEX_TRY(program.snapshots, OpenSnapshots(std::move(parts)));
  return {};
}

void AddSnapshotCalls(Program& program, gateway::GatewayParts& parts) {
  Snapshots* const snapshots = program.snapshots.get();
  if (snapshots == nullptr) return;
  // A save or a load that somebody asked for does not hold up the end of the program.
  const auto goes_on = [readiness = &program.readiness](const SnapshotProgress&) {
    return readiness->Get() != gateway::Readiness::State::kDraining;
  };
  parts.save_snapshot = [snapshots, goes_on]() -> Result<std::string> {
    REFLEX_TRY(const SnapshotInfo info, snapshots->Save(goes_on));
    return SnapshotJson(info);
  };
  parts.list_snapshots = [snapshots]() -> Result<std::string> {
    REFLEX_TRY(const std::vector<SnapshotInfo> infos, snapshots->List());
    return SnapshotsJson(infos);
  };
  parts.load_snapshot = [snapshots, goes_on, semantic = program.semantic.get()](std::string_view name) -> Result<std::string> {
    REFLEX_TRY(const SnapshotLoaded loaded, snapshots->Load(name, goes_on));
    // The index learns what came; questions without a vector of this embedder get one behind.
    if (semantic != nullptr) semantic->StartLoading();
    return LoadedJson(loaded);
  };
}

// An index in this process. Its vectors lie in the store; where that is a network away those in use are kept here as well.
std::unique_ptr<VectorIndex> OpenLocalIndex(EntryStore& store, const Embedder& embedder,
                                            const vector::LocalIndex::Background& background) {
  if (!store.IsShared()) {
    return vector::LocalIndex::Create(embedder.dimension(), {}, StoredVectors(store, embedder.model_id(), embedder.dimension()),
                                      background);
  }
  const auto maker = cache::VectorMaker::Of(embedder.model_id(), embedder.dimension());
  const auto vectors = std::make_shared<cache::FarVectors>(store, maker, kFarVectorsBytes);
  vector::LocalIndexOptions options;
  options.prepare = [vectors](std::span<const std::uint64_t> labels) { vectors->Prepare(labels); };
  return vector::LocalIndex::Create(
      embedder.dimension(), std::move(options),
      [vectors](std::uint64_t label, std::span<float> out) { return vectors->Fetch(label, out); }, background);
}

// After the cache and before anything uses its store.
Result<void> BuildSemantic(Program& program) {
  const Settings& settings = program.settings;
  if (!settings.gateway.canonical_tier || program.cache->store() == nullptr) return {};
  program.background = std::make_unique<base::WorkerPool>(1, kBackgroundQueueMax, kBackgroundNice);
  program.lookups = std::make_unique<base::WorkerPool>(LookupThreads(settings), LookupQueue(settings), kLookupNice);
  const auto background = [pool = program.background.get()](std::function<void()> work) { return pool->Submit(std::move(work)); };
  Embedder& embedder = program.models->main();
  SemanticTier::Parts parts;
  parts.cache = program.cache.get();
  parts.store = program.cache->store();
  if (settings.semantic.verify && program.remote) {
    REFLEX_TRY(parts.index, program.remote->OpenIndex(embedder, background));
  }
  if (settings.semantic.verify && parts.index == nullptr) {
    parts.index = OpenLocalIndex(*parts.store, embedder, background);
  }
  parts.words = &program.models->words;
  parts.model = program.models->model.get();
  parts.model_verifier = program.models->verifier.weights;
  parts.pair_net = program.models->verifier.pair_net;
  parts.reranker = program.models->reranker.get();
  parts.clock = &program.clock;
  parts.logger = program.logger.get();
  parts.background = background;
  REFLEX_TRY(program.semantic, SemanticTier::Create(settings.semantic, std::move(parts)));
  return {};
}

Result<void> BuildIo(Program& program) {
  const Settings& settings = program.settings;
  const std::uint32_t cores = std::max(1u, std::thread::hardware_concurrency());
  const std::uint32_t count = settings.io_threads > 0 ? settings.io_threads : cores;
  if (settings.log_requests) {
    RequestLogOptions options{.file = settings.log_file, .buffer_bytes_max = settings.log_buffer_bytes_max, .threads = count};
    REFLEX_TRY(program.request_log, RequestLogWriter::Open(std::move(options), program.clock, *program.logger, program.metrics));
  }
  for (std::uint32_t i = 0; i < count; ++i) program.io_threads.push_back(std::make_unique<http::IoThread>());
  return {};
}

Result<void> BuildUpstreams(Program& program) {
  const Settings& settings = program.settings;
  REFLEX_TRY(program.providers.openai, ProviderAt(settings.openai));
  REFLEX_TRY(program.providers.anthropic, ProviderAt(settings.anthropic));
  REFLEX_TRY(program.providers.gemini, ProviderAt(settings.gemini));
  program.providers.upstream_key = settings.upstream_key;
  program.providers.anthropic_key = settings.anthropic_key;
  program.providers.gemini_key = settings.gemini_key;
  for (const auto& io : program.io_threads) {
    REFLEX_TRY(auto client, http::Client::Create(settings.client, *io, *program.names, program.metrics));
    program.upstreams.push_back(upstream::NewUpstream(*client, program.providers, program.metrics));
    program.clients.push_back(std::move(client));
  }
  return {};
}

Result<void> BuildMaintenance(Program& program) {
  const Settings& settings = program.settings;
  if (settings.maintenance.stop_instance) {
    REFLEX_TRY(program.instance, cloud::OpenInstance(settings.instance, program.clock, *program.logger));
  }
  if (program.instance || !settings.snapshot.Target().empty()) {
    program.maintenance = std::make_unique<base::WorkerPool>(1, kMaintenanceQueueMax, kBackgroundNice);
  }
  return {};
}

gateway::AuditVerdict CompareAnswers(std::string_view served, std::string_view fresh) {
  switch (verify::CompareAnswers(served, fresh)) {
    case verify::AuditLabel::kRight: return gateway::AuditVerdict::kRight;
    case verify::AuditLabel::kWrong: return gateway::AuditVerdict::kWrong;
    case verify::AuditLabel::kUndecided: break;
  }
  return gateway::AuditVerdict::kUndecided;
}

Result<void> BuildGateway(Program& program) {
  gateway::GatewayParts parts;
  parts.cache = program.cache.get();
  parts.pool = program.pool.get();
  for (const auto& io : program.io_threads) parts.threads.push_back(io.get());
  for (const auto& upstream : program.upstreams) parts.upstreams.push_back(upstream.get());
  parts.metrics = &program.metrics;
  parts.clock = &program.clock;
  parts.logger = program.logger.get();
  parts.request_log = program.request_log.get();
  parts.readiness = &program.readiness;
  parts.leases = dynamic_cast<CallLeases*>(program.cache->store());  // Null: the store is this process's own.
  parts.semantic = program.semantic.get();
  parts.semantic_pool = program.lookups.get();
  AddSnapshotCalls(program, parts);
  parts.compare_answers = CompareAnswers;
  if (program.models && program.models->model) {
    parts.model_queue = [model = program.models->model.get()] { return model->waiting(); };
  }
  if (program.remote) parts.degraded = [remote = program.remote.get()] { return remote->Degraded(); };
  const std::vector<http::IoThread*> threads = parts.threads;
  REFLEX_TRY(program.gateway, gateway::Gateway::Create(program.settings.gateway, std::move(parts)));
  REFLEX_TRY(program.server,
             http::Server::Create(program.settings.server, threads, *program.gateway, program.metrics, *program.logger));
  return {};
}

std::string Sends(const std::string& name, const std::optional<http::BaseUrl>& base) {
  return base ? (name.empty() ? "" : ", " + name + " ") + base->text : "";
}

}  // namespace

std::size_t LookupThreads(const Settings& settings) {
  if (settings.semantic_threads > 0) return settings.semantic_threads;
  if (AsksOtherMachines(settings)) return kRemoteLookupThreads;
  return settings.models.path.empty() ? kLookupThreads : kLookupThreadsPerContext * settings.models.contexts;
}

std::size_t LookupQueue(const Settings& settings) {
  if (settings.semantic_queue_max > 0) return settings.semantic_queue_max;
  return settings.models.path.empty() && !AsksOtherMachines(settings) ? kLookupQueueMax : kModelLookupQueueMax;
}

Program::~Program() { StopThreads(); }

void Program::Start() {
  server->Start();
  for (std::size_t i = 0; i < io_threads.size(); ++i) {
    threads.emplace_back([io = io_threads[i].get()] { io->Run(); });
    pthread_setname_np(threads.back().native_handle(), ("io-" + std::to_string(i)).c_str());
  }
}

void Program::StopThreads() {
  for (const auto& io : io_threads) {
    if (!threads.empty()) io->Stop();
  }
  for (std::thread& thread : threads) thread.join();
  threads.clear();
}

Result<std::unique_ptr<Program>> Build(Settings settings, std::unique_ptr<Logger> logger) {
  auto program = std::make_unique<Program>();
  program->settings = std::move(settings);
  program->logger = std::move(logger);
  program->pool = std::make_unique<base::WorkerPool>(program->settings.worker_threads, program->settings.worker_queue_max, 0);
  program->names = std::make_unique<base::WorkerPool>(kNameThreads, program->settings.worker_queue_max, 0);
  // Models first: a wrong file is said before the store is opened.
  if (program->settings.gateway.canonical_tier) {
    REFLEX_CHECK(BuildModels(*program));
  }
  REFLEX_CHECK(BuildCache(*program));
  REFLEX_CHECK(BuildSemantic(*program));
  REFLEX_CHECK(BuildSnapshots(*program));
  REFLEX_CHECK(BuildMaintenance(*program));
  REFLEX_CHECK(BuildIo(*program));
  REFLEX_CHECK(BuildUpstreams(*program));
  REFLEX_CHECK(BuildGateway(*program));
  return program;
}

std::string UrlFor(const std::string& address, bool tls) {
  if (address.starts_with("unix:")) return "";
  std::string reachable = address;
  // An address of all interfaces is no address to call; this machine's own is.
  if (address.starts_with(":")) reachable = "127.0.0.1" + address;
  if (address.starts_with("0.0.0.0:")) reachable = "127.0.0.1" + address.substr(7);
  if (address.starts_with("[::]:")) reachable = "127.0.0.1" + address.substr(4);
  return (tls ? "https://" : "http://") + reachable;
}

std::string AdminUrl(const Settings& settings, const std::vector<std::string>& addresses) {
  const bool has_tls = !settings.server.tls.certificate_file.empty();
  std::string url;
  for (std::size_t i = 0; i < addresses.size() && i < settings.server.listen.size(); ++i) {
    const bool admin = settings.server.listen[i].admin;
    if (settings.gateway.admin_elsewhere && !admin) continue;
    if (url.empty()) url = UrlFor(addresses[i], has_tls && !admin);
  }
  return url;
}

std::string StartupLine(const Program& program) {
  const Settings& settings = program.settings;
  const bool has_tls = !settings.server.tls.certificate_file.empty();
  std::string listens;
  const std::vector<std::string> addresses = program.server->addresses();
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    const bool admin = settings.server.listen[i].admin;
    const bool unix_socket = addresses[i].starts_with("unix:");
    listens += (listens.empty() ? "" : ", ") +
               std::string(unix_socket         ? ""
                           : has_tls && !admin ? "https://"
                                               : "http://") +
               addresses[i] + (admin ? " (admin)" : "");
  }
  const std::string stores = !program.settings.store_url.empty() && program.storage_problem.empty()
                                 ? "in " + program.settings.shared_store.client.address.ToString() + " (in clear)"
                             : program.storage_problem.empty() ? "in " + settings.storage_path.string() + " (in clear)"
                                                               : "nothing (" + program.storage_problem + ")";
  std::string sends = Sends("", program.providers.openai);
  sends += Sends("anthropic", program.providers.anthropic) + Sends("gemini", program.providers.gemini);
  if (sends.starts_with(", ")) sends.erase(0, 2);
  return "reflex " + std::string(Version()) + " listens on " + listens + "; stores " + stores + "; sends to " +
         (sends.empty() ? "nobody: every upstream is switched off" : sends);
}

}  // namespace reflex::app
