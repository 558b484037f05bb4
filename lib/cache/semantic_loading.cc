#include <string>
#include <utility>

#include "cache/semantic_filing.h"
#include "cache/semantic_limits.h"

namespace reflex::cache {

void VectorFiling::WorkOffLoad(Desk& desk) {
  {
    base::MutexLock lock(desk.mutex);
    if (!desk.load_wanted) return;
  }
  Load& load = desk.load;
  if (!load.visited && !CollectScopes(desk)) return;
  std::vector<float> buffer(desk.maker.dimension);
  for (std::size_t i = 0; i < kSliceLoad && load.next < load.keys.size(); ++i, ++load.next) {
    if (desk.closing.load(std::memory_order_acquire)) return;
    while (load.next >= load.groups[load.group].end) ++load.group;
    LoadOne(desk, load.groups[load.group].scope, load.keys[load.next], buffer);
  }
  if (load.next < load.keys.size()) return;
  desk.parts.logger.Log(LogLevel::kInfo, "semantic_index_loaded scopes=" + std::to_string(load.groups.size()) +
                                             " vectors=" + std::to_string(load.added) + " dropped=" + std::to_string(load.dropped));
  load = Load();
  base::MutexLock lock(desk.mutex);
  desk.load_wanted = false;
  desk.loading.store(false, std::memory_order_release);
}

// The members of all scopes that need the index. Nothing else is done meanwhile, since the store may hold its readers' place.
// False when it is to be tried again, or the object goes away.
bool VectorFiling::CollectScopes(Desk& desk) {
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
  close_group();
  if (!visited) {
    desk.parts.logger.Log(LogLevel::kWarning, "semantic_index_incomplete code=" + std::string(Name(visited.error().code)) +
                                                  " error=\"" + visited.error().message + "\"");
  } else if (load.keys.size() >= kLoadMax) {
    desk.parts.logger.Log(LogLevel::kWarning, "semantic_index_incomplete vectors_max=" + std::to_string(kLoadMax));
  }
  load.visited = true;
  desk.load = std::move(load);
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
