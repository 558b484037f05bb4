// What a request line costs the thread that serves the request: formatting, the buffer's lock, the wake-up once a batch.
#include <benchmark/benchmark.h>

#include <memory>
#include <string>

#include "app/request_log_writer.h"
#include "base/metrics.h"
#include "gateway/gateway.h"
#include "reflex/clock.h"
#include "reflex/logger.h"

namespace {

void RequestLine(benchmark::State& state) {
  static reflex::SystemClock clock;
  static reflex::NullLogger logger;
  static reflex::base::MetricsRegistry metrics;
  static std::unique_ptr<reflex::app::RequestLogWriter> log;
  if (state.thread_index() == 0) {
    reflex::app::RequestLogOptions options{
        .file = "/dev/null", .buffer_bytes_max = 1ull << 30, .threads = static_cast<std::size_t>(state.threads())};
    log = std::move(*reflex::app::RequestLogWriter::Open(std::move(options), clock, logger, metrics));
  }
  reflex::gateway::RequestRecord record;
  record.method = "POST";
  record.path = "/v1/chat/completions";
  record.status_name = "hit-l1-exact";
  record.request_id = "req_0123456789abcdef0123456789abcdef";
  record.model = "gpt-4o-mini";
  record.provider = "openai";
  record.peer = "127.0.0.1";
  record.status = 200;
  record.bytes_in = 611;
  record.bytes_out = 1533;
  record.duration_ns = 21'500;
  for (auto _ : state) log->Write(record);
  state.SetItemsProcessed(state.iterations());
  if (state.thread_index() == 0) {
    log.reset();
    // A dropped line would be a cheap one.
    if (metrics.Render().find("reflex_log_lines_dropped_total 0") == std::string::npos) state.SkipWithError("lines were dropped");
  }
}
BENCHMARK(RequestLine)->Threads(1)->Threads(2)->Iterations(500'000)->Repetitions(5)->ReportAggregatesOnly()->UseRealTime();

}  // namespace
