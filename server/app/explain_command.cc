#include <cstdint>
#include <string>
#include <utility>

#include "app/admin_client.h"
#include "app/build.h"
#include "app/commands.h"
#include "app/json_page.h"
#include "app/lifecycle.h"
#include "app/models.h"
#include "app/secrets.h"
#include "base/files.h"

namespace reflex::app {
namespace {

constexpr std::chrono::milliseconds kExplainTimeout{60'000};
constexpr int kStatusOk = 200;

Result<std::string> ReadRequest(const std::string& file, std::uint64_t bytes_max) {
  return base::ReadFile(file == "-" ? "/dev/stdin" : file, bytes_max);
}

// Where clients reach the Reflex of these settings: not the admin listener.
std::string ClientUrl(const CommandLine& line, const Settings& settings) {
  if (!line.url.empty()) return line.url;
  if (!settings.gateway.admin_elsewhere) {
    if (Result<std::string> written = base::ReadFile(settings.storage_path / kAddressName, 4096)) {
      while (written->ends_with('\n')) written->pop_back();
      if (!written->empty()) return *written;
    }
  }
  const bool tls = !settings.server.tls.certificate_file.empty();
  for (const http::ListenAddress& listen : settings.server.listen) {
    const std::string url = listen.admin ? "" : UrlFor(listen.address, tls);
    if (!url.empty()) return url;
  }
  return "";
}

}  // namespace

int RunExplain(const CommandLine& line, const Settings& settings, const std::string& credential) {
  Result<std::string> body = ReadRequest(line.file, settings.server.body_bytes_max);
  if (!body) return Failed(body.error().message, body.error().code == ErrorCode::kNotFound ? kExitUsage : kExitFailed);
  AdminCall call;
  call.url = ClientUrl(line, settings);
  if (call.url.empty()) return Failed("Reflex listens only on unix sockets; name a URL with --url");
  call.method = "POST";
  call.path = "/v1/reflex/explain";
  call.token = credential;
  call.body = std::move(*body);
  call.timeout = kExplainTimeout;
  call.ca_file = settings.client.ca_file;
  const Result<AdminReply> reply = CallRunning(call);
  if (!reply) return Failed(call.url + ": " + reply.error().message);
  if (reply->status != kStatusOk) {
    return Failed("the running Reflex answered " + std::to_string(reply->status) + ": " + reply->body);
  }
  return Done(line.json ? reply->body : JsonPage(reply->body));
}

int RunModelsCheck(const CommandLine& line) {
  const Result<std::string> text = DescribeModel(line.file, line.json);
  if (text) return Done(*text);
  return Failed(text.error().message, text.error().code == ErrorCode::kInvalidArgument ? kExitUsage : kExitFailed);
}

}  // namespace reflex::app
