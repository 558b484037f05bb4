// Values that depend on the texts alone, not on vectors or on what the lists relate: counted by hand for invented pairs.
#include <gtest/gtest.h>

#include "hashed_embedder.h"
#include "verify/measures.h"

namespace reflex::verify {
namespace {

struct Recorded {
  const char *a, *b;
  float jacc, lenratio, nu_a, nu_b, contained, npre, nsuf, numcount, negdiff, symdiff;
};

class Features20 : public testing::TestWithParam<Recorded> {};
TEST_P(Features20, AreAsCounted) {
  const Recorded& r = GetParam();
  HashedEmbedder embedder;
  const Reading x = Read(r.a), y = Read(r.b);
  const Features f = Compare(x, y, *embedder.Embed(x.prepared, WordSpans(x), {}), *embedder.Embed(y.prepared, WordSpans(y), {}));
  EXPECT_NEAR(f[kFeature<"jacc">], r.jacc, 1e-4);
  EXPECT_NEAR(f[kFeature<"lenratio">], r.lenratio, 1e-4);
  EXPECT_EQ(f[kFeature<"nuA">], r.nu_a);
  EXPECT_EQ(f[kFeature<"nuB">], r.nu_b);
  EXPECT_EQ(f[kFeature<"contained">], r.contained);
  EXPECT_EQ(f[kFeature<"npre">], r.npre);
  EXPECT_EQ(f[kFeature<"nsuf">], r.nsuf);
  EXPECT_EQ(f[kFeature<"numcount">], r.numcount);
  EXPECT_EQ(f[kFeature<"negdiff">], r.negdiff);
  EXPECT_EQ(f[kFeature<"symdiff">], r.symdiff);
}
INSTANTIATE_TEST_SUITE_P(Recorded, Features20,
                         testing::Values(Recorded{"peel mangos", "peel mangos", 1, 1, 0, 0, 2, 0, 0, 0, 0, 0},
                                         Recorded{"peel mangos", "peel ripe mangos", 2.f / 3, 2.f / 3, 0, 1, 0, 0, 0, 0, 0, 0},
                                         Recorded{"peel mangos", "peel mangos quickly", 2.f / 3, 2.f / 3, 0, 1, 1, 0, 1, 0, 0, 0},
                                         Recorded{"peel mangos", "carefully peel mangos", 2.f / 3, 2.f / 3, 0, 1, 1, 1, 0, 0, 0, 0},
                                         Recorded{"peel 3 mangos", "peel 4 mangos", 0.5f, 1, 1, 1, 0, 0, 0, 2, 0, 0},
                                         Recorded{"peel mangos", "peel papayas", 1.f / 3, 1, 1, 1, 0, 0, 0, 0, 0, 0},
                                         Recorded{"peel mangos", "never peel mangos", 2.f / 3, 2.f / 3, 0, 1, 1, 1, 0, 0, 1, 0},
                                         Recorded{"peel mangos", "mangos peel", 1, 1, 0, 0, 0, 0, 0, 0, 0, 0},
                                         Recorded{"peel mangos", "peeling mango", 1, 1, 0, 0, 2, 0, 0, 0, 0, 0},
                                         Recorded{"peel mangos", "juggle torches", 0, 1, 2, 2, 0, 0, 0, 0, 0, 0},
                                         Recorded{"a < b", "a > b", 0.5f, 1, 1, 1, 0, 0, 0, 0, 0, 2},
                                         Recorded{"mangos @ home", "mangos home", 1, 1, 0, 0, 2, 0, 0, 0, 0, 1},
                                         Recorded{"wait 60 s", "wait 1 min", 0.2f, 1, 2, 2, 0, 0, 0, 0, 0, 0},
                                         Recorded{"wait 60 s", "wait 2 min", 0.2f, 1, 2, 2, 0, 0, 0, 2, 0, 0},
                                         Recorded{"deploy to k8s", "deploy to kubernetes", 1, 1, 0, 0, 2, 0, 0, 0, 0, 0},
                                         Recorded{"don't peel mangos", "do not peel mangos", 0.4f, 0.75f, 1, 1, 0, 0, 0, 0, 0, 0},
                                         Recorded{"mangos, 12 of them", "mangos, twelve of them", 1, 1, 0, 0, 2, 0, 0, 0, 0, 0},
                                         Recorded{"Hi, peel mangos. Thanks!", "peel mangos", 1, 1, 0, 0, 2, 0, 0, 0, 0, 0},
                                         Recorded{"peel mangos: how?", "how? peel mangos", 1, 1, 0, 0, 0, 0, 0, 0, 0, 0},
                                         Recorded{"mangos mangos mangos", "mangos", 1, 1.f / 3, 0, 0, 1, 0, 2, 0, 0, 0}));

}  // namespace
}  // namespace reflex::verify
