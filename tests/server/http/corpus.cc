#include "server/http/corpus.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace reflex::http {
namespace {

[[noreturn]] void Stop(const std::string& file, const std::string& line) {
  std::fprintf(stderr, "%s: cannot read: %s\n", file.c_str(), line.c_str());
  std::exit(2);
}

std::string Unescape(const std::string& text) {
  std::string raw;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      raw += text[i];
      continue;
    }
    switch (text[++i]) {
      case 'r': raw += '\r'; break;
      case 'n': raw += '\n'; break;
      case 't': raw += '\t'; break;
      case 'x':
        raw += static_cast<char>(std::stoi(text.substr(i + 1, 2), nullptr, 16));
        i += 2;
        break;
      default: raw += text[i];
    }
  }
  return raw;
}

}  // namespace

std::vector<CorpusCase> ReadCorpus(const std::string& file) {
  std::ifstream in(file);
  if (!in) Stop(file, "no such file");
  std::vector<CorpusCase> cases;
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.front() == '#') continue;
    std::istringstream fields(line);
    std::string name, status, node, raw;
    if (!std::getline(fields, name, '\t') || !std::getline(fields, status, '\t') || !std::getline(fields, node, '\t') ||
        !std::getline(fields, raw)) {
      Stop(file, line);
    }
    cases.push_back({name, std::stoi(status), Unescape(raw)});
  }
  return cases;
}

}  // namespace reflex::http
