#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "base/worker_pool.h"
#include "lib/cache/semantic_fixture.h"

namespace reflex::cache {
namespace {

// Look-ups, stores, erasures, reports and the work behind, all at once; then the tier goes while jobs wait. What is checked is that
// no answer belongs to another question, and by the sanitizer that nothing races.
TEST_F(SemanticTest, EverythingAtOnce) {
  base::WorkerPool pool(2, 64, 0);
  auto parts = PartsOf();
  const auto submit = [&pool](std::function<void()> job) { return pool.Submit(std::move(job)); };
  parts.background = submit;
  parts.index =
      vector::LocalIndex::Create(words_.dimension(), {}, StoredVectors(*store_, words_.model_id(), words_.dimension()), submit);
  auto made = SemanticTier::Create({}, std::move(parts));
  ASSERT_TRUE(made);
  tier_ = std::move(*made);
  tier_->StartLoading();

  constexpr int kThreads = 3, kRounds = 60;
  std::atomic<int> hits{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kRounds; ++i) {
        const std::string number = std::to_string(t * kRounds + i);
        const std::string question = "What is special about the number " + number + "?";
        const EntryPtr entry = Store(question);
        const std::string asked = "what is special about the number " + number;
        const auto found = Find(asked);
        if (found.entry != nullptr) ++hits;
        if (found.entry != nullptr && found.entry->reply != entry->reply) ++wrong;
        if (i % 7 == 0) {
          EXPECT_TRUE(cache_->Erase(entry->key));
          if (Find(asked).entry != nullptr) ++wrong;
        }
        if (i % 11 == 0) {
          EXPECT_TRUE(tier_->Block(Scope("a"), question, entry->key, entry->canonical));
          tier_->Report("n", true);
        }
        if (i % 5 == 0) tier_->Explain(Ask("What is so special about the number " + number + "?"));
        tier_->LooksWorthwhile(Scope("a"));
        tier_->Stats();
        tier_->Budgets(10);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(hits, kThreads * kRounds);
  EXPECT_EQ(wrong, 0);
  tier_.reset();
}

}  // namespace
}  // namespace reflex::cache
