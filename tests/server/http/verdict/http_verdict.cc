// Prints what our parser makes of each request of a corpus: NAME STATUS BODY_BYTES. compare_node.mjs holds it against Node's.
//   http_verdict CORPUS
#include <cstdio>
#include <string_view>

#include "http/detail/chunked.h"
#include "http/detail/head_parser.h"
#include "server/http/corpus.h"

namespace {

using namespace reflex::http;

struct Verdict {
  int status = 0;  // 200 accepted; 0 when bytes are missing.
  std::size_t body_bytes = 0;
};

Verdict Judge(std::string_view raw) {
  RequestHead head;
  const HeadVerdict verdict = ParseRequestHead(raw, head);
  if (verdict.kind == HeadVerdict::Kind::kIncomplete) return {};
  if (verdict.kind == HeadVerdict::Kind::kRefused) return {verdict.status, 0};
  raw.remove_prefix(verdict.head_bytes);
  if (!head.chunked) {
    const std::size_t length = head.content_length.value_or(0);
    return raw.size() < length ? Verdict{} : Verdict{200, length};
  }
  ChunkedDecoder decoder;
  std::size_t body_bytes = 0;
  while (!raw.empty() && !decoder.done()) {
    const auto step = decoder.Decode(raw);
    if (!step) return {400, 0};
    body_bytes += step->data.size();
    raw.remove_prefix(step->consumed);
  }
  return decoder.done() ? Verdict{200, body_bytes} : Verdict{};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: http_verdict CORPUS\n");
    return 2;
  }
  for (const CorpusCase& one : ReadCorpus(argv[1])) {
    const Verdict verdict = Judge(one.raw);
    std::printf("%s %d %zu\n", one.name.c_str(), verdict.status, verdict.body_bytes);
  }
}
