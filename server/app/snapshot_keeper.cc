#include "app/snapshot_keeper.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <functional>
#include <system_error>
#include <utility>

#include "app/secrets.h"
#include "app/version.h"
#include "base/digest.h"
#include "base/files.h"
#include "base/mutex.h"
#include "base/seal.h"
#include "cache/semantic_record.h"
#include "store/snapshot_file.h"
#include "wire/error_body.h"

namespace reflex::app {
namespace {

constexpr std::string_view kPrefix = "reflex-", kSuffix = ".snapshot";
constexpr std::uint64_t kKeyFileBytesMax = 64u << 10;
constexpr std::string_view kFileScheme = "file://";

bool IsSnapshotName(std::string_view name) {
  return name.starts_with(kPrefix) && name.ends_with(kSuffix) && name.find('/') == std::string_view::npos;
}

// "reflex-20260102T030405.006Z.snapshot": names sort as times do.
std::string NameAt(std::int64_t wall_ms) {
  const std::time_t seconds = static_cast<std::time_t>(wall_ms / 1000);
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &utc);
  std::string millis = std::to_string(wall_ms % 1000);
  millis.insert(0, 3 - millis.size(), '0');
  return std::string(kPrefix) + std::string(text, size) + "." + millis + "Z" + std::string(kSuffix);
}

// Where snapshots are made. A target on this machine is that place itself.
std::filesystem::path LocalFolder(const Settings& settings) {
  const std::string target = settings.snapshot.Target();
  if (target.starts_with(kFileScheme)) return target.substr(kFileScheme.size());
  if (!settings.snapshot.path.empty()) return settings.snapshot.path;
  return settings.storage_path / "snapshots";
}

// Names of whole snapshots in a folder, newest first.
std::vector<std::string> LocalNames(const std::filesystem::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder, error)) {
    if (IsSnapshotName(file.path().filename().string())) names.push_back(file.path().filename().string());
  }
  std::ranges::sort(names, std::greater<>());
  return names;
}

Result<std::unique_ptr<cloud::ObjectStore>> OpenTarget(const Settings& settings, Clock& clock, Logger& logger) {
  const std::string target = settings.snapshot.Target();
  if (target.empty()) return std::unique_ptr<cloud::ObjectStore>();
  // Also one on this machine, for what it says of a wrong target; what lies there is then read and written as files.
  REFLEX_TRY(auto opened, cloud::OpenObjectStore(target, settings.instance.cloud, clock, logger));
  if (opened->local()) opened.reset();
  return opened;
}

Result<std::vector<std::string>> RemoteNames(cloud::ObjectStore& target) {
  REFLEX_TRY(const auto objects, target.List());
  std::vector<std::string> names;
  for (const auto& object : objects) {
    if (IsSnapshotName(object.name)) names.push_back(object.name);
  }
  std::ranges::sort(names, std::greater<>());
  return names;
}

// Where snapshots lie: a folder of this machine, and the target where that is another place.
struct Shelf {
  std::filesystem::path folder;
  cloud::ObjectStore* target = nullptr;  // Null: the folder is the target.

  // Newest first.
  Result<std::vector<std::string>> Names() const { return target != nullptr ? RemoteNames(*target) : LocalNames(folder); }
  // The local file of that name, brought here if need be.
  Result<std::filesystem::path> Fetch(const std::string& name, const cloud::Progress& progress) const {
    std::error_code ignored;
    const std::filesystem::path file = folder / name;
    if (target != nullptr && !std::filesystem::exists(file, ignored)) {
      REFLEX_CHECK(base::MakeDirectory(folder, 0700));
      REFLEX_CHECK(target->Download(name, file, progress));
    }
    return file;
  }
};

class Keeper final : public Snapshots {
 public:
  Keeper(SnapshotParts parts, std::unique_ptr<cloud::ObjectStore> target, std::string key)
      : parts_(std::move(parts)),
        settings_(*parts_.settings),
        folder_(LocalFolder(settings_)),
        target_(std::move(target)),
        key_(std::move(key)) {
    std::error_code ignored;
    held_ = std::filesystem::exists(HeldFile(), ignored);
    if (parts_.metrics == nullptr) return;
    const auto add = [this](Outcomes& outcomes, const char* name, const char* help) {
      outcomes.good = &parts_.metrics->AddCounter(name, help, "outcome=\"ok\"");
      outcomes.bad = &parts_.metrics->AddCounter(name, help, "outcome=\"failed\"");
    };
    add(saved_, "reflex_snapshots_saved_total", "Snapshots saved; failed: also those of which only the upload failed.");
    add(loaded_, "reflex_snapshots_loaded_total", "Snapshots loaded into the store.");
  }

  Result<SnapshotInfo> Save(const Progress& progress) override {
    REFLEX_CHECK(Begin());
    auto saved = SaveAlone(progress);
    End();
    if (saved) HoldSaves(false);
    Count(saved_, saved.has_value());
    return saved;
  }
  Result<SnapshotLoaded> Load(std::string_view name, const Progress& progress) override {
    REFLEX_CHECK(Begin());
    auto loaded = LoadAlone(std::string(name), progress);
    End();
    if (loaded) HoldSaves(false);
    // That there is nothing yet is no failure.
    if (loaded || loaded.error().code != ErrorCode::kNotFound) Count(loaded_, loaded.has_value());
    return loaded;
  }
  Result<std::vector<SnapshotInfo>> List() override;
  void HoldSaves(bool hold) override;
  bool saves_held() const override { return held_; }

 private:
  struct Outcomes {
    base::Counter* good = nullptr;
    base::Counter* bad = nullptr;
  };
  static void Count(const Outcomes& outcomes, bool good) {
    base::Counter* const counter = good ? outcomes.good : outcomes.bad;
    if (counter != nullptr) counter->Add();
  }

  Result<void> Begin() {
    base::MutexLock lock(mutex_);
    if (busy_) return Fail(ErrorCode::kBusy, "another snapshot is being saved or loaded");
    busy_ = true;
    return {};
  }
  void End() {
    base::MutexLock lock(mutex_);
    busy_ = false;
  }
  Result<SnapshotInfo> SaveAlone(const Progress& progress);
  Result<SnapshotLoaded> LoadAlone(std::string name, const Progress& progress);
  std::filesystem::path HeldFile() const { return settings_.storage_path / kSavesHeldName; }
  Shelf shelf() const { return {folder_, target_.get()}; }
  Result<void> CheckSecret(const SnapshotInfo& info) const;
  Result<void> Upload(const SnapshotInfo& info, const Progress& progress);
  void Retain();
  void Log(LogLevel level, std::string line) const { parts_.logger->Log(level, line); }

  const SnapshotParts parts_;
  const Settings& settings_;
  const std::filesystem::path folder_;
  const std::unique_ptr<cloud::ObjectStore> target_;  // Null: snapshots stay on this machine.
  const std::string key_;
  Outcomes saved_, loaded_;
  std::atomic<bool> held_{false};
  base::Mutex mutex_;
  bool busy_ GUARDED_BY(mutex_) = false;
};

void Keeper::HoldSaves(bool hold) {
  if (held_.exchange(hold) == hold) return;
  std::error_code ignored;
  if (!hold) {
    std::filesystem::remove(HeldFile(), ignored);
    return;
  }
  const auto written = base::WriteFileAtomically(HeldFile(), "A restore failed; see docs/snapshots.md.\n", 0600);
  if (!written) Log(LogLevel::kWarning, "snapshot held_until=next-start error=\"" + written.error().message + "\"");
}

SnapshotEmbedder DescribeVector(std::string_view bytes) {
  const auto maker = cache::ReadMaker(bytes);
  return maker ? SnapshotEmbedder{base::ToHex(maker->model), maker->dimension, 0} : SnapshotEmbedder();
}

Result<SnapshotInfo> Keeper::SaveAlone(const Progress& progress) {
  if (target_ != nullptr && key_.empty() && settings_.tenant_secret_file.empty()) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "snapshot.passphrase (REFLEX_SNAPSHOT_PASSPHRASE) is not set, nor are snapshot.key_file and tenant.secret_file "
        "(REFLEX_TENANT_SECRET_FILE): restored elsewhere, no entry stored with a credential could be found again, so nothing "
        "is saved to " +
            target_->target());
  }
  REFLEX_CHECK(base::MakeDirectory(folder_, 0700));
  SnapshotSaving saving;
  saving.file = folder_ / NameAt(parts_.clock->WallMs());
  saving.program = "reflex " + std::string(Version());
  saving.secret_mark = base::MarkOf(parts_.tenant_secret);
  if (!key_.empty()) {
    REFLEX_TRY(saving.wrapped_secret, base::Seal(parts_.tenant_secret, key_));
  }
  saving.describe = DescribeVector;
  saving.progress = [&](std::uint64_t done, std::uint64_t total) { return !progress || progress({done, total}); };
  REFLEX_TRY(const SnapshotInfo info, parts_.store->SaveSnapshot(saving));
  Log(LogLevel::kInfo,
      "snapshot_saved name=" + info.name + " entries=" + std::to_string(info.entries) + " bytes=" + std::to_string(info.bytes));
  const auto uploaded = Upload(info, progress);
  // Who gave up does not wait for the target to list and delete either.
  if (!uploaded && uploaded.error().code == ErrorCode::kCancelled) return std::unexpected(uploaded.error());
  Retain();
  if (!uploaded) return std::unexpected(uploaded.error());
  return info;
}

Result<void> Keeper::Upload(const SnapshotInfo& info, const Progress& progress) {
  if (target_ == nullptr) return {};
  const auto goes_on = [&](std::uint64_t, std::uint64_t) { return !progress || progress({info.entries, info.entries}); };
  auto uploaded = target_->Upload(folder_ / info.name, info.name, goes_on);
  if (uploaded || uploaded.error().code == ErrorCode::kCancelled) return uploaded;
  return Fail(ErrorCode::kUnavailable, "the snapshot " + (folder_ / info.name).string() + " is saved, but " + target_->target() +
                                           " did not take it: " + uploaded.error().message);
}

// Failing costs space only, and the next save tries again.
void Keeper::Retain() {
  const std::vector<std::string> local = LocalNames(folder_);
  for (std::size_t i = settings_.snapshot.keep; i < local.size(); ++i) {
    std::error_code ignored;
    std::filesystem::remove(folder_ / local[i], ignored);
  }
  // What a save that was killed left; one that still grows, perhaps another machine's in a shared folder, is younger.
  const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(1);
  std::error_code error;
  for (const auto& file : std::filesystem::directory_iterator(folder_, error)) {
    const std::string name = file.path().filename().string();
    std::error_code ignored;
    const bool is_part = name.starts_with(kPrefix) && name.ends_with(std::string(kSuffix) + ".part");
    if (is_part && file.last_write_time(ignored) < old && !ignored) std::filesystem::remove(file.path(), ignored);
  }
  if (target_ == nullptr) return;
  const auto remote = RemoteNames(*target_);
  if (!remote) return Log(LogLevel::kWarning, "snapshot_retention_failed error=\"" + remote.error().message + "\"");
  for (std::size_t i = settings_.snapshot.keep; i < remote->size(); ++i) {
    const auto deleted = target_->Delete((*remote)[i]);
    if (!deleted) Log(LogLevel::kWarning, "snapshot_retention_failed error=\"" + deleted.error().message + "\"");
  }
}

Result<void> Keeper::CheckSecret(const SnapshotInfo& info) const {
  if (info.secret_mark == Digest{} || info.secret_mark == base::MarkOf(parts_.tenant_secret)) return {};
  // A folder without a secret takes the one that the snapshot holds, if it holds it.
  const std::string remedy =
      info.wrapped_secret.empty()
          ? "it does not hold that secret, so only setting tenant.secret_file to it helps"
          : std::string("restore it into a storage folder without ") + kTenantKeyName + ", or set tenant.secret_file to its secret";
  return Fail(ErrorCode::kInvalidArgument,
              "the snapshot " + info.name +
                  " was saved under another tenant secret than the one in use, so none of its entries could be found; " + remedy);
}

Result<SnapshotLoaded> Keeper::LoadAlone(std::string name, const Progress& progress) {
  if (!name.empty() && !IsSnapshotName(name)) {
    return Fail(ErrorCode::kInvalidArgument, "\"" + name + "\" is no name of a snapshot; allowed: as `reflex snapshot list` shows");
  }
  const bool newest = name.empty();
  if (newest) {
    REFLEX_TRY(const std::vector<std::string> names, shelf().Names());
    if (names.empty()) {
      return Fail(ErrorCode::kNotFound, "there is no snapshot yet in " + (target_ ? target_->target() : folder_.string()));
    }
    name = names.front();
  }
  const auto goes_on = [&](std::uint64_t, std::uint64_t) { return !progress || progress({0, 0}); };
  auto fetched = shelf().Fetch(name, goes_on);
  // It was in the list: that it went since is not that there is none.
  if (!fetched && newest && fetched.error().code == ErrorCode::kNotFound) fetched.error().code = ErrorCode::kUnavailable;
  REFLEX_TRY(const std::filesystem::path file, std::move(fetched));
  REFLEX_TRY(const SnapshotInfo info, store::ReadSnapshotInfo(file));
  REFLEX_CHECK(CheckSecret(info));
  SnapshotLoading loading;
  loading.file = file;
  if (parts_.embedder != nullptr) {
    const auto maker = cache::VectorMaker::Of(parts_.embedder->model_id(), parts_.embedder->dimension());
    loading.keep_vector = [maker](std::string_view bytes) {
      const auto of = cache::ReadMaker(bytes);
      return of && of->model == maker.model && of->dimension == maker.dimension;
    };
  }
  loading.progress = [&](std::uint64_t done, std::uint64_t total) { return !progress || progress({done, total}); };
  return parts_.store->LoadSnapshot(loading);
}

Result<std::vector<SnapshotInfo>> Keeper::List() {
  std::vector<SnapshotInfo> infos;
  if (target_ != nullptr) {
    REFLEX_TRY(const auto objects, target_->List());
    for (const auto& object : objects) {
      if (!IsSnapshotName(object.name)) continue;
      // Remote ones are known by name and size; a copy here says the rest.
      auto info = store::ReadSnapshotInfo(folder_ / object.name);
      SnapshotInfo shown = info ? std::move(*info) : SnapshotInfo();
      shown.name = object.name;
      shown.bytes = object.bytes;
      if (shown.created_ms == 0) shown.created_ms = object.modified_ms;
      infos.push_back(std::move(shown));
    }
  } else {
    for (const std::string& name : LocalNames(folder_)) {
      auto info = store::ReadSnapshotInfo(folder_ / name);
      if (info) infos.push_back(std::move(*info));
      if (!info) Log(LogLevel::kWarning, "snapshot_unreadable error=\"" + info.error().message + "\"");
    }
  }
  std::ranges::sort(infos, std::greater<>(), &SnapshotInfo::name);
  return infos;
}

}  // namespace

Result<std::string> WrappingKey(const SnapshotSettings& settings) {
  if (settings.key_file.empty()) return settings.passphrase;
  if (!settings.passphrase.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "snapshot.passphrase and snapshot.key_file exclude each other; allowed: one of them");
  }
  REFLEX_TRY(std::string key, base::ReadFile(settings.key_file, kKeyFileBytesMax));
  if (key.empty()) return Fail(ErrorCode::kInvalidArgument, "snapshot.key_file " + settings.key_file.string() + " is empty");
  return key;
}

Result<std::unique_ptr<Snapshots>> OpenSnapshots(SnapshotParts parts) {
  REFLEX_TRY(std::string key, WrappingKey(parts.settings->snapshot));
  REFLEX_TRY(auto target, OpenTarget(*parts.settings, *parts.clock, *parts.logger));
  return std::unique_ptr<Snapshots>(std::make_unique<Keeper>(std::move(parts), std::move(target), std::move(key)));
}

Result<void> AdoptSecret(const Settings& settings, Clock& clock, Logger& logger) {
  const std::filesystem::path secret_file = settings.storage_path / kTenantKeyName;
  std::error_code ignored;
  // Gateways on a shared store agree on a secret there, and no snapshot is loaded into it.
  if (!settings.store_url.empty()) return {};
  REFLEX_TRY(const std::string key, WrappingKey(settings.snapshot));
  if (key.empty() || settings.snapshot.Target().empty() || !settings.tenant_secret_file.empty()) return {};
  if (std::filesystem::exists(secret_file, ignored)) return {};
  REFLEX_TRY(const auto target, OpenTarget(settings, clock, logger));
  const Shelf shelf{LocalFolder(settings), target.get()};
  REFLEX_TRY(const std::vector<std::string> names, shelf.Names());
  if (names.empty()) return {};
  REFLEX_TRY(const std::filesystem::path file, shelf.Fetch(names.front(), {}));
  REFLEX_TRY(const SnapshotInfo info, store::ReadSnapshotInfo(file));
  if (info.wrapped_secret.empty()) return {};
  auto secret = base::Unseal(info.wrapped_secret, key);
  if (!secret) return Fail(secret.error().code, "the snapshot " + file.string() + ": " + secret.error().message);
  if (base::MarkOf(*secret) != info.secret_mark)
    return Fail(ErrorCode::kCorrupt, file.string() + " holds a secret that is not its own");
  REFLEX_CHECK(base::WriteFileAtomically(secret_file, *secret, 0600));
  logger.Log(LogLevel::kInfo, "tenant_secret_restored snapshot=" + info.name);
  return {};
}

std::string SnapshotJson(const SnapshotInfo& info) {
  std::string json = "{\"name\":";
  wire::AppendJsonString(info.name, json);
  const auto number = [&](const char* name, std::uint64_t value) {
    json.append(",\"").append(name).append("\":").append(std::to_string(value));
  };
  number("bytes", info.bytes);
  number("created_ms", static_cast<std::uint64_t>(info.created_ms));
  if (info.format == 0) return json + "}";
  number("format", info.format);
  number("entries", info.entries);
  number("vectors", info.vectors);
  number("notes", info.notes);
  number("damaged", info.damaged);
  json += std::string(",\"secret\":") + (info.wrapped_secret.empty() ? "false" : "true") + ",\"embedders\":[";
  for (const SnapshotEmbedder& embedder : info.embedders) {
    if (!json.ends_with('[')) json.push_back(',');
    json += "{\"id\":\"" + embedder.id + "\",\"dimension\":" + std::to_string(embedder.dimension) +
            ",\"vectors\":" + std::to_string(embedder.vectors) + "}";
  }
  return json + "]}";
}

std::string SnapshotsJson(const std::vector<SnapshotInfo>& infos) {
  std::string json = "{\"snapshots\":[";
  for (const SnapshotInfo& info : infos) json += (json.ends_with('[') ? "" : ",") + SnapshotJson(info);
  return json + "]}";
}

std::string LoadedJson(const SnapshotLoaded& loaded) {
  std::string json = "{\"snapshot\":" + SnapshotJson(loaded.snapshot);
  const std::pair<const char*, std::uint64_t> numbers[] = {
      {"entries", loaded.entries}, {"vectors", loaded.vectors}, {"vectors_dropped", loaded.vectors_dropped},
      {"notes", loaded.notes},     {"expired", loaded.expired}, {"left_out", loaded.left_out},
      {"kept", loaded.kept}};
  for (const auto& [name, value] : numbers) json += ",\"" + std::string(name) + "\":" + std::to_string(value);
  return json + "}";
}

}  // namespace reflex::app
