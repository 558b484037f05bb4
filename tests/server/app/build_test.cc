// What stands where a setting leaves it to the program.
#include "app/build.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::app {
namespace {

TEST(Build, LookUpsThatWaitForAModelHaveMoreThreadsAndRoom) {
  Settings plain, model;
  model.models.path = "model.gguf";
  model.models.contexts = 3;
  EXPECT_EQ(LookupThreads(plain), 2u);
  EXPECT_EQ(LookupQueue(plain), 2u);
  EXPECT_EQ(LookupThreads(model), 12u);
  EXPECT_EQ(LookupQueue(model), 64u);
}

TEST(Build, LookUpsThatWaitForAnotherMachineHaveThemToo) {
  for (ServiceAddress RemoteSettings::* const service :
       {&RemoteSettings::embedder, &RemoteSettings::reranker, &RemoteSettings::qdrant}) {
    Settings settings;
    (settings.remote.*service).url = "http://10.0.0.5:8080";
    EXPECT_EQ(LookupThreads(settings), 16u);
    EXPECT_EQ(LookupQueue(settings), 64u);
    settings.semantic_threads = 5;
    settings.semantic_queue_max = 7;
    EXPECT_EQ(LookupThreads(settings), 5u);
    EXPECT_EQ(LookupQueue(settings), 7u);
  }
}

}  // namespace
}  // namespace reflex::app
