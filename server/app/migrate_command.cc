#include <cstdio>
#include <memory>
#include <string>
#include <utility>

#include "app/commands.h"
#include "app/log.h"
#include "app/open_store.h"
#include "app/progress_bar.h"
#include "app/secrets.h"
#include "store/migrate.h"

namespace reflex::app {
namespace {

struct Stores {
  std::unique_ptr<EntryStore> local, shared;
};

// Both stores, if their entries belong to one tenant secret: without that, nobody would find what was copied.
Result<Stores> OpenBoth(const Settings& settings, Clock& clock, Logger& logger) {
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
  REFLEX_TRY(stores.shared, OpenStore(settings, agreed, clock, logger));
  if (agreed != secrets.tenant_secret) {
    return Fail(
        ErrorCode::kInvalidArgument,
        "the shared store has another tenant secret than " + settings.storage_path.string() +
            ", so what is copied would be found by nobody; give all the same REFLEX_TENANT_SECRET_FILE, or another store.prefix");
  }
  return stores;
}

int Print(const store::Migration& done) {
  std::printf("{\"total\":%llu,\"copied\":%llu,\"present\":%llu,\"gone\":%llu,\"vectors\":%llu,\"notes\":%llu}\n",
              static_cast<unsigned long long>(done.total), static_cast<unsigned long long>(done.copied),
              static_cast<unsigned long long>(done.present), static_cast<unsigned long long>(done.gone),
              static_cast<unsigned long long>(done.vectors), static_cast<unsigned long long>(done.notes));
  return 0;
}

int Complain(const std::string& message) {
  std::fprintf(stderr, "reflex: %s\n", message.c_str());
  return 1;
}

}  // namespace

int RunMigrate(const CommandLine& line, const Settings& settings) {
  if (line.migrate_to != "shared" && line.migrate_to != "local") {
    return Complain("migrate --to is '" + line.migrate_to + "'; allowed: shared, local");
  }
  SystemClock clock;
  const std::unique_ptr<Logger> logger = NewStderrLogger(settings.log_level);
  Result<Stores> stores = OpenBoth(settings, clock, *logger);
  if (!stores) return Complain(stores.error().message);
  const bool to_shared = line.migrate_to == "shared";
  std::unique_ptr<ProgressBar> bar;
  const auto migrated = store::Migrate(to_shared ? *stores->local : *stores->shared, to_shared ? *stores->shared : *stores->local,
                                       clock, [&](const store::Migration& now) {
                                         if (bar == nullptr) bar = std::make_unique<ProgressBar>("entries", now.total);
                                         bar->Show(now.looked);
                                         return true;
                                       });
  bar.reset();
  if (!migrated) return Complain(migrated.error().message + "; run it again to go on where it stopped");
  return Print(*migrated);
}

}  // namespace reflex::app
