#include "app/open_store.h"

#include <string>
#include <string_view>
#include <utility>

#include "redis/redis_store.h"
#include "reflex/lmdb_store.h"

namespace reflex::app {
namespace {

// Gateways on one store must have one tenant secret. A file that a setting names is the operator's word, so it is only compared;
// while the store is away that has to wait. Without one the store's secret is taken, and without the store there is none to take.
Result<void> AgreeOnSecret(redis::RedisStore& store, const Settings& settings, std::string& tenant_secret, Logger& logger) {
  if (settings.tenant_secret_file.empty()) {
    REFLEX_TRY(std::string shared, store.ExchangeSecret(tenant_secret));
    if (shared.size() != tenant_secret.size())
      return Fail(ErrorCode::kInvalidArgument, "the shared store holds no tenant secret of ours");
    tenant_secret = std::move(shared);
  }
  auto checked = store.CheckSecret(tenant_secret);
  if (checked || checked.error().code == ErrorCode::kInvalidArgument || settings.tenant_secret_file.empty()) return checked;
  logger.Log(LogLevel::kWarning, "shared_store secret_checked=false error=\"" + checked.error().message + "\"");
  return {};
}

// Any name will do: only an open store can say that it has no such note.
constexpr std::string_view kProbe = "reflex-is-open";

}  // namespace

StoreState StateOf(EntryStore& store) {
  // First, as a store that opens between the two questions answers the second.
  if (store.Health().opening) return StoreState::kOpening;
  const auto probed = store.FindNote(kProbe);
  if (!probed && probed.error().code == ErrorCode::kUnavailable) return StoreState::kAway;
  return store.Stats().entries == 0 ? StoreState::kEmpty : StoreState::kFilled;
}

Result<std::unique_ptr<EntryStore>> OpenStore(const Settings& settings, Clock& clock, Logger& logger) {
  std::string unused;
  return OpenStore(settings, unused, clock, logger);
}

Result<std::unique_ptr<EntryStore>> OpenStore(const Settings& settings, std::string& tenant_secret, Clock& clock, Logger& logger) {
  if (settings.store_url.empty()) {
    REFLEX_TRY(std::unique_ptr<store::LmdbStore> store, store::LmdbStore::Open(settings.store, clock, logger));
    return std::unique_ptr<EntryStore>(std::move(store));
  }
  REFLEX_TRY(std::unique_ptr<redis::RedisStore> store, redis::RedisStore::Open(settings.shared_store, clock, logger));
  if (!tenant_secret.empty()) {
    if (auto agreed = AgreeOnSecret(*store, settings, tenant_secret, logger); !agreed) {
      // Started without, it would fill the store with answers that no other gateway finds.
      return Fail(ErrorCode::kInvalidArgument,
                  "the gateways' tenant secret cannot be agreed on in the shared store: " + agreed.error().message);
    }
  }
  return std::unique_ptr<EntryStore>(std::move(store));
}

}  // namespace reflex::app
