#include "app/commands.h"

#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/admin_client.h"
#include "app/build.h"
#include "app/lifecycle.h"
#include "app/log.h"
#include "app/open_store.h"
#include "app/secrets.h"
#include "base/digest.h"
#include "base/files.h"
#include "gateway/purge_request.h"
#include "reflex/clock.h"
#include "wire/error_body.h"

namespace reflex::app {
namespace {

// What a store of this size may take to look at every entry.
constexpr std::chrono::milliseconds kAdminTimeout{600'000};
constexpr std::chrono::milliseconds kHealthTimeout{5'000};
constexpr std::chrono::milliseconds kCommitLimit{60'000};

// Where the Reflex of these settings is: as it was told, else as it wrote beside its store, else as the settings say. "" when it
// listens only on unix sockets.
std::string UrlOf(const CommandLine& line, const Settings& settings) {
  if (!line.url.empty()) return line.url;
  if (Result<std::string> written = base::ReadFile(settings.storage_path / kAddressName, 4096)) {
    while (written->ends_with('\n')) written->pop_back();
    if (!written->empty()) return *written;
  }
  std::vector<std::string> addresses;
  for (const http::ListenAddress& listen : settings.server.listen) addresses.push_back(listen.address);
  return AdminUrl(settings, addresses);
}

// Runs the admin call, or `offline` on the store when nothing runs; either gives the text to print.
int AskOrOpen(const CommandLine& line, const Settings& settings, AdminCall call,
              const std::function<Result<std::string>(EntryStore&, Clock&)>& offline) {
  const Result<std::optional<AdminReply>> asked = AskRunning(line, settings, std::move(call));
  if (!asked) return Failed(asked.error().message);
  if (*asked) {
    const AdminReply& reply = **asked;
    if (reply.status == 200) return Done(reply.body);
    return Failed("the running Reflex answered " + std::to_string(reply.status) + ": " + reply.body);
  }
  SystemClock clock;
  const std::unique_ptr<Logger> logger = NewStderrLogger(settings.log_level);
  const Result<std::unique_ptr<EntryStore>> store = OpenExisting(settings, clock, *logger);
  if (!store) return Failed(store.error().message);
  const Result<std::string> text = offline(**store, clock);
  if (!text) return Failed(text.error().message);
  return Done(*text);
}

std::string Member(std::string_view name, std::uint64_t value) { return "\"" + std::string(name) + "\":" + std::to_string(value); }

std::string StatsJson(const StoreStats& stats) {
  return "{\"running\":false,\"store\":{" + Member("entries", stats.entries) + "," + Member("used_bytes", stats.used_bytes) + "," +
         Member("limit_bytes", stats.limit_bytes) + "," + Member("file_bytes", stats.file_bytes) + "}}";
}

std::string PurgeBody(const PurgeFilter& filter) {
  std::string body = "{";
  const auto add = [&](const char* name, const std::string& json) {
    body.append(body.size() > 1 ? ",\"" : "\"").append(name).append("\":").append(json);
  };
  const auto add_text = [&](const char* name, const std::optional<std::string>& text) {
    std::string quoted;
    if (text) wire::AppendJsonString(*text, quoted);
    if (text) add(name, quoted);
  };
  if (filter.all) add("all", "true");
  add_text("model", filter.model);
  add_text("namespace", filter.name_space);
  add_text("tag", filter.tag);
  add_text("entry", filter.entry);
  if (filter.older_than)
    add("older_than_s", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(*filter.older_than).count()));
  if (filter.dry_run) add("dry_run", "true");
  return body + "}";
}

Result<std::string> PurgeStore(EntryStore& store, const gateway::PurgeRequest& request, std::int64_t now_ms) {
  std::uint64_t matched = 0;
  const auto condemn = [&](const Entry& entry) {
    const bool matches = request.all || request.Matches(entry, now_ms);
    matched += matches ? 1 : 0;
    return matches && !request.dry_run;
  };
  REFLEX_CHECK(store.EraseIf(condemn));
  REFLEX_CHECK(store.Flush(kCommitLimit));
  return "{" + Member("entries", matched) + ",\"dry_run\":" + (request.dry_run ? "true" : "false") + "}";
}

}  // namespace

Result<std::optional<AdminReply>> AskRunning(const CommandLine& line, const Settings& settings, AdminCall call) {
  call.url = UrlOf(line, settings);
  if (call.url.empty()) return std::nullopt;
  const Result<std::string> token = ReadAdminToken(settings.storage_path);
  if (token) call.token = *token;
  call.ca_file = settings.client.ca_file;
  call.timeout = kAdminTimeout;
  Result<AdminReply> reply = CallRunning(call);
  if (reply) {
    if (token || reply->status != 401) return std::move(*reply);
    return std::unexpected(token.error());
  }
  // Nobody there is what a stopped Reflex looks like; asked for by --url it is an error.
  if (reply.error().code == ErrorCode::kUnavailable && line.url.empty()) return std::nullopt;
  return std::unexpected(std::move(reply).error());
}

// A command that reads would otherwise make an empty one at a misspelt path.
Result<std::unique_ptr<EntryStore>> OpenExisting(const Settings& settings, Clock& clock, Logger& logger) {
  if (::access((settings.storage_path / kAdminTokenName).c_str(), F_OK) != 0) {
    return Fail(ErrorCode::kNotFound, "no Reflex runs here and " + settings.storage_path.string() + " is no storage folder of one");
  }
  // A running Reflex serves beside a long check; a command can only wait for it.
  Settings patient = settings;
  patient.store.check_wait = std::chrono::hours(1);
  Result<std::unique_ptr<EntryStore>> store = OpenStore(patient, clock, logger);
  if (!store && store.error().code == ErrorCode::kBusy) {
    return Fail(ErrorCode::kBusy, store.error().message + "; name the running Reflex with --url");
  }
  return store;
}

int RunHealth(const CommandLine& line, const Settings& settings) {
  AdminCall call;
  call.url = UrlOf(line, settings);
  call.path = "/healthz";
  call.timeout = kHealthTimeout;
  call.ca_file = settings.client.ca_file;
  if (call.url.empty()) return Failed("Reflex listens only on unix sockets; name a URL with --url");
  const Result<AdminReply> reply = CallRunning(call);
  if (!reply) return Failed("unhealthy: " + call.url + ": " + reply.error().message);
  if (reply->status != 200) return Failed("unhealthy: " + call.url + " answered " + std::to_string(reply->status));
  return Done("healthy: " + call.url);
}

int RunStats(const CommandLine& line, const Settings& settings) {
  return AskOrOpen(line, settings, {.path = "/v1/reflex/stats"},
                   [](EntryStore& store, Clock&) -> Result<std::string> { return StatsJson(store.Stats()); });
}

int RunPurge(const CommandLine& line, const Settings& settings) {
  const std::string body = PurgeBody(line.purge);
  const Result<gateway::PurgeRequest> request = gateway::ParsePurgeRequest(body);
  if (!request) return Failed(request.error().message);
  return AskOrOpen(line, settings, {.method = "POST", .path = "/v1/reflex/purge", .body = body},
                   [&](EntryStore& store, Clock& clock) { return PurgeStore(store, *request, clock.WallMs()); });
}

int RunEntriesDelete(const CommandLine& line, const Settings& settings) {
  return AskOrOpen(line, settings, {.method = "DELETE", .path = "/v1/reflex/entries/" + line.entry},
                   [&](EntryStore& store, Clock&) -> Result<std::string> {
                     REFLEX_TRY(const Digest key, base::DigestFromHex(line.entry));
                     REFLEX_CHECK(store.Erase(key));
                     REFLEX_CHECK(store.Flush(kCommitLimit));
                     return "{\"erased\":\"" + base::ToHex(key) + "\"}";
                   });
}

}  // namespace reflex::app
