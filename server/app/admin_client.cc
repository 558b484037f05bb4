#include "app/admin_client.h"

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/metrics.h"
#include "base/worker_pool.h"
#include "http/client.h"
#include "http/io_thread.h"

namespace reflex::app {
namespace {

constexpr std::size_t kReplyBytesMax = 16 << 20;

http::Task<Result<AdminReply>> Exchange(http::Client& client, const http::BaseUrl& base, const AdminCall& call) {
  const std::string target = base.path + call.path;
  const std::string authorization = "Bearer " + call.token;
  std::vector<http::Header> headers;
  if (!call.token.empty()) headers.push_back({"Authorization", authorization});
  if (!call.body.empty()) headers.push_back({"Content-Type", "application/json"});
  const std::array<std::string_view, 1> body = {call.body};

  http::ClientRequest request;
  request.origin = &base.origin;
  request.method = call.method;
  request.target = target;
  request.headers = headers;
  request.has_body = call.method != "GET";
  if (request.has_body) request.body = body;

  REFLEX_CO_TRY(const std::unique_ptr<http::ClientReply> reply, co_await client.Send(request, nullptr));
  AdminReply result;
  result.status = reply->status();
  for (;;) {
    REFLEX_CO_TRY(const std::string_view piece, co_await reply->Read());
    if (piece.empty()) break;
    if (result.body.size() + piece.size() > kReplyBytesMax) co_return Fail(ErrorCode::kTooLarge, "the reply is too large");
    result.body.append(piece);
  }
  co_return result;
}

http::Task<void> RunAndStop(http::IoThread& io, http::Client& client, const http::BaseUrl& base, const AdminCall& call,
                            std::optional<Result<AdminReply>>& result) {
  result = co_await Exchange(client, base, call);
  io.Stop();
}

}  // namespace

Result<AdminReply> CallRunning(const AdminCall& call) {
  REFLEX_TRY(const http::BaseUrl base, http::ParseBaseUrl(call.url));
  http::ClientOptions options;
  options.timeouts = {.connect = call.timeout, .first_byte = call.timeout, .between_bytes = call.timeout};
  options.ca_file = call.ca_file;
  options.peer = "Reflex";

  base::MetricsRegistry metrics;
  base::WorkerPool pool(1, 8, 0);
  std::optional<Result<AdminReply>> result;
  http::IoThread io;
  REFLEX_TRY(const std::unique_ptr<http::Client> client, http::Client::Create(std::move(options), io, pool, metrics));
  io.Spawn(RunAndStop(io, *client, base, call, result));
  io.Run();
  if (!result) return Fail(ErrorCode::kInternal, "the call ended without a result");
  return std::move(*result);
}

}  // namespace reflex::app
