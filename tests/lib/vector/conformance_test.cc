// The local index as what every index is: while its vectors are compared one by one, and with lists around centres.
#include <utility>

#include "support/vector_index_suite.h"
#include "vector/local_index.h"

namespace reflex::vector {
namespace {

class LocalWorld final : public IndexWorld {
 public:
  LocalWorld(std::uint32_t dimension, LocalIndexOptions options, bool builds)
      : builds_(builds),
        index_(LocalIndex::Create(
            dimension, options, [this](std::uint64_t label, std::span<float> out) { return model.Fetch(label, out); },
            [this](std::function<void()> job) { return jobs_.Take(std::move(job)); })) {}

  VectorIndex& index() override { return *index_; }
  void Settle() override {
    if (builds_) jobs_.RunAll();
  }

 private:
  const bool builds_;
  Jobs jobs_;
  std::unique_ptr<LocalIndex> index_;
};

IndexKind Flat() {
  return {"Flat", [](std::uint32_t dimension) { return std::make_unique<LocalWorld>(dimension, LocalIndexOptions(), false); }};
}

IndexKind Lists() {
  return {"Lists", [](std::uint32_t dimension) {
            LocalIndexOptions options;
            options.lists_from = 128;
            options.slice = 50;
            return std::make_unique<LocalWorld>(dimension, options, true);
          }};
}

INSTANTIATE_TEST_SUITE_P(Local, VectorIndexSuite, testing::Values(Flat(), Lists()), NameOf);

}  // namespace
}  // namespace reflex::vector
