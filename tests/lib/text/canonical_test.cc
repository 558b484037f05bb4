#include "text/canonical.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

namespace reflex::text {
namespace {

struct Pair {
  const char *a, *b;
};

class NearRepeats : public testing::TestWithParam<Pair> {};
TEST_P(NearRepeats, HaveOneCanonicalText) { EXPECT_EQ(CanonicalText(GetParam().a), CanonicalText(GetParam().b)); }
INSTANTIATE_TEST_SUITE_P(
    Canonical, NearRepeats,
    testing::Values(Pair{"How do I sort a list in Python?", "how do i sort a list in python"},
                    Pair{"  Sort   a list\tin Python. ", "Sort a list in Python"},
                    Pair{"Sort a list in Python", "Please sort a list in Python!"},
                    Pair{"Hi, how do I exit vim? Thanks!", "How do I exit vim"},
                    Pair{"Hello there! Quick question: how do I exit vim? Thanks in advance.", "How do I exit vim?"},
                    Pair{"How do I exit vim? Please and thank you.", "How do I exit vim?"},
                    Pair{"How do I exit vim please", "How do I exit vim"}, Pair{"Is C++ fast?", "Is C++ fast"},
                    Pair{"What is C++?", "What is C++"}, Pair{"What\xe2\x80\x99s a monad?", "What's a monad?"},
                    Pair{"Format 1,234,567.5 as dollars", "Format 1234567.5 as dollars"},
                    Pair{"What is the best colour for a logo in print?", "What is the best color for a logo in print?"},
                    Pair{"How do I organise my books by author?", "How do I organize my books by author?"},
                    Pair{"caf\xc3\xa9 opening ideas for a small town", "cafe\xcc\x81 opening ideas for a small town"},
                    Pair{"SQL for the p99 of response times", "sql for the p99 of response times"},
                    Pair{"Which CPUs have AVX2 support today and why?", "which cpus have AVX2 support today and why"},
                    Pair{"WHAT IS A RED-BLACK TREE", "what is a red-black tree"},
                    Pair{"How do I use GitHub Actions with PostgreSQL here?", "how do i use github actions with postgresql here?"},
                    Pair{"Explain\xc2\xa0recursion", "Explain recursion"}, Pair{"Explain recursion\n\nThanks", "Explain recursion"},
                    Pair{"I was wondering, how do I exit vim?", "How do I exit vim?"},
                    Pair{"We have to get this done by tomorrow. How do I exit vim?", "How do I exit vim?"},
                    Pair{"How do I exit vim? I need it before the meeting.", "How do I exit vim?"},
                    Pair{"How do I exit vim? Thakns in advnace.", "How do I exit vim?"},
                    Pair{"Now in Python please", "and the same in python"}, Pair{"In JS, please.", "Now do it in JavaScript"},
                    Pair{"Quick question: translate \"not found\" to Spanish. Thank you!", "Translate \"not found\" to Spanish"},
                    Pair{"Why does it stop?\nwhile (i) {\n  i++;\n}. Thanks!", "Why does it stop?\nwhile (i) {\n  i++;\n}"}));

class DifferentQuestions : public testing::TestWithParam<Pair> {};
TEST_P(DifferentQuestions, KeepDifferentCanonicalTexts) { EXPECT_NE(CanonicalText(GetParam().a), CanonicalText(GetParam().b)); }
INSTANTIATE_TEST_SUITE_P(
    Canonical, DifferentQuestions,
    testing::Values(Pair{"What is 5!", "What is 5"}, Pair{"Round 1.5 up", "Round 1.50 up"},
                    Pair{"f(1,200) gives what", "f(1200) gives what"}, Pair{"sum of [1,200]", "sum of [1200]"},
                    Pair{"What does `Foo` do?", "What does `foo` do?"},
                    Pair{"What does \"Foo\" do in this sentence?", "What does \"foo\" do in this sentence?"},
                    Pair{"What does the flag 'I' do in grep here?", "What does the flag 'i' do in grep here?"},
                    Pair{"What does curl -I do with a URL?", "What does curl -i do with a URL?"},
                    Pair{"Is rsync -AX the same on a Mac?", "Is rsync -ax the same on a Mac?"},
                    Pair{"Explain the regex .*?", "Explain the regex .*"}, Pair{"Explain the regex a+?", "Explain the regex a+"},
                    Pair{"What does getUser return in my code base?", "What does getuser return in my code base?"},
                    Pair{"Delete /tmp/Foo on my machine please", "Delete /tmp/foo on my machine please"},
                    Pair{"What is Turkey?", "What is turkey?"}, Pair{"What is Rust?", "what is rust?"},
                    Pair{"Is AIDS curable by any drug we know of?", "Is aids curable by any drug we know of?"},
                    Pair{"What does US mean for them in practice", "What does us mean for them in practice"},
                    Pair{"Fix this:\n```\nif x:\n  y()\n```", "Fix this:\n```\nif x:\n y()\n```"}, Pair{"x = A + b;", "x = a + b;"},
                    Pair{"def f():\n    return A", "def f():\n    return a"},
                    Pair{"Translate to French: good morning", "Translate to French: good night"},
                    Pair{"How do you say hello, please?", "How do you say hello"},
                    Pair{"Explain DNS. Short answer please.", "Explain DNS."},
                    Pair{"What should I eat, today?", "What should I eat?"},
                    Pair{"Is colour spelled like that in Britain?", "Is color spelled like that in Britain?"},
                    Pair{"regex for a dot .", "regex for a dot ,"}, Pair{"What is C?", "What is c?"},
                    Pair{"Sort in descending order", "Sort in ascending order"}, Pair{"what is v1.10", "what is v1.1"},
                    Pair{"What is the plot of Cheers", "What is the plot of"},
                    Pair{"Who wrote it, she or he?", "Who wrote it, she?"}, Pair{"-5 + 3", "5 + 3"}, Pair{"n!", "n"},
                    Pair{"Now in Python please", "Now in Ruby please"}, Pair{"In Python", "Is it the same in Python?"},
                    Pair{"The same in Python", "The same but not in Python"}, Pair{"Now in Python", "Now in Python 2 style"},
                    // What is to be done with a text, or what an answer must keep to, is no small talk.
                    Pair{"I need to fix this. The cat sat in the mat.", "The cat sat in the mat."},
                    Pair{"I need to understand this. The cat sat on the mat.", "The cat sat on the mat."},
                    Pair{"What helps against a cold? I need it without alcohol.", "What helps against a cold?"},
                    Pair{"Plan my run. I want it by 5.", "Plan my run."},
                    Pair{"I want to get rid of it: how do I clean moss?", "How do I clean moss?"}));

TEST(Canonical, KeepsBytesThatAreNoUtf8) {
  const std::string text = "Caf\xe9  IS Open?";
  EXPECT_EQ(CanonicalText(text), text);
  EXPECT_EQ(PreparedText(text), text);
}

TEST(Canonical, OfNothingIsNothing) {
  EXPECT_EQ(CanonicalText(""), "");
  EXPECT_EQ(CanonicalText(" \n\t "), "");
  EXPECT_EQ(PreparedText("  "), "");
}

TEST(Canonical, OfCourtesyAloneIsTheCourtesy) {
  EXPECT_FALSE(CanonicalText("Thanks!").empty());
  EXPECT_NE(CanonicalText("Thanks a lot"), CanonicalText("Good morning"));
}

TEST(Canonical, IsIdempotentForAnyMixOfPieces) {
  const std::vector<std::string> pieces = {"Hi, ",
                                           "please ",
                                           "thanks",
                                           "```",
                                           "`",
                                           "\"",
                                           "'",
                                           " ",
                                           "\n",
                                           "?",
                                           "!",
                                           ".",
                                           ",",
                                           ":",
                                           "1,234",
                                           "C++",
                                           "Go",
                                           "US",
                                           "colour",
                                           "fulfil",
                                           "foo_bar",
                                           "  x = 1;",
                                           "\xe2\x80\x9c",
                                           "\xe2\x80\x9d",
                                           "\xe2\x80\x99",
                                           "\xc3\x89t\xc3\xa9",
                                           "What",
                                           "is",
                                           "Turkey",
                                           "thank you",
                                           "ok",
                                           "\t",
                                           "(",
                                           ")",
                                           "e\xcc\x81",
                                           "\xe6\x97\xa5\xe6\x9c\xac",
                                           "-",
                                           "McDonald",
                                           "APIs"};
  std::mt19937 random(7);
  for (int round = 0; round < 4000; ++round) {
    std::string text;
    for (std::size_t i = 0, n = 1 + random() % 14; i < n; ++i) text += pieces[random() % pieces.size()] + (random() % 2 ? " " : "");
    const std::string once = CanonicalText(text);
    ASSERT_EQ(CanonicalText(once), once) << text;
  }
}

TEST(Canonical, TakesAMegabyteOfAnything) {
  for (const std::string piece : {"please ", "Hi, ", "\"", "' ", "`", "1,234 ", "A-", "```", "\n", ". ", "x'", "\xe2\x80\x9c "}) {
    std::string text;
    while (text.size() < (1 << 20)) text += piece;
    EXPECT_LE(CanonicalText(text).size(), text.size());
    EXPECT_LE(PreparedText(text).size(), text.size());
  }
}

TEST(Prepared, KeepsCaseAndDropsCourtesy) {
  EXPECT_EQ(PreparedText("Hi!  How do I use  McAfee on   iOS? Thanks a lot"), "How do I use McAfee on iOS?");
  EXPECT_EQ(PreparedText("It\xe2\x80\x99s 1,000 \xe2\x80\x9cunits\xe2\x80\x9d"), "It's 1000 \"units\"");
}

}  // namespace
}  // namespace reflex::text
