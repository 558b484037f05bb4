#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "text/facts.h"
#include "text/reading.h"

namespace reflex::text {
namespace {

std::string Guards(std::string_view a, std::string_view b) {
  std::string names;
  for (const Conflict& conflict : FindConflicts(Read(a), Read(b))) names.append(names.empty() ? "" : " ").append(conflict.guard);
  return names;
}

struct Veto {
  const char *guard, *a, *b;
};

class Vetoes : public testing::TestWithParam<Veto> {};
TEST_P(Vetoes, NameTheGuard) {
  const auto [guard, a, b] = GetParam();
  EXPECT_NE((" " + Guards(a, b) + " ").find(std::string(" ") + guard + " "), std::string::npos)
      << a << " | " << b << ": " << Guards(a, b);
  EXPECT_NE((" " + Guards(b, a) + " ").find(std::string(" ") + guard + " "), std::string::npos)
      << "the other way round: " << Guards(b, a);
}
INSTANTIATE_TEST_SUITE_P(
    Guards, Vetoes,
    testing::Values(Veto{"numbers", "Round a float to 2 decimal places", "Round a float to 3 decimal places"},
                    Veto{"numbers", "Status of order 4711001", "Status of order 4711002"},
                    Veto{"numbers", "Status of order 839180000001", "Status of order 839180000002"},
                    Veto{"identifier", "Who has card 40000000000000018", "Who has card 40000000000000019"},
                    Veto{"numbers", "Set the timeout to 120 s", "Set the timeout to 120 min"},
                    Veto{"numbers", "Meetings at 5pm", "Meetings at 5am"},
                    Veto{"numbers", "Migrate from Python 3.10", "Migrate from Python 3.11"},
                    Veto{"numbers", "Write a password rule with 8 letters", "Write a password rule"},
                    Veto{"numbers", "Find triples that sum to three", "Find triples that sum to four"},
                    Veto{"negation", "When should I use global variables?", "When should I not use global variables?"},
                    Veto{"negation", "Copy the files and overwrite old ones", "Copy the files and never overwrite old ones"},
                    Veto{"negation", "Why is the output deterministic?", "Why is the output non-deterministic?"},
                    Veto{"negation", "Write it with type hints", "Write it without type hints"},
                    Veto{"order", "Convert JSON to CSV", "Convert CSV to JSON"},
                    Veto{"order", "Left join orders to customers", "Left join customers to orders"},
                    Veto{"order", "Is Berlin bigger than Paris?", "Is Paris bigger than Berlin?"},
                    Veto{"direction", "Move mail from Gmail", "Move mail to Gmail"},
                    Veto{"direction", "Rewrite this Perl script in Rust", "I have a Rust program, give me the Perl version"},
                    Veto{"antonym", "Sort prices from low to high", "Sort prices from high to low"},
                    Veto{"language", "Sort a list in Python", "Sort a list in Ruby"},
                    Veto{"language", "Sort a list in Python", "Sort a list"},
                    Veto{"language", "Deploy to Kubernetes", "Deploy to Nomad"},
                    Veto{"entity", "What is the capital of France?", "What is the capital of Germany?"},
                    Veto{"entity", "Who founded the town of Springvale?", "Who founded the town of Harrowgate?"},
                    Veto{"quantifier", "Passwords of at least 8 letters", "Passwords of at most 8 letters"},
                    Veto{"quantifier", "Remove the first element", "Remove the last element"},
                    Veto{"quantifier", "Check whether all values are positive", "Is at least one value positive?"},
                    Veto{"identifier", "What does getUser return?", "What does setUser return?"},
                    Veto{"identifier", "Explain the XSS attack", "Explain the CSRF attack"},
                    Veto{"identifier", "What does grep -V print?", "What does grep -v print?"},
                    Veto{"identifier", "git commit --amend on a pushed branch", "git commit --no-verify on a pushed branch"},
                    Veto{"code", "Explain the regex .*?", "Explain the regex .*"},
                    Veto{"code", "Explain the regex a+?", "Explain the regex a+"},
                    Veto{"code", "What does the regex colou?r match?", "What does the regex colo?r match?"},
                    Veto{"code", "What does the pattern ^a+?b match?", "What does the pattern ^a+b match?"},
                    Veto{"quotation", "Translate \"good day\" to French", "Translate \"good night\" to French"},
                    Veto{"quotation", "What does \"no cap\" mean?", "What does \"cap\" mean, no joke?"},
                    Veto{"quotation", "Print \"HELLO\"", "Print \"hello\""},
                    Veto{"code", "What does this print? x = [1]; print(x)", "What does this print? x = [1]; print(x[0])"},
                    Veto{"code", "Explain this: `a + b`", "Explain this: `a - b`"},
                    Veto{"code", "Fix it:\n```\nf(1)\n```", "Fix it:\n```\ng(1)\n```"},
                    Veto{"output-language", "Translate this letter to Spanish", "Translate this letter to Italian"},
                    Veto{"output-language", "Write a letter to my landlord in French", "Write a letter to my landlord"},
                    Veto{"task", "Write a regex for email addresses", "Explain a regex for email addresses"},
                    Veto{"task", "Should I write in a card to my ex?", "What should I write in a card to my ex?"},
                    Veto{"task", "Which oyster sauce is vegan?", "Is oyster sauce vegan?"},
                    Veto{"numbers", "Toys for a six-month-old baby", "Toys for a baby of six years"},
                    Veto{"numbers", "Toys for a 6-month-old baby", "Toys for a 6-year-old baby"},
                    Veto{"task", "Why was Kubernetes released?", "When was Kubernetes released?"},
                    Veto{"constraint", "Make a cake without eggs", "Make a cake"},
                    Veto{"constraint", "Reverse the list in place", "Reverse the list"},
                    Veto{"antonym", "Sort ascending", "Sort descending"},
                    Veto{"antonym", "How do I enable two-factor login?", "How do I disable two-factor login?"},
                    Veto{"antonym", "Encrypt a file", "Decrypt a file"},
                    Veto{"antonym", "Make a deep clone of a map", "How do I make a shallow copy of a map?"},
                    Veto{"antonym", "What speaks for it: the upsides of solar panels", "What drawbacks do solar panels have?"},
                    Veto{"antonym", "A case-sensitive search in vim", "Search in vim regardless of case"},
                    Veto{"antonym", "Which fruit grows in the northern provinces?", "What fruit do they grow in the south?"},
                    Veto{"antonym", "Pros and cons of a timber frame", "What are the disadvantages of a timber frame?"},
                    Veto{"antonym", "How is demand increased?", "What decreases demand?"},
                    Veto{"antonym", "Has the service started?", "Was the service stopped?"},
                    Veto{"task", "Explain this log line", "Explain logarithms"},
                    Veto{"task", "Summarise this letter", "Where does beef come from?"},
                    Veto{"quantifier", "Which lifts carry up to ten people?", "Which lifts carry more than ten people?"},
                    Veto{"quantifier", "Which lifts carry at least ten people?", "Which lifts carry less than ten people?"},
                    Veto{"identifier", "When was Ivan III crowned?", "When was Ivan IV crowned?"},
                    Veto{"identifier", "Who was James I of England?", "Who was James II of England?"},
                    Veto{"direction", "Command line: CSV in, XML out", "Turn XML into CSV"},
                    Veto{"direction", "Cast a circle to its base class", "Cast from Base to Circle"},
                    Veto{"task", "Explain cron", "A cron config that runs a job at night"},
                    Veto{"constraint", "Just give me the SQL that counts users", "How do I count users?"},
                    Veto{"constraint", "Find a cycle in a linked list with constant extra memory", "Find a cycle in a linked list"},
                    Veto{"present", "What is on TV today?", "What is on TV tomorrow?"}));

struct Allowed {
  const char *a, *b;
};
class NoVeto : public testing::TestWithParam<Allowed> {};
TEST_P(NoVeto, OnTheSameQuestion) {
  EXPECT_EQ(Guards(GetParam().a, GetParam().b), "") << GetParam().a << " | " << GetParam().b;
  EXPECT_EQ(Guards(GetParam().b, GetParam().a), "");
}
INSTANTIATE_TEST_SUITE_P(
    Guards, NoVeto,
    testing::Values(Allowed{"Set the timeout to 120 s", "Set the timeout to 2 min"},
                    Allowed{"Deploy to k8s", "Deploy to Kubernetes"},
                    Allowed{"How do I undo a commit in git?", "Is there a way to undo a commit in git?"},
                    Allowed{"Write 1k rows", "Write 1000 rows"}, Allowed{"Wait half an hour", "Wait 30 minutes"},
                    Allowed{"Sort a JS array", "Sort a JavaScript array"},
                    Allowed{"Round to two decimals in Python", "Round to 2 decimals in Python"},
                    Allowed{"Find rows where the email is not empty", "Find rows with a non-empty email"},
                    Allowed{"How do I tell a composite number?", "How can I tell that a number is not prime?"},
                    Allowed{"In Python, sort a list", "Sort a list in Python"},
                    Allowed{"Is Kilimanjaro higher than Mont Blanc?", "Is Mont Blanc lower than Kilimanjaro?"},
                    Allowed{"Check any element is even", "Check at least one element is even"},
                    Allowed{"What is a pyhton list?", "What is a Python list?"},
                    Allowed{"How can I prevent RSI?", "How can I prevent repetitive strain injury?"},
                    Allowed{"Can you explain pointers in C++?", "Explain pointers in C++"},
                    Allowed{"Difference between TCP and UDP", "Difference between UDP and TCP"},
                    Allowed{"What is 50% of the width?", "What is 0.5 of the width?"},
                    Allowed{"What is the Mexican national dish?", "What is the national dish of Mexico?"},
                    Allowed{"Explain Big O notation", "Explain Big-O notation"}, Allowed{"", ""},
                    Allowed{"Rewrite this Perl script in Rust", "I have Perl code, give me the Rust version"},
                    Allowed{"Sort from low to high", "Sort from smallest to largest"},
                    Allowed{"What does it return? `SELECT 1;`", "What does it return? `SELECT 1`"},
                    Allowed{"What does this print? x = [1]; print(x)", "After running x = [1]; print(x)?"},
                    Allowed{"Explain this regex: ^\\d{4}$", "Could you explain the regex ^\\d{4}$ please?"},
                    Allowed{"Turn \"improve our service\" into a goal", "\"Improve our service.\" is vague. Make it a goal"},
                    Allowed{"Put \"I lost my keys\" in the third person (\"she\")",
                            "Put \"I lost my keys\" in the third person, with she"},
                    Allowed{"What does ls -la show?", "Explain what ls -al shows"},
                    Allowed{"What does rm -r do?", "What does rm --recursive do?"},
                    Allowed{"What does the regex ^a+$ match?", "Which strings does the regex `^a+$` match?"},
                    Allowed{"Advantages and disadvantages of electric cars", "Pros and cons of electric cars"},
                    Allowed{"Reverse a list using constant space", "Reverse a list with O(1) extra space"},
                    Allowed{"Explain this log line", "What does the log line say? Explain"},
                    Allowed{"Explain this regex: ^a+$", "Which strings does the pattern ^a+$ match?"},
                    Allowed{"Explain window functions", "How do window functions work in a query?"},
                    Allowed{"Explain this error: segmentation fault", "What does segmentation fault mean?"},
                    Allowed{"How do I stop Spotify from starting at login?", "Can Spotify be stopped from launching at login?"},
                    Allowed{"Check that a text is not more than 100 letters", "Check that a text is at most 100 letters"},
                    Allowed{"Give me only the first ten primes", "Give me just the first ten primes"},
                    Allowed{"Which flag gives me only the folders?", "Which flag lists only folders?"},
                    Allowed{"Can IV iron cause headaches?", "Does IV iron cause headaches?"},
                    Allowed{"How do I open a zipped file?", "How do I unzip a file?"},
                    Allowed{"Reverse a list with O(1) memory", "Reverse a list using constant auxiliary space"},
                    Allowed{"How do I delete a row?", "Which command has a row deleted?"},
                    Allowed{"A letter from Anna I lost: how do I get it back?", "How do I find a lost letter from Anna?"},
                    Allowed{"Explain the nginx configuration", "How is the nginx config read?"},
                    Allowed{"Explain my nginx config", "What does my nginx config do? Please explain"},
                    Allowed{"How long is the flight from the United States to the United Kingdom?",
                            "How long does one fly to the UK from the US?"},
                    Allowed{"Explain recursion", "Explain recursion"}));

TEST(Guards, HaveTheNamesOfTheList) {
  for (const Conflict& conflict : FindConflicts(Read("Sort 3 lists in Go without recursion"), Read("Explain 4 lists in Rust"))) {
    EXPECT_NE(std::ranges::find(kGuardNames, conflict.guard), std::end(kGuardNames));
  }
}

TEST(Guards, ATextHasNoConflictWithItself) {
  for (const char* text :
       {"Convert CSV to JSON, not XML, in Python 3.10 before 5pm on March 5, 2024", "Is A above B or B above A?", "Don't not do it",
        "x = 1;\ny = \"Q\"", "What is the first and the last of all at least 3 and at most 5?"}) {
    EXPECT_EQ(Guards(text, text), "") << text;
  }
}

TEST(Guards, AreLinearEnoughForLongTexts) {
  std::string a, b;
  for (int i = 0; i < 590; ++i) {
    a += "from A" + std::to_string(i) + " to ";
    b += "to b" + std::to_string(i) + " of ";
  }
  EXPECT_NE(Guards(a.substr(0, 3000), b.substr(0, 3000)), "never");
}

}  // namespace
}  // namespace reflex::text
