#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "verify/audit.h"

namespace reflex::verify {
namespace {

TEST(CompareAnswers, EqualButForFormIsRight) {
  EXPECT_EQ(CompareAnswers("Use a lock.", "Use a lock."), AuditLabel::kRight);
  EXPECT_EQ(CompareAnswers("The default port is 5432.", "The  default port is 5432"), AuditLabel::kRight);
}

TEST(CompareAnswers, AnotherNumberInTheSameSentenceIsWrong) {
  EXPECT_EQ(CompareAnswers("The server listens on port 5432 by default.", "The server listens on port 3306 by default."),
            AuditLabel::kWrong);
}

TEST(CompareAnswers, ADenialInTheSameSentenceIsWrong) {
  EXPECT_EQ(CompareAnswers("The list is sorted when the function returns.", "The list is not sorted when the function returns."),
            AuditLabel::kWrong);
}

TEST(CompareAnswers, AnswersWithLittleInCommonStayUndecided) {
  EXPECT_EQ(CompareAnswers("Boil the eggs for 7 minutes.", "Reset your router, then wait until 2 lamps are green."),
            AuditLabel::kUndecided);
  EXPECT_EQ(
      CompareAnswers("Use a hash map for this.", "A dictionary keyed by the user's name is the usual way, as look-ups are quick."),
      AuditLabel::kUndecided);
}

TEST(CompareAnswers, WhatCannotBeReadStaysUndecided) {
  EXPECT_EQ(CompareAnswers("", ""), AuditLabel::kUndecided);
  EXPECT_EQ(CompareAnswers("", "An answer."), AuditLabel::kUndecided);
  EXPECT_EQ(CompareAnswers("\xff\xfe port 1", "\xff\xfe port 2"), AuditLabel::kUndecided);
  EXPECT_EQ(CompareAnswers("ответ на вопрос номер один", "ответ на вопрос номер два"), AuditLabel::kUndecided);
  std::string served = "It has 3 parts. ", fresh = "It has 4 parts. ";
  for (int i = 0; i < 2000; ++i) {
    served += "More is said here. ";
    fresh += "More is said here. ";
  }
  EXPECT_EQ(CompareAnswers(served, fresh), AuditLabel::kUndecided);
}

TEST(CompareAnswers, WrongDoesNotDependOnTheOrder) {
  const std::vector<std::string> answers = {"It takes 5 minutes.",
                                            "It takes 10 minutes.",
                                            "It does not take 5 minutes.",
                                            "Yes.",
                                            "Call the function before the loop.",
                                            "Call the function after the loop."};
  for (const std::string& a : answers) {
    for (const std::string& b : answers) EXPECT_EQ(CompareAnswers(a, b), CompareAnswers(b, a)) << a << " / " << b;
  }
}

}  // namespace
}  // namespace reflex::verify
