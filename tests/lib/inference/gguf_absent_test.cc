#include <gtest/gtest.h>

#include "inference/gguf_embedder.h"

namespace reflex::inference {
namespace {

TEST(Pooling, NamesAreReadAsWritten) {
  for (const Pooling pooling : {Pooling::kFile, Pooling::kMean, Pooling::kCls, Pooling::kLast}) {
    EXPECT_EQ(PoolingFromName(Name(pooling)), pooling);
  }
  EXPECT_EQ(PoolingFromName("max").error().message, "pooling \"max\"; allowed are file, mean, cls and last");
}

TEST(OpenGguf, WithoutTheLibraryItSaysHowToAddIt) {
  if (HasLlama()) GTEST_SKIP() << "built with llama.cpp";
  const auto model = OpenGguf("model.gguf", {});
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(model.error().message.find("./dev build --models"), std::string::npos);
  EXPECT_EQ(OpenGgufPairScorer("model.gguf", {}).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace reflex::inference
