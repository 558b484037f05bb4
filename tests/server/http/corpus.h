#pragma once

#include <string>
#include <vector>

namespace reflex::http {

// One line of parser_corpus.txt.
struct CorpusCase {
  std::string name;
  int status = 0;
  std::string raw;
};
// Ends the program if the file cannot be read or a line is malformed.
std::vector<CorpusCase> ReadCorpus(const std::string& file);

}  // namespace reflex::http
