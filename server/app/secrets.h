#pragma once

#include <filesystem>
#include <string>

#include "app/settings.h"
#include "reflex/result.h"

namespace reflex::app {

// Names in the storage folder.
inline constexpr const char* kTenantKeyName = "tenant.key";
inline constexpr const char* kAdminTokenName = "admin.token";
// The URL at which the running Reflex takes admin calls, for commands on the same machine; gone when none runs.
inline constexpr const char* kAddressName = "address";
// There while the program must not save snapshots by itself; see Snapshots::HoldSaves.
inline constexpr const char* kSavesHeldName = "snapshots.held";

struct Secrets {
  std::string tenant_secret;  // 32 bytes.
  std::string admin_token;    // 64 hexadecimal digits.
};

// Makes the storage folder (0700) if it is missing and closes it to others if it is not.
// Returns: kIo, kFull.
Result<void> PrepareStorage(const std::filesystem::path& folder);

// Reads both secrets, making those that are missing (0600, each written whole or not at all).
// Returns: kInvalidArgument when a file holds something else than a secret, kNotFound for a tenant.secret_file that is not there,
// kIo, kFull.
Result<Secrets> LoadSecrets(const Settings& settings);

// The admin token of the Reflex that stores in `folder`. Returns: kNotFound, kIo, kInvalidArgument.
Result<std::string> ReadAdminToken(const std::filesystem::path& folder);

// Secrets that live as long as the process, for a storage folder that cannot be written.
Secrets MakeSecrets();

}  // namespace reflex::app
