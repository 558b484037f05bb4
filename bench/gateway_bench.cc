// What each request costs in gateway/ beside its body and its answer: tenant, policy, client key, identifiers, the log line.
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "base/digest.h"
#include "gateway/client_keys.h"
#include "gateway/exact_hits.h"
#include "gateway/identity.h"
#include "gateway/policy.h"
#include "gateway/request_log.h"
#include "gateway/tenant.h"

namespace reflex::gateway {
namespace {

const std::string kToken = "sk-proj-" + std::string(156, 'x');
const std::string kAuthorization = "Bearer " + kToken;

// As openai-node sends it.
http::RequestHead SdkHead() {
  http::RequestHead head;
  head.headers = {{"Host", "127.0.0.1:8080"},
                  {"Accept", "application/json"},
                  {"Content-Type", "application/json"},
                  {"User-Agent", "OpenAI/JS 6.49.0"},
                  {"X-Stainless-Retry-Count", "0"},
                  {"X-Stainless-Lang", "js"},
                  {"X-Stainless-Package-Version", "6.49.0"},
                  {"X-Stainless-OS", "Linux"},
                  {"X-Stainless-Arch", "x64"},
                  {"X-Stainless-Runtime", "node"},
                  {"X-Stainless-Runtime-Version", "v22.0.0"},
                  {"Authorization", kAuthorization},
                  {"Accept-Encoding", "gzip, deflate"},
                  {"Content-Length", "600"},
                  {"Connection", "keep-alive"}};
  return head;
}

void Tenant(benchmark::State& state) {
  GatewayOptions options;
  options.tenant_secret = std::string(32, 'k');
  const TenantHasher hasher(options);
  const http::RequestHead head = SdkHead();
  for (auto _ : state) benchmark::DoNotOptimize(hasher.Of(head, {}, {}));
}
BENCHMARK(Tenant);

void PolicyWithoutDirectives(benchmark::State& state) {
  const GatewayOptions options;
  const http::RequestHead head = SdkHead();
  for (auto _ : state) benchmark::DoNotOptimize(ReadPolicy(head.headers, options));
}
BENCHMARK(PolicyWithoutDirectives);

void PolicyWithDirectives(benchmark::State& state) {
  const GatewayOptions options;
  http::RequestHead head = SdkHead();
  head.headers.push_back({"Cache-Control", "max-age=60, no-transform"});
  head.headers.push_back({"X-Reflex-Namespace", "prompt-2"});
  for (auto _ : state) benchmark::DoNotOptimize(ReadPolicy(head.headers, options));
}
BENCHMARK(PolicyWithDirectives);

void ClientKey(benchmark::State& state) {
  const std::filesystem::path file = std::filesystem::temp_directory_path() / "reflex_gateway_bench_keys";
  std::ofstream(file) << base::ToHex(base::HashBytes(kToken)) << " team\n";
  http::IoThread io;
  std::vector<http::IoThread*> threads = {&io};
  const auto keys = ClientKeys::Open(file, threads);
  std::filesystem::remove(file);
  const http::RequestHead head = SdkHead();
  for (auto _ : state) benchmark::DoNotOptimize((*keys)->Match(io, head));
}
BENCHMARK(ClientKey);

void ChatId(benchmark::State& state) {
  http::IoThread io;
  for (auto _ : state) benchmark::DoNotOptimize(MakeChatId(io));
}
BENCHMARK(ChatId);

// What an exact hit pays so that it can be reported.
void RememberHit(benchmark::State& state) {
  ExactHits hits;
  const Digest tenant, key;
  for (auto _ : state) hits.Add("req_0123456789abcdef0123456789abcdef", tenant, key);
}
BENCHMARK(RememberHit);

void RequestLine(benchmark::State& state) {
  const RequestRecord record = {.method = "POST",
                                .path = "/v1/chat/completions",
                                .status_name = "hit-l1-exact",
                                .reason = {},
                                .request_id = "req_0123456789abcdef0123456789abcdef",
                                .upstream_request_id = "req_0123456789abcdef0123456789abcdef",
                                .model = "gpt-4o-mini",
                                .provider = "openai",
                                .peer = "127.0.0.1",
                                .trace_id = {},
                                .status = 200,
                                .bytes_in = 611,
                                .bytes_out = 1533,
                                .duration_ns = 81'240};
  std::string line;
  for (auto _ : state) {
    line.clear();
    FormatRequestLine(record, 1'795'631'600'123, line);
    benchmark::DoNotOptimize(line.data());
  }
}
BENCHMARK(RequestLine);

}  // namespace
}  // namespace reflex::gateway
