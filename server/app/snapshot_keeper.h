#pragma once

#include <memory>
#include <string>
#include <vector>

#include "app/settings.h"
#include "app/snapshots.h"
#include "base/metrics.h"
#include "cloud/object_store.h"
#include "reflex/clock.h"
#include "reflex/embedder.h"
#include "reflex/logger.h"
#include "reflex/result.h"
#include "reflex/snapshot.h"

namespace reflex::app {

// All outlive the object.
struct SnapshotParts {
  SnapshotStore* store = nullptr;
  const Settings* settings = nullptr;
  std::string tenant_secret;           // In use now.
  const Embedder* embedder = nullptr;  // Whose vectors are kept at a load; null: all are.
  Clock* clock = nullptr;
  Logger* logger = nullptr;
  base::MetricsRegistry* metrics = nullptr;  // Null: nothing is counted.
};

// Saves and loads by the settings. Returns: kInvalidArgument for a target or key file; kIo.
Result<std::unique_ptr<Snapshots>> OpenSnapshots(SnapshotParts parts);

// Before the secrets are read: a storage folder without a secret takes that of the newest snapshot, which is fetched for it and
// loaded later. Nothing is done where a secret is there or named, the store is a shared one, no target is set, or it holds no
// snapshot with a wrapped one. Returns: as Snapshots::Load; kInvalidArgument where the passphrase does not open it.
Result<void> AdoptSecret(const Settings& settings, Clock& clock, Logger& logger);

// What wraps the secret: the passphrase or the key file's content; empty: neither is set. Returns: kInvalidArgument, kIo.
Result<std::string> WrappingKey(const SnapshotSettings& settings);

// One object, and a list of them, as JSON for people and programs.
std::string SnapshotJson(const SnapshotInfo& info);
std::string SnapshotsJson(const std::vector<SnapshotInfo>& infos);
std::string LoadedJson(const SnapshotLoaded& loaded);

}  // namespace reflex::app
