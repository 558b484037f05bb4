#include "app/snapshot_command.h"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/commands.h"
#include "app/lifecycle.h"
#include "app/log.h"
#include "app/models.h"
#include "app/progress_bar.h"
#include "app/secrets.h"
#include "app/snapshot_keeper.h"
#include "cache/semantic_record.h"
#include "reflex/clock.h"
#include "store/snapshot_file.h"
#include "verify/reading.h"

namespace reflex::app {
namespace {

constexpr std::chrono::seconds kEmbedLimit{60};
constexpr std::chrono::minutes kCommitLimit{5};
constexpr std::size_t kFlushEach = 2048;

// A bar whose length is known only once the work says so.
class Bar {
 public:
  explicit Bar(std::string what) : what_(std::move(what)) {}
  bool Show(std::uint64_t done, std::uint64_t total) {
    if (total == 0) return true;
    if (!bar_) bar_.emplace(what_, total);
    bar_->Show(done);
    return true;
  }
  Snapshots::Progress Progress() {
    return [this](const SnapshotProgress& now) { return Show(now.done, now.total); };
  }

 private:
  const std::string what_;
  std::optional<ProgressBar> bar_;
};

AdminCall CallOf(const CommandLine& line) {
  if (line.command == Command::kSnapshotList) return {.path = "/v1/reflex/snapshots"};
  if (line.command == Command::kSnapshotSave) return {.method = "POST", .path = "/v1/reflex/snapshots", .body = "{}"};
  return {.method = "POST", .path = "/v1/reflex/snapshots/load/" + (line.file.empty() ? "newest" : line.file), .body = "{}"};
}

// Gives every question of a scope that has no vector one of the embedder in use. Returns how many.
Result<std::uint64_t> Reembed(EntryStore& store, Embedder& embedder) {
  std::vector<Digest> keys;
  REFLEX_CHECK(store.VisitScopes([&](const Digest&, const ScopeMember& member) {
    keys.push_back(member.key);
    return true;
  }));
  Bar bar("vectors");
  const auto maker = cache::VectorMaker::Of(embedder.model_id(), embedder.dimension());
  const bool with_words = !embedder.quick();
  std::uint64_t made = 0;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    bar.Show(i + 1, keys.size());
    REFLEX_TRY(const std::string present, store.FindVector(keys[i]));
    REFLEX_TRY(const EntryPtr head, store.FindHead(keys[i]));
    if (!present.empty() || head == nullptr) continue;
    const verify::Reading reading = verify::Read(head->question);
    const auto spans = with_words ? verify::TokenSpans(reading) : std::vector<TextSpan>();
    const auto embedding = embedder.Embed(reading.prepared, spans, kEmbedLimit);
    // Too long for the model, or not UTF-8: such a question has no vector, as when it was stored.
    if (!embedding) continue;
    REFLEX_CHECK(store.PutVector(keys[i], cache::WriteRecord(maker, *embedding, spans, with_words)));
    if (++made % kFlushEach == 0) REFLEX_CHECK(store.Flush(kCommitLimit));
  }
  REFLEX_CHECK(store.Flush(kCommitLimit));
  return made;
}

struct Offline {
  SystemClock clock;
  std::unique_ptr<Logger> logger;
  std::unique_ptr<Models> models;
  std::unique_ptr<EntryStore> store;
  std::unique_ptr<Snapshots> snapshots;
};

// A load may begin on a machine that has nothing yet: it makes the folder, with the snapshot's secret.
Result<void> OpenOffline(const CommandLine& line, const Settings& settings, Offline& offline) {
  offline.logger = NewStderrLogger(settings.log_level);
  if (line.command == Command::kSnapshotLoad) {
    REFLEX_CHECK(PrepareStorage(settings.storage_path));
    REFLEX_CHECK(AdoptSecret(settings, offline.clock, *offline.logger));
    REFLEX_CHECK(LoadSecrets(settings));
  }
  REFLEX_TRY(offline.store, OpenExisting(settings, offline.clock, *offline.logger));
  REFLEX_TRY(const Secrets secrets, LoadSecrets(settings));
  SnapshotParts parts;
  parts.store = dynamic_cast<SnapshotStore*>(offline.store.get());
  if (parts.store == nullptr) return Fail(ErrorCode::kUnavailable, "there is no store to take a snapshot of");
  if (settings.gateway.canonical_tier) {
    REFLEX_TRY(offline.models, OpenModels(settings.models));
    parts.embedder = &offline.models->main();
  }
  parts.settings = &settings;
  parts.tenant_secret = secrets.tenant_secret;
  parts.clock = &offline.clock;
  parts.logger = offline.logger.get();
  REFLEX_TRY(offline.snapshots, OpenSnapshots(std::move(parts)));
  return {};
}

Result<std::string> RunOffline(const CommandLine& line, const Settings& settings) {
  Offline offline;
  REFLEX_CHECK(OpenOffline(line, settings, offline));
  if (line.command == Command::kSnapshotList) {
    REFLEX_TRY(const auto infos, offline.snapshots->List());
    return SnapshotsJson(infos);
  }
  Bar bar(line.command == Command::kSnapshotSave ? "saved" : "loaded");
  if (line.command == Command::kSnapshotSave) {
    REFLEX_TRY(const SnapshotInfo info, offline.snapshots->Save(bar.Progress()));
    return SnapshotJson(info);
  }
  REFLEX_TRY(const SnapshotLoaded loaded, offline.snapshots->Load(line.file, bar.Progress()));
  std::string json = LoadedJson(loaded);
  if (!line.reembed) return json;
  if (offline.models == nullptr)
    return Fail(ErrorCode::kInvalidArgument, "--reembed needs the tiers l2 or l3, which cache.tiers switches off");
  REFLEX_TRY(const std::uint64_t made, Reembed(*offline.store, offline.models->main()));
  json.back() = ',';
  return json + "\"reembedded\":" + std::to_string(made) + "}";
}

}  // namespace

int RunSnapshot(const CommandLine& line, Settings settings) {
  const auto asked = AskRunning(line, settings, CallOf(line));
  if (!asked) return Failed(asked.error().message);
  if (*asked) {
    const AdminReply& reply = **asked;
    if (reply.status == 200) return Done(reply.body);
    return Failed("the running Reflex answered " + std::to_string(reply.status) + ": " + reply.body);
  }
  const Result<std::string> text = RunOffline(line, settings);
  if (!text) return Failed(text.error().message);
  return Done(*text);
}

int RunSnapshotVerify(const CommandLine& line) {
  Bar bar("checked");
  const auto info =
      store::VerifySnapshot(line.file, [&](std::uint64_t done, std::uint64_t total) { return bar.Show(done, total); });
  if (!info) return Failed(info.error().message);
  return Done(SnapshotJson(*info));
}

}  // namespace reflex::app
