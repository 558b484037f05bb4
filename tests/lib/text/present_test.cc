#include "text/present.h"

#include <gtest/gtest.h>

#include <string>

namespace reflex::text {
namespace {

TEST(Present, IsAskedFor) {
  for (const std::string text : {"What's the weather in Paris right now?",
                                 "What is the weather like today?",
                                 "Latest news about the election",
                                 "What is the current price of gold?",
                                 "Who is the current president of France?",
                                 "What is the exchange rate of the euro?",
                                 "What is the latest version of Node?",
                                 "What time is it?",
                                 "Is it raining now?",
                                 "What did I say in my last message?",
                                 "Which films start this week?",
                                 "What is the time in Tokyo?",
                                 "What's the time?",
                                 "What is the date?",
                                 "What's the stock price of Acme?",
                                 "Is the shop still open tonight?",
                                 "What's the latest Node.js version?",
                                 "whats todays date?",
                                 "Newest iPhone model",
                                 "What are the latest trends in AI",
                                 "what is the bitcoin price?",
                                 "recent news about OpenAI",
                                 "Who is winning the game",
                                 "whats the weather in Oslo?",
                                 "Most recent films by Ken Loach"}) {
    EXPECT_TRUE(AsksForPresent(text)) << text;
  }
}

TEST(Present, IsNotAskedFor) {
  for (const std::string text :
       {"How do I print the current directory in bash?", "Show the latest git commit", "How do I get today's date in Python?",
        "I know now how loops work. What is recursion?", "What is the current thread in Java?",
        "Write a SQL query for orders placed this week", "How long is it from now until Christmas in days, formula",
        "Explain what a promise is", "What did people eat in the last century?", "How do I undo the last commit?", "",
        "Write a poem about today", "Revert the latest Alembic migration", "Get the most recent row per group",
        "What is the time complexity of quicksort?", "What's the date of the Battle of Hastings?",
        "Read the current weather from a REST API"}) {
    EXPECT_FALSE(AsksForPresent(text)) << text;
  }
}

}  // namespace
}  // namespace reflex::text
