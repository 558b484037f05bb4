// The index in Qdrant as what every index is.
#include <memory>

#include "server/remote/qdrant_world.h"
#include "support/vector_index_suite.h"

namespace reflex::remote {
namespace {

class SharedWorld final : public vector::IndexWorld {
 public:
  explicit SharedWorld(std::uint32_t dimension) : world_(dimension) { world_.OpenIndex(); }
  VectorIndex& index() override { return *world_.index; }
  void Settle() override { world_.Settle(); }

 private:
  QdrantWorld world_;
};

vector::IndexKind Qdrant() {
  return {"Qdrant", [](std::uint32_t dimension) { return std::make_unique<SharedWorld>(dimension); }};
}

}  // namespace
}  // namespace reflex::remote

namespace reflex::vector {
INSTANTIATE_TEST_SUITE_P(Remote, VectorIndexSuite, testing::Values(remote::Qdrant()), NameOf);
}  // namespace reflex::vector
