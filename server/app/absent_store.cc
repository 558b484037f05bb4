#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

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
  Result<std::vector<ScopeMember>> FindScope(const Digest&, std::size_t) override { return std::vector<ScopeMember>(); }
  Result<std::vector<Digest>> FindCanonical(const Digest&, const Digest&, std::size_t) override { return std::vector<Digest>(); }
  Result<EntryPtr> FindHead(const Digest&) override { return EntryPtr(); }
  Result<EntryPtr> FindHeadByLabel(std::uint64_t) override { return EntryPtr(); }
  Result<void> PutVector(const Digest&, std::string) override { return Fail(ErrorCode::kUnavailable, degraded_); }
  Result<std::string> FindVector(const Digest&) override { return std::string(); }
  bool ReadVectorByLabel(std::uint64_t, const std::function<void(std::string_view)>&) override { return false; }
  Result<void> VisitScopes(const VisitMember&) override { return {}; }
  void SetOnRemoved(OnRemoved) override {}
  Result<void> Purge(const PurgeRule&, std::function<void(std::uint64_t)> removed) override {
    if (removed) removed(0);
    return {};
  }
  Result<std::uint64_t> CountPurge(const PurgeRule&) override { return 0; }
  Result<void> PutNote(std::string_view, std::string) override { return Fail(ErrorCode::kUnavailable, degraded_); }
  Result<std::string> FindNote(std::string_view) override { return Fail(ErrorCode::kUnavailable, degraded_); }
  Result<void> EraseNote(std::string_view) override { return Fail(ErrorCode::kUnavailable, degraded_); }
  Result<void> VisitNotes(std::string_view, const VisitNote&) override { return {}; }
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
