// What the values of several settings must be together, and the rooms' options that follow from them.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cstdint>
#include <optional>

#include "app/settings.h"
#include "inference/gguf_embedder.h"

namespace reflex::app {
namespace {

std::unexpected<Error> Refuse(std::string_view key, const std::string& value, const std::string& allowed) {
  return Fail(ErrorCode::kInvalidArgument, std::string(key) + " = " + Quote(value) + " is not allowed; allowed: " + allowed);
}

const Source& SourceOf(std::string_view key, std::span<const Source> sources) {
  const std::span<const Setting> table = SettingsTable();
  const auto row = std::ranges::find(table, key, &Setting::key);
  return sources[static_cast<std::size_t>(row - table.begin())];
}

std::string AllowedAt(std::string_view key) {
  const auto table = SettingsTable();
  return Allowed(*std::ranges::find(table, key, &Setting::key));
}

bool IsIpv4(const std::string& text) {
  in_addr address;
  return inet_pton(AF_INET, text.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& text) {
  in6_addr address;
  return inet_pton(AF_INET6, text.c_str(), &address) == 1;
}

// "host:port", "[v6]:port" or ":port"; the host without brackets.
struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
std::optional<HostPort> ParseHostPort(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  HostPort parsed;
  const std::string_view port = address.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), parsed.port);
  if (port.empty() || error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  parsed.host = address.substr(0, colon);
  if (parsed.host.empty() || parsed.host == "localhost" || IsIpv4(parsed.host)) return parsed;
  if (!parsed.host.starts_with('[') || !parsed.host.ends_with(']')) return std::nullopt;
  parsed.host = parsed.host.substr(1, parsed.host.size() - 2);
  return IsIpv6(parsed.host) ? std::optional(parsed) : std::nullopt;
}

// The longest path that fits sockaddr_un.
constexpr std::size_t kUnixPathMax = 107;

Result<void> CheckAddress(std::string_view key, const std::string& address) {
  const bool unix_socket = address.starts_with("unix:") && address.size() > 5 && address.size() - 5 <= kUnixPathMax;
  if (unix_socket || ParseHostPort(address)) return {};
  return Refuse(key, address, AllowedAt(key));
}

// server.listen stands in place of bind_addr and port; both at once would leave a person wondering which won.
Result<void> CheckListenConflict(std::span<const Source> sources) {
  const Source& listen = SourceOf("server.listen", sources);
  for (const std::string_view key : {"server.bind_addr", "server.port"}) {
    const Source& other = SourceOf(key, sources);
    if (other.kind == Source::Kind::kDefault || other.kind < listen.kind) continue;
    return Fail(ErrorCode::kInvalidArgument, "server.listen (" + listen.ToString() + ") and " + std::string(key) + " (" +
                                                 other.ToString() + ") exclude each other; allowed: one of them");
  }
  return {};
}

Result<void> FillListen(Settings& settings, std::span<const Source> sources) {
  std::vector<std::string> addresses = settings.listen;
  if (addresses.empty()) {
    const std::string& host = settings.bind_addr;
    if (!IsIpv4(host) && !IsIpv6(host) && host != "localhost")
      return Refuse("server.bind_addr", host, AllowedAt("server.bind_addr"));
    addresses.push_back((IsIpv6(host) ? "[" + host + "]" : host) + ":" + std::to_string(settings.port));
  } else {
    REFLEX_CHECK(CheckListenConflict(sources));
  }
  settings.server.listen.clear();
  for (const std::string& address : addresses) {
    REFLEX_CHECK(CheckAddress("server.listen", address));
    settings.server.listen.push_back({.address = address, .admin = false});
  }
  if (settings.admin_address.empty()) return {};
  REFLEX_CHECK(CheckAddress("server.admin_address", settings.admin_address));
  settings.server.listen.push_back({.address = settings.admin_address, .admin = true});
  settings.gateway.admin_elsewhere = true;
  return {};
}

Result<void> CheckOpen(const Settings& settings) {
  const bool has_key = !settings.upstream_key.empty() || !settings.anthropic_key.empty() || !settings.gemini_key.empty();
  if (!has_key || !settings.gateway.client_keys_file.empty() || settings.allow_open) return {};
  for (const http::ListenAddress& listen : settings.server.listen) {
    if (listen.admin || IsLoopback(listen.address)) continue;
    return Fail(ErrorCode::kInvalidArgument, "listening on " + listen.address +
                                                 " with upstream.key lets anyone who reaches the port spend that key; allowed: "
                                                 "server.client_keys_file (REFLEX_CLIENT_KEYS_FILE) with the callers' keys, a "
                                                 "loopback address, or server.allow_open = true");
  }
  return {};
}

bool IsHeaderName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 || std::string_view("!#$%&'*+-.^_`|~").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

Result<void> FillTenant(Settings& settings) {
  const std::string& from = settings.tenant_from;
  constexpr std::string_view kHeader = "header:";
  if (from == "credential") {
    settings.gateway.tenant_from = gateway::TenantFrom::kCredential;
  } else if (from == "one") {
    settings.gateway.tenant_from = gateway::TenantFrom::kOne;
  } else if (from.starts_with(kHeader) && IsHeaderName(std::string_view(from).substr(kHeader.size()))) {
    settings.gateway.tenant_from = gateway::TenantFrom::kHeader;
    settings.gateway.tenant_header = from.substr(kHeader.size());
  } else {
    return Refuse("tenant.from", from, AllowedAt("tenant.from"));
  }
  for (const std::string& name : settings.gateway.tenant_headers) {
    if (!IsHeaderName(name)) return Refuse("tenant.headers", name, AllowedAt("tenant.headers"));
  }
  for (const std::string& name : settings.gateway.key_headers) {
    if (!IsHeaderName(name)) return Refuse("key.headers", name, AllowedAt("key.headers"));
  }
  return {};
}

Result<void> CheckLimits(const Settings& settings) {
  if (settings.server.tls.certificate_file.empty() != settings.server.tls.key_file.empty()) {
    const bool no_key = settings.server.tls.key_file.empty();
    return Refuse(no_key ? "server.tls_key" : "server.tls_certificate", "",
                  AllowedAt(no_key ? "server.tls_key" : "server.tls_certificate"));
  }
  if (settings.server.body_bytes_max > settings.server.bodies_bytes_max) {
    return Refuse("server.body_bytes_max", ShowBytes(settings.server.body_bytes_max),
                  "at most server.bodies_bytes_max, " + ShowBytes(settings.server.bodies_bytes_max));
  }
  if (settings.gateway.ttl > settings.gateway.ttl_max) {
    return Refuse("cache.ttl", ShowDuration(settings.gateway.ttl),
                  "at most cache.ttl_max, " + ShowDuration(settings.gateway.ttl_max));
  }
  const std::string& region = settings.instance.cloud.region;
  const auto in_region = [](unsigned char c) { return std::isalnum(c) != 0 || c == '-'; };
  if (!std::ranges::all_of(region, in_region)) return Refuse("cloud.region", region, AllowedAt("cloud.region"));
  const std::string& prefix = settings.models.prefix;
  if (prefix.size() > inference::kGgufPrefixBytesMax) return Refuse("model.prefix", prefix, AllowedAt("model.prefix"));
  if (settings.storage_path.empty()) return Refuse("storage.path", "", AllowedAt("storage.path"));
  return {};
}

// A part is in a file or on another machine.
Result<void> CheckRemote(const Settings& settings) {
  const RemoteSettings& remote = settings.remote;
  if (const std::string problem = QdrantUrlProblem(remote.qdrant.url); !problem.empty()) {
    return Refuse("qdrant.url", remote.qdrant.url, AllowedAt("qdrant.url") + " (" + problem + ")");
  }
  const auto exclude = [](std::string_view a, std::string_view b) -> Result<void> {
    return Fail(ErrorCode::kInvalidArgument,
                std::string(a) + " and " + std::string(b) + " exclude each other; allowed: one of them");
  };
  if (!remote.embedder.url.empty() && !settings.models.path.empty()) return exclude("embedder.url", "model.path");
  if (!remote.reranker.url.empty() && !settings.models.reranker_path.empty()) return exclude("reranker.url", "reranker.path");
  if (!remote.embedder.url.empty() && remote.embedder_options.model.empty()) {
    return Refuse("embedder.model", "", AllowedAt("embedder.model"));
  }
  return {};
}

}  // namespace

bool IsLoopback(std::string_view address) {
  if (address.starts_with("unix:")) return true;
  const std::optional<HostPort> parsed = ParseHostPort(address);
  if (!parsed) return false;
  if (parsed->host == "localhost" || parsed->host == "::1") return true;
  return IsIpv4(parsed->host) && parsed->host.starts_with("127.");
}

Result<void> CheckTogether(Settings& settings, std::span<const Source> sources) {
  REFLEX_CHECK(FillListen(settings, sources));
  REFLEX_CHECK(FillTenant(settings));
  REFLEX_CHECK(CheckLimits(settings));
  REFLEX_CHECK(CheckRemote(settings));
  if (!settings.store_url.empty()) {
    auto address = redis::ParseAddress(settings.store_url);
    if (!address) return Fail(ErrorCode::kInvalidArgument, "store.url: " + address.error().message);
    settings.shared_store.client.address = std::move(*address);
    settings.shared_store.queue_bytes = settings.store.queue_bytes;
    settings.shared_store.queue_entries = settings.store.queue_entries;
    settings.shared_store.zstd_level = settings.store.zstd_level;
  }
  settings.store.path = settings.storage_path;
  settings.store.commit = settings.storage_commit == "each"       ? store::CommitMode::kEachWrite
                          : settings.storage_commit == "interval" ? store::CommitMode::kInterval
                                                                  : store::CommitMode::kOff;
  settings.maintenance.hydrate = settings.hydrate == "empty"    ? Hydrate::kEmpty
                                 : settings.hydrate == "always" ? Hydrate::kAlways
                                                                : Hydrate::kNever;
  if (settings.maintenance.stop_instance && settings.instance.provider == "local" && settings.instance.stop_command.empty()) {
    return Refuse("cloud.provider", "local", "gcp or aws, or a cloud.stop_command, because idle.stop_instance is on");
  }
  settings.maintenance.idle_timeout = std::chrono::seconds(settings.idle_timeout_secs);
  settings.gateway.tauq = settings.tauq == "off"      ? gateway::TauqUse::kOff
                          : settings.tauq == "always" ? gateway::TauqUse::kAlways
                                                      : gateway::TauqUse::kOnRequest;
  settings.gateway.exact_tier = settings.tiers.starts_with("l1");
  settings.gateway.canonical_tier = settings.tiers.starts_with("l1,l2");
  settings.gateway.verified_tier = settings.tiers == "l1,l2,l3";
  settings.semantic.verify = settings.gateway.verified_tier;
  settings.semantic.question_bytes_max = settings.gateway.question_bytes_max;
  settings.gateway.key_opens_all = settings.key_opens == "all";
  return CheckOpen(settings);
}

}  // namespace reflex::app
