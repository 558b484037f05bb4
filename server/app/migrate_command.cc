#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "app/commands.h"
#include "app/lifecycle.h"
#include "app/log.h"
#include "app/open_store.h"
#include "app/progress_bar.h"
#include "app/secrets.h"
#include "base/files.h"
#include "store/migrate.h"

namespace reflex::app {
namespace {

using Count = unsigned long long;

// No request waits for a migration, so it may send and fetch more in one call than a gateway, and be more patient.
constexpr std::chrono::milliseconds kPatience{30'000};
constexpr std::uint64_t kQueueBytes = 64u << 20;
constexpr std::uint64_t kQueueEntries = 65'536;
// Between two lines on a standard error that is no terminal.
constexpr std::chrono::seconds kSayEvery{5};

struct Stores {
  std::unique_ptr<EntryStore> local, shared;
};

// Both stores, if their entries belong to one tenant secret: without that, nobody would find what was copied.
Result<Stores> OpenBoth(const Settings& settings, bool to_shared, Clock& clock, Logger& logger) {
  if (settings.store_url.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "store.url names no shared store; set REFLEX_STORE_URL");
  }
  REFLEX_CHECK(PrepareStorage(settings.storage_path));
  REFLEX_TRY(const Secrets secrets, LoadSecrets(settings));
  Stores stores;
  Settings local = settings;
  local.store_url.clear();
  REFLEX_TRY(stores.local, OpenStore(local, clock, logger));
  std::string agreed = secrets.tenant_secret;
  Settings shared = settings;
  shared.shared_store.lookup_timeout = std::max(settings.shared_store.lookup_timeout, kPatience);
  shared.shared_store.write_timeout = std::max(settings.shared_store.write_timeout, kPatience);
  shared.shared_store.queue_bytes = kQueueBytes;
  shared.shared_store.queue_entries = kQueueEntries;
  REFLEX_TRY(stores.shared, OpenStore(shared, agreed, clock, logger));
  if (agreed == secrets.tenant_secret) return stores;
  // Kept nowhere but in the shared store; a local one that is still empty may take it, and what comes over is found in it.
  if (!to_shared && settings.tenant_secret_file.empty() && stores.local->Stats().entries == 0) {
    REFLEX_CHECK(base::WriteFileAtomically(settings.storage_path / kTenantKeyName, agreed, 0600));
    return stores;
  }
  return Fail(
      ErrorCode::kInvalidArgument,
      "the shared store has another tenant secret than " + settings.storage_path.string() +
          ", so what is copied would be found by nobody; give all the same REFLEX_TENANT_SECRET_FILE, or another store.prefix");
}

// How far it is: a bar on a terminal, else a line now and then.
class Progress {
 public:
  void Show(const store::Migration& now) {
    if (bar_ == nullptr) bar_ = std::make_unique<ProgressBar>("entries", now.total);
    bar_->Show(now.looked);
    const auto time = std::chrono::steady_clock::now();
    if (bar_->terminal() || time - said_ < kSayEvery) return;
    said_ = time;
    std::fprintf(stderr, "reflex: %llu of %llu entries\n", static_cast<Count>(now.looked), static_cast<Count>(now.total));
  }
  void End() { bar_.reset(); }

 private:
  std::unique_ptr<ProgressBar> bar_;
  std::chrono::steady_clock::time_point said_ = std::chrono::steady_clock::now();
};

int Print(const store::Migration& done, const StoreStats& target) {
  std::printf(
      "{\"total\":%llu,\"copied\":%llu,\"present\":%llu,\"gone\":%llu,\"too_large\":%llu,\"vectors\":%llu,\"notes\":%llu,"
      "\"target_entries\":%llu}\n",
      static_cast<Count>(done.total), static_cast<Count>(done.copied), static_cast<Count>(done.present),
      static_cast<Count>(done.gone), static_cast<Count>(done.too_large), static_cast<Count>(done.vectors),
      static_cast<Count>(done.notes), static_cast<Count>(target.entries));
  if (target.evictions > 0) {
    return Failed("storage.bytes_max is too small for all: " + std::to_string(target.evictions) + " entries were evicted");
  }
  if (done.too_large > 0) return Failed(std::to_string(done.too_large) + " entries are larger than the target takes");
  return 0;
}

}  // namespace

int RunMigrate(const CommandLine& line, const Settings& settings) {
  if (line.migrate_to != "shared" && line.migrate_to != "local") {
    return Failed("migrate --to is '" + line.migrate_to + "'; allowed: shared, local");
  }
  SystemClock clock;
  const std::unique_ptr<Logger> logger = NewStderrLogger(settings.log_level);
  const bool to_shared = line.migrate_to == "shared";
  Result<Stores> stores = OpenBoth(settings, to_shared, clock, *logger);
  if (!stores) return Failed(stores.error().message);
  EntryStore& from = to_shared ? *stores->local : *stores->shared;
  EntryStore& to = to_shared ? *stores->shared : *stores->local;
  Progress progress;
  const auto migrated = store::Migrate(from, to, clock, [&](const store::Migration& now) {
    progress.Show(now);
    return true;
  });
  progress.End();
  if (!migrated) return Failed(migrated.error().message + "; run it again to go on where it stopped");
  return Print(*migrated, to.Stats());
}

}  // namespace reflex::app
