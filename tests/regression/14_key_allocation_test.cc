// Each look-up made a string of its key. Here a key is 32 bytes in place, and a look-up in memory allocates nothing.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#if defined(__has_feature) && __has_feature(thread_sanitizer)
#include <sanitizer/allocator_interface.h>
#endif

#include "lib/store/store_test_util.h"
#include "reflex/cache.h"

namespace {

thread_local std::size_t allocations = 0;

}  // namespace

#if defined(__has_feature) && __has_feature(thread_sanitizer)
// It has allocation functions of its own, and tells of each call.
[[maybe_unused]] static const int kHooked = __sanitizer_install_malloc_and_free_hooks(
    [](const volatile void*, std::size_t) { ++allocations; }, [](const volatile void*) {});
#else
namespace {

void* Allocate(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size == 0 ? 1 : size)) return memory;
  std::abort();
}

}  // namespace

// NOLINTBEGIN: the program's own allocation functions, so that they can be counted.
void* operator new(std::size_t size) { return Allocate(size); }
void* operator new[](std::size_t size) { return Allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
// NOLINTEND
#endif

namespace reflex {
namespace {

TEST(KeyAllocation, ALookupInMemoryAllocatesNothing) {
  store::ManualClock clock;
  store::KeepingLogger logger;
  const auto cache = Cache::Create({}, nullptr, clock, logger);
  ASSERT_TRUE(cache.has_value());
  auto entry = std::make_shared<Entry>();
  entry->key = store::KeyOf(1);
  entry->expires_ms = clock.WallMs() + 1000;
  ASSERT_TRUE((*cache)->Insert(entry, (*cache)->epoch()));
  const Digest absent = store::KeyOf(2);

  const std::size_t before = allocations;
  for (int i = 0; i < 1000; ++i) {
    if ((*cache)->FindInMemory(entry->key) == nullptr || (*cache)->FindInMemory(absent) != nullptr) FAIL();
  }
  EXPECT_EQ(allocations, before);
  EXPECT_GT(before, 0u) << "allocations are counted";
}

}  // namespace
}  // namespace reflex
