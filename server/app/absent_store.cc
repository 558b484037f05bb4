#include <utility>

#include "app/open_store.h"

namespace reflex::app {
namespace {

class AbsentStore final : public EntryStore {
 public:
  explicit AbsentStore(const Error& error) : degraded_("the store could not be opened: " + error.message) {}

  Result<EntryPtr> Find(const Digest&) override { return EntryPtr(); }
  bool FindsInPlace() const override { return true; }
  Result<void> Put(EntryPtr) override { return Fail(ErrorCode::kUnavailable, degraded_); }
  Result<void> Erase(const Digest&) override { return {}; }
  Result<void> Clear() override { return {}; }
  Result<std::uint64_t> EraseIf(const Condemn&) override { return 0; }
  Result<void> Flush(std::chrono::milliseconds) override { return {}; }
  StoreStats Stats() const override { return {}; }
  StoreHealth Health() const override { return {degraded_}; }

 private:
  const std::string degraded_;
};

}  // namespace

bool StopsTheStart(const Error& error) {
  return error.code == ErrorCode::kBusy || error.code == ErrorCode::kNewerFormat || error.code == ErrorCode::kInvalidArgument;
}

std::unique_ptr<EntryStore> NewAbsentStore(const Error& error) { return std::make_unique<AbsentStore>(error); }

}  // namespace reflex::app
