#include "app/settings.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <utility>

namespace reflex::app {
namespace {

std::string SourceOf(const LoadedSettings& loaded, std::string_view key) {
  for (std::size_t row = 0; row < SettingsTable().size(); ++row) {
    if (SettingsTable()[row].key == key) return loaded.sources[row].ToString();
  }
  return "no such key";
}

Result<LoadedSettings> LoadFile(std::string text) { return LoadSettings({.file_name = "r.toml", .file_text = std::move(text)}); }
Result<LoadedSettings> LoadVariables(std::vector<NamedValue> variables) {
  return LoadSettings({.environment = std::move(variables)});
}
Result<LoadedSettings> LoadFlags(std::vector<NamedValue> flags) { return LoadSettings({.flags = std::move(flags)}); }

// The message, "" when the settings were accepted.
std::string Refusal(const Result<LoadedSettings>& loaded) {
  if (loaded) return "";
  EXPECT_EQ(loaded.error().code, ErrorCode::kInvalidArgument);
  return loaded.error().message;
}

void ExpectMentions(const std::string& message, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    EXPECT_NE(message.find(part), std::string::npos) << "\"" << part << "\" is missing in: " << message;
}

TEST(Settings, DefaultsAreThoseOfTheDocuments) {
  const Result<LoadedSettings> loaded = LoadSettings({});
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Settings& s = loaded->settings;
  using namespace std::chrono_literals;
  EXPECT_EQ(s.server.listen.at(0).address, "127.0.0.1:8080");
  EXPECT_EQ(s.storage_path, "./.data");
  EXPECT_EQ(s.store.path, "./.data");
  EXPECT_EQ(s.gateway.ttl, 24h);
  EXPECT_EQ(s.memory.bytes, 64u << 20);
  EXPECT_EQ(s.memory.entries, 10'000u);
  EXPECT_EQ(s.store.limit_bytes, 8ull << 30);
  EXPECT_EQ(s.store.free_space_percent, 5u);
  EXPECT_EQ(s.store.commit_interval, 100ms);
  EXPECT_EQ(s.gateway.reply_bytes_max, 8u << 20);
  EXPECT_EQ(s.server.head_bytes_max, 64u << 10);
  EXPECT_EQ(s.server.body_bytes_max, 32u << 20);
  EXPECT_EQ(s.server.bodies_bytes_max, 256u << 20);
  EXPECT_EQ(s.client.timeouts.connect, 10s);
  EXPECT_EQ(s.client.timeouts.first_byte, 600s);
  EXPECT_EQ(s.client.timeouts.between_bytes, 300s);
  EXPECT_EQ(s.server.head_timeout, 10s);
  EXPECT_EQ(s.server.write_timeout, 60s);
  EXPECT_EQ(s.server.keep_alive_timeout, 75s);
  EXPECT_EQ(s.drain_timeout, 30s);
  EXPECT_EQ(s.server.connections_max, 10'000u);
  EXPECT_EQ(s.openai, "https://api.openai.com/v1");
  EXPECT_EQ(s.anthropic, "https://api.anthropic.com");
  EXPECT_EQ(s.gemini, "https://generativelanguage.googleapis.com");
  EXPECT_TRUE(s.gateway.exact_tier);
  EXPECT_FALSE(s.allow_open);
  EXPECT_FALSE(s.gateway.key_opens_all);
  EXPECT_TRUE(s.log_requests);
  EXPECT_EQ(SourceOf(*loaded, "server.port"), "default");
}

TEST(Settings, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  SettingsInput input{.file_name = "r.toml", .file_text = "[server]\nport = 1001\n[memory]\nentries = 11\n[cache]\nttl = \"1h\"\n"};
  input.environment = {{"REFLEX_PORT", "1002"}, {"REFLEX_L1_CAPACITY", "12"}};
  input.flags = {{"--port", "1003"}};
  const Result<LoadedSettings> loaded = LoadSettings(input);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.port, 1003);
  EXPECT_EQ(loaded->settings.memory.entries, 12u);
  EXPECT_EQ(loaded->settings.gateway.ttl, std::chrono::hours(1));
  EXPECT_EQ(SourceOf(*loaded, "server.port"), "flag --port");
  EXPECT_EQ(SourceOf(*loaded, "memory.entries"), "environment REFLEX_L1_CAPACITY");
  EXPECT_EQ(SourceOf(*loaded, "cache.ttl"), "file r.toml:6");
  EXPECT_EQ(SourceOf(*loaded, "memory.bytes"), "default");
}

TEST(Settings, TheFileTakesEachKindInItsOwnForm) {
  const Result<LoadedSettings> loaded = LoadFile(R"(
server.hosts = ["reflex.example.com", "r2"]
server.allow_open = true
upstream.connect_timeout = "2s"
storage.bytes_max = 4294967296
storage.free_percent_min = 10
[memory]
bytes = "1GiB"
[tenant]
from = "header:X-Team"
headers = "X-A, X-B"
)");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const Settings& s = loaded->settings;
  EXPECT_EQ(s.gateway.hosts, (std::vector<std::string>{"reflex.example.com", "r2"}));
  EXPECT_TRUE(s.allow_open);
  EXPECT_EQ(s.client.timeouts.connect, std::chrono::seconds(2));
  EXPECT_EQ(s.store.limit_bytes, 4ull << 30);
  EXPECT_EQ(s.store.free_space_percent, 10u);
  EXPECT_EQ(s.memory.bytes, 1ull << 30);
  EXPECT_EQ(s.gateway.tenant_from, gateway::TenantFrom::kHeader);
  EXPECT_EQ(s.gateway.tenant_header, "X-Team");
  EXPECT_EQ(s.gateway.tenant_headers, (std::vector<std::string>{"X-A", "X-B"}));
}

TEST(Settings, ABadValueNamesSettingValueSourceAndWhatIsAllowed) {
  ExpectMentions(Refusal(LoadFile("[server]\nport = 70000\n")),
                 {"server.port", "70000", "r.toml:2", "whole number from 0 to 65535"});
  ExpectMentions(Refusal(LoadVariables({{"REFLEX_MEMORY_BYTES", "lots"}})),
                 {"memory.bytes", "lots", "REFLEX_MEMORY_BYTES", "64MiB"});
  ExpectMentions(Refusal(LoadFlags({{"--cache-ttl", "24"}})), {"cache.ttl", "\"24\"", "--cache-ttl", "duration"});
  ExpectMentions(Refusal(LoadFlags({{"--log-level", "loud"}})), {"log.level", "loud", "debug, info, warning, error"});
  ExpectMentions(Refusal(LoadFlags({{"--upstream", "api.openai.com"}})),
                 {"upstream.openai", "api.openai.com", "http:// or https://"});
  ExpectMentions(Refusal(LoadVariables({{"REFLEX_TIERS", "l2"}})), {"cache.tiers", "l2", "allowed: \"l1\", \"l1,l2\" or"});
  ExpectMentions(Refusal(LoadVariables({{"REFLEX_MAX_WRONG_HITS", "0.3"}})), {"cache.max_wrong_hits", "0.3", "from 0.0005 to 0.2"});
  ExpectMentions(Refusal(LoadFile("semantic.audit_share = nan\n")), {"semantic.audit_share", "from 0 to 1"});
  ExpectMentions(Refusal(LoadVariables({{"REFLEX_PORT", ""}})), {"server.port", "\"\"", "whole number"});
  ExpectMentions(Refusal(LoadFlags({{"--storage-commit", "sometimes"}})), {"storage.commit", "each, interval, off"});
}

TEST(Settings, TheGrpcPortOfQdrantStopsTheStartWithWhatToWriteInstead) {
  const auto refused = [](const std::string& url) { return Refusal(LoadVariables({{"REFLEX_QDRANT_URL", url}})); };
  ExpectMentions(refused("http://qdrant.example:6334"),
                 {"qdrant.url", "\"http://qdrant.example:6334\"", "gRPC", "write \"http://qdrant.example:6333\""});
  ExpectMentions(refused("https://q.example:6334/"), {"write \"https://q.example:6333\""});
  ExpectMentions(refused("localhost:6334"), {"write \"http://localhost:6333\""});
  ExpectMentions(refused("grpc://q.example"), {"write \"http://q.example:6333\""});
  ExpectMentions(refused("grpcs://q.example:6334"), {"write \"https://q.example:6333\""});
  ExpectMentions(refused("q.example"), {"qdrant.url", "an http:// or https:// base URL", "the scheme is missing"});
  for (const char* url : {"", "http://127.0.0.1:6333", "https://q.example", "http://[::1]:80/under/a/path"}) {
    EXPECT_TRUE(LoadVariables({{"REFLEX_QDRANT_URL", url}})) << url;
  }
}

TEST(Settings, APartIsInAFileOrOnAnotherMachine) {
  ExpectMentions(Refusal(LoadFile("[embedder]\nurl = \"http://e\"\nmodel = \"m\"\n[model]\npath = \"m.gguf\"\n")),
                 {"embedder.url and model.path exclude each other"});
  ExpectMentions(Refusal(LoadFile("[reranker]\nurl = \"http://e\"\npath = \"m.gguf\"\n")),
                 {"reranker.url and reranker.path exclude each other"});
  ExpectMentions(Refusal(LoadFile("[embedder]\nurl = \"http://e\"\n")), {"embedder.model", "not empty with embedder.url"});
  const auto loaded = LoadFile(R"(
[embedder]
url = "http://e:8080/v1"
model = "m"
form = "tei"
key = "k"
[reranker]
url = "https://r"
scores = "logit"
[qdrant]
url = "http://q:6333"
api_key = "secret"
time_limit = "70ms"
)");
  ASSERT_TRUE(loaded) << loaded.error().message;
  const RemoteSettings& remote = loaded->settings.remote;
  EXPECT_EQ(remote.embedder.url, "http://e:8080/v1");
  EXPECT_EQ(remote.embedder_form, "tei");
  EXPECT_EQ(remote.reranker_scores, "logit");
  EXPECT_EQ(remote.qdrant.key, "secret");
  EXPECT_EQ(remote.qdrant_options.time_limit.count(), 70);
}

TEST(Settings, TheCalibrationOfARerankerReachesTheParts) {
  const auto defaults = LoadVariables({});
  ASSERT_TRUE(defaults) << defaults.error().message;
  EXPECT_EQ(defaults->settings.semantic.reranker_scale, 1);
  EXPECT_EQ(defaults->settings.semantic.reranker_offset, 0);
  EXPECT_TRUE(defaults->settings.models.reranker_segments);
  const auto set =
      LoadVariables({{"REFLEX_RERANKER_SCALE", "0.25"}, {"REFLEX_RERANKER_OFFSET", "-3.5"}, {"REFLEX_RERANKER_SEGMENTS", "off"}});
  ASSERT_TRUE(set) << set.error().message;
  EXPECT_EQ(set->settings.semantic.reranker_scale, 0.25);
  EXPECT_EQ(set->settings.semantic.reranker_offset, -3.5);
  EXPECT_FALSE(set->settings.models.reranker_segments);
  const auto file = LoadFile("[reranker]\nscale = 2\noffset = -0.5\nsegments = false\n");
  ASSERT_TRUE(file) << file.error().message;
  EXPECT_EQ(file->settings.semantic.reranker_scale, 2);
  EXPECT_EQ(file->settings.semantic.reranker_offset, -0.5);
  EXPECT_FALSE(file->settings.models.reranker_segments);
  // With a service as well.
  EXPECT_TRUE(LoadVariables({{"REFLEX_RERANKER_URL", "http://r"}, {"REFLEX_RERANKER_SCALE", "1000"}}));
  for (const char* bad : {"0", "-1", "1000.5", "nan"}) {
    ExpectMentions(Refusal(LoadVariables({{"REFLEX_RERANKER_SCALE", bad}})),
                   {"reranker.scale", bad, "a decimal number from 0.000001 to 1000"});
  }
}

// A limit that only the part knew would be said of model.path, when the file is opened.
TEST(Settings, TheLimitsOfAModelAreThoseOfThePart) {
  EXPECT_TRUE(LoadVariables({{"REFLEX_MODEL_QUEUE_MAX", "4096"}}));
  ExpectMentions(Refusal(LoadVariables({{"REFLEX_MODEL_QUEUE_MAX", "4097"}})), {"model.queue_max", "4097", "from 1 to 4096"});
  ExpectMentions(Refusal(LoadVariables({{"REFLEX_MODEL_CONTEXTS", "65"}})), {"model.contexts", "65", "from 1 to 64"});
  EXPECT_TRUE(LoadVariables({{"REFLEX_MODEL_PREFIX", std::string(1024, 'a')}}));
  ExpectMentions(Refusal(LoadVariables({{"REFLEX_MODEL_PREFIX", std::string(1025, 'a')}})), {"model.prefix", "at most 1024 bytes"});
}

TEST(Settings, TiersAndSharesReachTheParts) {
  const auto all = LoadVariables({});
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_TRUE(all->settings.gateway.verified_tier && all->settings.semantic.verify);
  EXPECT_EQ(all->settings.semantic.max_wrong_hits, 0.003);
  const auto two =
      LoadVariables({{"REFLEX_TIERS", "l1,l2"}, {"REFLEX_MAX_WRONG_HITS", "2%"}, {"REFLEX_RERANKER_THRESHOLD", "0.75"}});
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_TRUE(two->settings.gateway.exact_tier && two->settings.gateway.canonical_tier);
  EXPECT_FALSE(two->settings.gateway.verified_tier || two->settings.semantic.verify);
  EXPECT_EQ(two->settings.semantic.max_wrong_hits, 0.02);
  EXPECT_EQ(two->settings.semantic.reranker_threshold, 0.75);
  const auto one = LoadFile("cache.tiers = \"l1\"\ncache.max_wrong_hits = 0.01\nsemantic.question_bytes_max = \"4KiB\"\n");
  ASSERT_TRUE(one) << one.error().message;
  EXPECT_TRUE(one->settings.gateway.exact_tier);
  EXPECT_FALSE(one->settings.gateway.canonical_tier);
  EXPECT_EQ(one->settings.semantic.max_wrong_hits, 0.01);
  EXPECT_EQ(one->settings.semantic.question_bytes_max, 4096u);
}

TEST(Settings, AWrongTypeInTheFileIsABadValue) {
  ExpectMentions(Refusal(LoadFile("server.port = [80]\n")), {"server.port", "whole number"});
  ExpectMentions(Refusal(LoadFile("server.port = 80.5\n")), {"server.port", "80.5", "whole number"});
  ExpectMentions(Refusal(LoadFile("server.hosts = [[1]]\n")), {"server.hosts"});
  ExpectMentions(Refusal(LoadFile("[memory.bytes]\nx = 1\n")), {"memory.bytes", "64MiB"});
  ExpectMentions(Refusal(LoadFile("log.requests = 1979-05-27\n")), {"log.requests", "true or false"});
}

TEST(Settings, AnUnknownFileKeyStopsWithItsNeighbours) {
  ExpectMentions(Refusal(LoadFile("[server]\nprot = 80\n")),
                 {"server.prot", "r.toml:2", "did you mean server.port?", "server.bind_addr"});
  ExpectMentions(Refusal(LoadFile("[sever]\nport = 80\n")), {"sever", "sections server, upstream"});
  ExpectMentions(Refusal(LoadFile("port = 80\n")), {"unknown setting port", "sections server, upstream"});
}

TEST(Settings, AFileThatIsNotTomlNamesTheLine) {
  ExpectMentions(Refusal(LoadFile("[server]\nport 80\n")), {"r.toml:2", "not TOML"});
  ExpectMentions(Refusal(LoadFile("[server]\nport = 1\nport = 2\n")), {"r.toml:3", "not TOML"});
}

TEST(Settings, AnUnknownFlagStopsWithWhatIsAllowed) {
  ExpectMentions(Refusal(LoadFlags({{"--prot", "80"}})), {"unknown flag --prot", "did you mean --port?", "--storage-path"});
}

TEST(Settings, AnUnknownVariableIsAWarning) {
  const Result<LoadedSettings> loaded =
      LoadVariables({{"REFLEX_L1_CAPACTY", "5"}, {"REFLEX_CONFIG", ""}, {"PATH", "/bin"}, {"REFLEXES", "1"}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  ASSERT_EQ(loaded->warnings.size(), 1u);
  ExpectMentions(loaded->warnings[0], {"REFLEX_L1_CAPACTY", "did you mean REFLEX_L1_CAPACITY?"});
}

TEST(Settings, AnOrchestratorsVariablesAreIgnoredWithOneLine) {
  const Result<LoadedSettings> loaded = LoadVariables({{"REFLEX_PORT", "tcp://10.0.0.1:8080"},
                                                       {"REFLEX_PORT_8080_TCP", "tcp://10.0.0.1:8080"},
                                                       {"REFLEX_PORT_8080_TCP_ADDR", "10.0.0.1"},
                                                       {"REFLEX_SERVICE_HOST", "10.0.0.1"},
                                                       {"REFLEX_SERVICE_PORT_HTTP", "8080"}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.port, 8080);
  EXPECT_EQ(SourceOf(*loaded, "server.port"), "default");
  ASSERT_EQ(loaded->warnings.size(), 1u);
  ExpectMentions(loaded->warnings[0], {"ignored", "REFLEX_PORT,", "REFLEX_SERVICE_HOST", "REFLEX_PORT_8080_TCP_ADDR"});
}

TEST(Settings, SecretsNeverStandInAMessage) {
  // A control character is the one thing a key must not hold.
  const std::string message = Refusal(LoadVariables({{"REFLEX_UPSTREAM_KEY", "sk-very\nsecret"}}));
  ExpectMentions(message, {"upstream.key", "[secret]"});
  EXPECT_EQ(message.find("sk-very"), std::string::npos);
  // A misspelt key may be one too.
  EXPECT_EQ(Refusal(LoadFile("[upstream]\nkye = \"sk-very-secret\"\n")).find("sk-very"), std::string::npos);
}

TEST(Settings, AnEmptyUpstreamIsSwitchedOff) {
  const Result<LoadedSettings> loaded = LoadVariables({{"REFLEX_ANTHROPIC_UPSTREAM", ""}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.anthropic, "");
}

TEST(Settings, ProxiesComeFromTheUsualVariables) {
  const Result<LoadedSettings> loaded = LoadVariables({{"HTTPS_PROXY", "http://big:1"},
                                                       {"https_proxy", "http://small:2"},
                                                       {"NO_PROXY", "localhost"},
                                                       {"HTTP_PROXY", "http://cgi:3"}});
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.client.https_proxy, "http://small:2");
  EXPECT_EQ(loaded->settings.client.no_proxy, "localhost");
  // In capitals it may have come with a request, through CGI; curl reads it in small letters only, and so do we.
  EXPECT_EQ(loaded->settings.client.http_proxy, "");
  const Result<LoadedSettings> own = LoadVariables({{"https_proxy", "http://a:1"}, {"REFLEX_UPSTREAM_HTTPS_PROXY", "http://b:2"}});
  ASSERT_TRUE(own);
  EXPECT_EQ(own->settings.client.https_proxy, "http://b:2");
}

TEST(Settings, AddressesAreCheckedAndJoined) {
  EXPECT_EQ(LoadFlags({{"--bind-addr", "::1"}, {"--port", "81"}})->settings.server.listen.at(0).address, "[::1]:81");
  ExpectMentions(Refusal(LoadFlags({{"--bind-addr", "example.com"}})), {"server.bind_addr", "example.com", "IPv4"});
  const Result<LoadedSettings> many =
      LoadFlags({{"--server-listen", "127.0.0.1:1, [::1]:2, unix:/tmp/r.sock, :3"}, {"--server-admin-address", "127.0.0.1:4"}});
  ASSERT_TRUE(many) << many.error().message;
  ASSERT_EQ(many->settings.server.listen.size(), 5u);
  EXPECT_EQ(many->settings.server.listen[2].address, "unix:/tmp/r.sock");
  EXPECT_FALSE(many->settings.server.listen[3].admin);
  EXPECT_TRUE(many->settings.server.listen[4].admin);
  EXPECT_TRUE(many->settings.gateway.admin_elsewhere);
  for (const char* bad :
       {"127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "::1:80", "[::1]80", "[zz]:1", "unix:", "host:80", "127.0.0.1:80x"}) {
    ExpectMentions(Refusal(LoadFlags({{"--server-listen", bad}})), {"server.listen", bad, "unix:/path"});
    ExpectMentions(Refusal(LoadFlags({{"--server-admin-address", bad}})), {"server.admin_address", bad});
  }
}

TEST(Settings, ListenExcludesPortOfTheSameOrAHigherSource) {
  ExpectMentions(Refusal(LoadFlags({{"--server-listen", ":1"}, {"--port", "2"}})), {"server.listen", "server.port", "exclude"});
  SettingsInput input{.file_name = "r.toml", .file_text = "server.listen = [\":1\"]", .environment = {{"REFLEX_BIND_ADDR", "::"}}};
  ExpectMentions(Refusal(LoadSettings(input)), {"server.listen", "server.bind_addr", "exclude"});
  SettingsInput lower{.file_name = "r.toml", .file_text = "server.port = 1", .flags = {{"--server-listen", ":2"}}};
  const Result<LoadedSettings> loaded = LoadSettings(lower);
  ASSERT_TRUE(loaded) << loaded.error().message;
  EXPECT_EQ(loaded->settings.server.listen.at(0).address, ":2");
}

TEST(Settings, LoopbackIsRecognised) {
  for (const char* yes : {"127.0.0.1:80", "127.9.9.9:1", "[::1]:80", "localhost:80", "unix:/x"})
    EXPECT_TRUE(IsLoopback(yes)) << yes;
  for (const char* no : {":80", "0.0.0.0:80", "[::]:80", "10.0.0.1:80", "[::ffff:127.0.0.1]:80", "128.0.0.1:1", "nonsense"}) {
    EXPECT_FALSE(IsLoopback(no)) << no;
  }
}

TEST(Settings, AnOpenListenerWithAnUpstreamKeyStopsTheStart) {
  const std::vector<NamedValue> open = {{"REFLEX_BIND_ADDR", "0.0.0.0"}, {"REFLEX_UPSTREAM_KEY", "sk-very-secret"}};
  const std::string message = Refusal(LoadVariables(open));
  ExpectMentions(message, {"0.0.0.0:8080", "upstream.key", "client_keys_file", "server.allow_open"});
  EXPECT_EQ(message.find("sk-very"), std::string::npos);
  const auto with = [&](const char* name, const char* value) {
    std::vector<NamedValue> variables = open;
    variables.push_back({name, value});
    return LoadVariables(variables);
  };
  EXPECT_EQ(Refusal(with("REFLEX_SERVER_ALLOW_OPEN", "true")), "");
  EXPECT_EQ(Refusal(with("REFLEX_CLIENT_KEYS_FILE", "keys")), "");
  EXPECT_EQ(Refusal(LoadVariables({{"REFLEX_UPSTREAM_KEY", "k"}})), "");
  EXPECT_EQ(Refusal(LoadVariables({{"REFLEX_BIND_ADDR", "0.0.0.0"}})), "");
  EXPECT_NE(Refusal(LoadVariables({{"REFLEX_UPSTREAM_KEY", "k"}, {"REFLEX_SERVER_LISTEN", "127.0.0.1:1,:2"}})), "");
  // The admin listener forwards nothing.
  EXPECT_EQ(Refusal(LoadVariables({{"REFLEX_UPSTREAM_KEY", "k"}, {"REFLEX_SERVER_ADMIN_ADDRESS", ":2"}})), "");
}

TEST(Settings, ValuesThatContradictEachOtherAreRefused) {
  ExpectMentions(Refusal(LoadFlags({{"--server-tls-certificate", "c.pem"}})), {"server.tls_key", "together with"});
  ExpectMentions(Refusal(LoadFlags({{"--server-tls-key", "k.pem"}})), {"server.tls_certificate", "together with"});
  ExpectMentions(Refusal(LoadFlags({{"--server-body-bytes-max", "1GiB"}})), {"server.body_bytes_max", "1GiB", "256MiB"});
  ExpectMentions(Refusal(LoadFlags({{"--cache-ttl", "48h"}, {"--cache-ttl-max", "24h"}})), {"cache.ttl", "2d", "24h"});
  ExpectMentions(Refusal(LoadFlags({{"--storage-path", ""}})), {"storage.path", "a folder"});
}

TEST(Settings, TimesOfSnapshotsStayFarFromOverflow) {
  for (const char* flag : {"--snapshot-restore-limit", "--snapshot-interval", "--snapshot-stop-limit"}) {
    EXPECT_TRUE(LoadFlags({{flag, "365d"}})) << flag;
    ExpectMentions(Refusal(LoadFlags({{flag, "366d"}})), {"snapshot.", "366d", "365d"});
  }
  for (const Setting& setting : SettingsTable()) {
    if (setting.kind != Kind::kDuration) continue;
    EXPECT_LT(setting.max, std::uint64_t{std::numeric_limits<std::int64_t>::max()} / 1'000'000) << setting.key;
  }
}

TEST(Settings, LimitsThatAPartWouldRefuseNameTheirSetting) {
  ExpectMentions(Refusal(LoadFlags({{"--memory-bytes", "0"}})), {"memory.bytes", "\"0\"", "from 1 to"});
  ExpectMentions(Refusal(LoadFlags({{"--l1-capacity", "0"}})), {"memory.entries", "\"0\"", "from 1 to"});
  const auto largest = LoadFlags({{"--cache-reply-bytes-max", "60MiB"}});
  ASSERT_TRUE(largest) << largest.error().message;
  EXPECT_LT(largest->settings.gateway.reply_bytes_max, largest->settings.store.entry_bytes_max);
  ExpectMentions(Refusal(LoadFlags({{"--cache-reply-bytes-max", "64MiB"}})), {"cache.reply_bytes_max", "60MiB"});
}

TEST(Settings, SnapshotsBesideASharedStoreAreAWarning) {
  const auto shared = LoadFlags({{"--store-url", "redis://h:1"}});
  ASSERT_TRUE(shared) << shared.error().message;
  EXPECT_TRUE(shared->warnings.empty());
  for (const NamedValue& more : {NamedValue{"--snapshot-target", "file:///x"}, NamedValue{"--snapshot-interval", "1h"}}) {
    const auto both = LoadFlags({{"--store-url", "redis://h:1"}, more});
    ASSERT_TRUE(both) << both.error().message;
    ASSERT_EQ(both->warnings.size(), 1u);
    ExpectMentions(both->warnings[0], {"store.url", "snapshot.target", "snapshot.interval"});
  }
}

TEST(Settings, ACrossEncoderThatNobodyCalibratedIsAWarning) {
  for (const NamedValue& reranker : {NamedValue{"--reranker-path", "r.gguf"}, NamedValue{"--reranker-url", "http://h:1"}}) {
    const auto plain = LoadFlags({reranker});
    ASSERT_TRUE(plain) << plain.error().message;
    ASSERT_EQ(plain->warnings.size(), 1u);
    ExpectMentions(plain->warnings[0], {"reranker.scale", "reranker.offset", "cache.max_wrong_hits", "docs/models.md"});
    EXPECT_TRUE(LoadFlags({reranker, {"--reranker-scale", "0.5"}})->warnings.empty());
    EXPECT_TRUE(LoadFlags({reranker, {"--reranker-offset", "0"}})->warnings.empty());
    EXPECT_TRUE(LoadFlags({reranker, {"--tiers", "l1,l2"}})->warnings.empty());
  }
  EXPECT_TRUE(LoadFlags({})->warnings.empty());
}

TEST(Settings, TenantAndKeyHeadersAreHeaderNames) {
  EXPECT_EQ(LoadFlags({{"--tenant-from", "one"}})->settings.gateway.tenant_from, gateway::TenantFrom::kOne);
  for (const char* bad : {"everyone", "header:", "header:a b", "Header:X"}) {
    ExpectMentions(Refusal(LoadFlags({{"--tenant-from", bad}})), {"tenant.from", bad, "header:NAME"});
  }
  ExpectMentions(Refusal(LoadFlags({{"--tenant-headers", "X-A,b c"}})), {"tenant.headers", "b c"});
  ExpectMentions(Refusal(LoadFlags({{"--key-headers", "x:y"}})), {"key.headers", "x:y"});
}

TEST(Settings, ChoicesReachTheRooms) {
  const Result<LoadedSettings> loaded = LoadFlags({{"--upstream-key-opens", "all"}, {"--storage-commit", "each"}});
  ASSERT_TRUE(loaded);
  EXPECT_TRUE(loaded->settings.gateway.key_opens_all);
  EXPECT_EQ(loaded->settings.store.commit, store::CommitMode::kEachWrite);
  EXPECT_EQ(LoadFlags({{"--storage-commit", "off"}})->settings.store.commit, store::CommitMode::kOff);
}

}  // namespace
}  // namespace reflex::app
