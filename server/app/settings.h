#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/maintenance_options.h"
#include "app/models.h"
#include "app/remote_parts.h"
#include "app/setting.h"
#include "cloud/instance.h"
#include "gateway/gateway.h"
#include "http/client.h"
#include "http/server.h"
#include "redis/options.h"
#include "reflex/cache.h"
#include "reflex/lmdb_options.h"
#include "reflex/result.h"
#include "reflex/semantic_tier.h"

namespace reflex::app {

// Where snapshots go and what wraps the secret in them; docs/configuration.md explains each.
struct SnapshotSettings {
  std::string target;
  std::string gcs_bucket;
  std::filesystem::path path;
  std::uint32_t keep = 3;
  std::string passphrase;
  std::filesystem::path key_file;

  // The target as it counts; empty: none is set.
  std::string Target() const { return target.empty() && !gcs_bucket.empty() ? "gs://" + gcs_bucket : target; }
};

// Every setting's value. Where a room has an Options field for it, that field is the setting and its initialiser the default; what
// needs more than one field to decide is here as it was written and is worked out by CheckTogether.
struct Settings {
  http::ServerOptions server;
  http::ClientOptions client;
  gateway::GatewayOptions gateway;
  MemoryOptions memory;
  store::LmdbOptions store;  // Its path is storage_path.
  SemanticOptions semantic;
  SnapshotSettings snapshot;
  ModelSettings models;
  RemoteSettings remote;

  std::string bind_addr = "127.0.0.1";
  std::uint16_t port = 8080;
  std::vector<std::string> listen;
  std::string admin_address;
  bool allow_open = false;
  std::uint32_t io_threads = 0;
  std::chrono::milliseconds drain_timeout{30'000};

  std::string openai = "https://api.openai.com/v1";
  std::string anthropic = "https://api.anthropic.com";
  std::string gemini = "https://generativelanguage.googleapis.com";
  std::string upstream_key, anthropic_key, gemini_key;
  std::string key_opens = "listed";

  std::string tiers = "l1,l2,l3";
  std::uint32_t semantic_threads = 0;
  std::uint32_t semantic_queue_max = 0;
  std::string tauq = "on-request";
  std::string tenant_from = "credential";
  std::filesystem::path tenant_secret_file;

  std::string store_url;                  // Of the shared store; empty: the one in storage_path.
  redis::RedisStoreOptions shared_store;  // Its address is read from store_url.

  std::filesystem::path storage_path = "./.data";
  std::string storage_commit = "interval";

  MaintenanceOptions maintenance;
  std::string hydrate = "empty";
  std::uint32_t idle_timeout_secs = 0;
  cloud::InstanceOptions instance;  // Its `cloud` is also how object stores are reached.

  std::uint32_t worker_threads = 2;
  std::uint32_t worker_queue_max = 1024;

  std::string log_level = "info";
  bool log_requests = true;
  std::filesystem::path log_file;
  std::uint64_t log_buffer_bytes_max = 8ull << 20;
};

// Names the settings file; also the flag --config. Not a row of the table: a file cannot name itself.
inline constexpr std::string_view kConfigVariable = "REFLEX_CONFIG";

// The table, in the order of docs/configuration.md. Sections stand together.
std::span<const Setting> SettingsTable();
// What a section is about, one sentence; "" for an unknown one.
std::string_view SectionHelp(std::string_view section);

// Where a value came from.
struct Source {
  enum class Kind : std::uint8_t { kDefault, kFile, kEnvironment, kFlag };  // In rising precedence.
  Kind kind = Kind::kDefault;
  std::string detail;  // "reflex.toml:3", "REFLEX_PORT", "--port"; empty for a default.

  // "default", "file reflex.toml:3", "environment REFLEX_PORT", "flag --port".
  std::string ToString() const;
};

// A variable or a flag with its value.
struct NamedValue {
  std::string name;
  std::string value;
};

// All that settings are read from.
struct SettingsInput {
  std::string file_name = {};  // For messages; empty: no file.
  std::string file_text = {};  // TOML.
  std::vector<NamedValue> environment = {};
  std::vector<NamedValue> flags = {};  // Names with their dashes.
};

struct LoadedSettings {
  Settings settings;
  std::vector<Source> sources;        // One for each row of the table.
  std::vector<std::string> warnings;  // One line each: unknown REFLEX_ variables, an orchestrator's variables.
};

// Reads the sources in order of precedence and checks the values together. Pure: touches no file.
// Returns: kInvalidArgument with the name, the value (hidden for secrets) and what is allowed.
Result<LoadedSettings> LoadSettings(const SettingsInput& input);

// What one value alone cannot tell: addresses and who may reach them, the pair of TLS files, where the tenant comes from, limits
// that contradict each other. Fills the options of the rooms. Part of LoadSettings. Returns: kInvalidArgument.
Result<void> CheckTogether(Settings& settings, std::span<const Source> sources);

// True for an address of the machine itself: 127.0.0.0/8, [::1], localhost, a unix socket. `address` is as server.listen takes it.
bool IsLoopback(std::string_view address);

}  // namespace reflex::app
