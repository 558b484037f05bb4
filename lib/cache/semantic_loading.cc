#include <string>
#include <string_view>
#include <utility>

#include "cache/semantic_filing.h"
#include "cache/semantic_limits.h"

namespace reflex::cache {
namespace {

void Warn(Logger& logger, std::string_view what, const Error& error) {
  logger.Log(LogLevel::kWarning, std::string(what) + " code=" + std::string(Name(error.code)) + " error=\"" + error.message + "\"");
}

}  // namespace

bool VectorFiling::WorkOffLoad(Desk& desk) {
  Load& load = desk.load;
  {
    base::MutexLock lock(desk.mutex);
    if (!desk.load_wanted) return false;
    // Wanted again before the visit: it sees all that came until now.
    if (!load.visited) desk.load_again = false;
  }
  if (!load.visited && !CollectScopes(desk)) return true;
  std::vector<float> buffer(desk.maker.dimension);
  for (std::size_t i = 0; i < kSliceLoad && load.next < load.keys.size(); ++i) {
    if (desk.closing.load(std::memory_order_acquire)) return false;
    while (load.next >= load.groups[load.group].end) ++load.group;
    const Digest& key = load.keys[load.next++];
    LoadOne(desk, load.groups[load.group].scope, key, buffer);
  }
  if (load.next < load.keys.size()) return false;
  desk.parts.logger.Log(LogLevel::kInfo, "semantic_index_loaded scopes=" + std::to_string(load.groups.size()) +
                                             " vectors=" + std::to_string(load.added) + " dropped=" + std::to_string(load.dropped));
  load = Load();
  desk.load_tries = 0;
  base::MutexLock lock(desk.mutex);
  desk.load_wanted = std::exchange(desk.load_again, false);
  desk.loading.store(desk.load_wanted, std::memory_order_release);
  return false;
}

// The members of all scopes that need the index. Nothing else is done meanwhile, since the store may hold its readers' place.
// False when it is to be tried again, or the object goes away.
bool VectorFiling::CollectScopes(Desk& desk) {
  // Counted before, as a visit may end in an exception.
  if (++desk.load_tries > kAttemptsMax) {
    desk.load.visited = true;
    Warn(desk.parts.logger, "semantic_index_incomplete", {ErrorCode::kInternal, "the scopes could not be visited"});
    return true;
  }
  Load load;
  Digest scope{};
  std::size_t begin = 0;
  const auto close_group = [&] {
    if (load.keys.size() - begin > desk.parts.scan_max) {
      load.groups.push_back({scope, load.keys.size()});
    } else {
      load.keys.resize(begin);
    }
    begin = load.keys.size();
  };
  const auto visited = desk.parts.store.VisitScopes([&](const Digest& of, const ScopeMember& member) {
    if (of != scope) {
      close_group();
      scope = of;
    }
    load.keys.push_back(member.key);
    return load.keys.size() < kLoadMax && !desk.closing.load(std::memory_order_acquire);
  });
  if (desk.closing.load(std::memory_order_acquire)) return false;
  if (!visited && VisitAgain(desk, visited.error())) return false;
  close_group();
  if (!visited) {
    Warn(desk.parts.logger, "semantic_index_incomplete", visited.error());
  } else if (load.keys.size() >= kLoadMax) {
    desk.parts.logger.Log(LogLevel::kWarning, "semantic_index_incomplete vectors_max=" + std::to_string(kLoadMax));
  }
  load.visited = true;
  desk.load = std::move(load);
  return true;
}

// A store that is away is waited for, since a part of the scopes is as good as none. What the store cannot read at all is left out
// in the end.
bool VectorFiling::VisitAgain(Desk& desk, const Error& error) {
  if (desk.load_tries == 1) Warn(desk.parts.logger, "semantic_index_waits", error);
  if (AfterStoreFailure(error.code) != Filed::kAway) return desk.load_tries < kAttemptsMax;
  desk.load_tries = 1;
  return true;
}

void VectorFiling::LoadOne(Desk& desk, const Digest& scope, const Digest& key, std::vector<float>& buffer) {
  bool fits = false, kept = false;
  desk.parts.store.ReadVectorByLabel(LabelOf(key), [&](std::string_view bytes) {
    kept = true;
    fits = ReadText(bytes, desk.maker, buffer);
  });
  if (fits) {
    if (desk.parts.index->Add(scope, LabelOf(key), buffer, {})) ++desk.load.added;
    return;
  }
  if (kept) {
    ++desk.load.dropped;
    desk.dropped.Add();
  }
  PushBacklog(desk, {scope, key});
}

}  // namespace reflex::cache
