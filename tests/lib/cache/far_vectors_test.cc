#include "cache/far_vectors.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "lib/store/store_kinds.h"
#include "lib/store/store_test_util.h"
#include "reflex/embedder.h"
#include "reflex/memory_store.h"

namespace reflex::cache {
namespace {

using namespace std::chrono_literals;
using store::KeyOf;
using store::MakeScoped;

constexpr std::uint32_t kFarDimension = 4;
const VectorMaker kMaker = VectorMaker::Of("a model", kFarDimension);

class FarVectorsTest : public ::testing::Test {
 protected:
  // Entries with vectors that tell their number.
  void Fill(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      ASSERT_TRUE(store_->Put(MakeScoped(i, 1, 50)));
      Embedding embedding;
      embedding.text = {1, static_cast<float>(i), 0, 0};
      ASSERT_TRUE(store_->PutVector(KeyOf(i), WriteRecord(kMaker, embedding, {}, false)));
      labels_.push_back(LabelOf(KeyOf(i)));
    }
  }
  // How many of them come back, right, once the store has none any more.
  std::uint64_t Kept(FarVectors& vectors) {
    EXPECT_TRUE(store_->Clear());
    std::uint64_t kept = 0;
    for (std::uint64_t i = 0; i < labels_.size(); ++i) {
      std::vector<float> out(kFarDimension);
      if (!vectors.Fetch(labels_[i], out)) continue;
      ++kept;
      EXPECT_NEAR(out[1] / out[0], static_cast<float>(i), 0.002f * static_cast<float>(i + 1)) << i;
    }
    return kept;
  }

  std::unique_ptr<store::MemoryStore> store_ = store::MemoryStore::Create({}).value();
  std::vector<std::uint64_t> labels_;
};

TEST_F(FarVectorsTest, WhatWasPreparedOrFetchedIsNotReadAgain) {
  Fill(1'500);
  FarVectors vectors(*store_, kMaker, 8 << 20);
  std::vector<float> out(kFarDimension);
  EXPECT_FALSE(vectors.Fetch(LabelOf(KeyOf(9'999)), out));
  EXPECT_TRUE(vectors.Fetch(labels_.back(), out));
  labels_.pop_back();
  vectors.Prepare(labels_);
  labels_.push_back(LabelOf(KeyOf(1'499)));
  EXPECT_EQ(Kept(vectors), 1'500u);
}

TEST_F(FarVectorsTest, NothingIsKeptBeyondTheBoundOrOfAnotherModel) {
  Fill(1'500);
  FarVectors few(*store_, kMaker, 20'000);
  few.Prepare(labels_);
  FarVectors other(*store_, VectorMaker::Of("another", kFarDimension), 8 << 20);
  other.Prepare(labels_);
  std::vector<float> out(kFarDimension);
  EXPECT_FALSE(other.Fetch(labels_.front(), out));
  const std::uint64_t kept = Kept(few);
  EXPECT_GT(kept, 20u);
  EXPECT_LT(kept, 200u) << "of about 150 bytes each";
}

}  // namespace
}  // namespace reflex::cache
