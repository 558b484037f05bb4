// Features of pairs, for training: reads lines {"id","a","b"} and writes one line a pair, the id and the features separated by
// tabs; the first line has the names. verify_features PAIRS.jsonl [--score] [--conflicts] [--time] > FEATURES.tsv
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <unordered_map>

#include <simdjson.h>

#include "inference/static_embedder.h"
#include "text/canonical.h"
#include "verify/verifier.h"

namespace {

using reflex::Embedding;
using reflex::verify::Reading;
using Clock = std::chrono::steady_clock;

struct Prepared {
  Reading reading;
  Embedding embedding;
};

struct Times {
  double read_us = 0, embed_us = 0, compare_us = 0;
  std::size_t texts = 0, pairs = 0;
};

double MicrosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

class Texts {
 public:
  Texts(reflex::Embedder& embedder, Times& times) : embedder_(embedder), times_(times) {}

  const Prepared& Get(const std::string& text) {
    if (const auto found = texts_.find(text); found != texts_.end()) return found->second;
    Prepared& prepared = texts_[text];
    const auto start = Clock::now();
    prepared.reading = reflex::verify::Read(text);
    times_.read_us += MicrosecondsSince(start);
    const auto embed_start = Clock::now();
    auto embedding =
        embedder_.Embed(prepared.reading.prepared, reflex::verify::WordSpans(prepared.reading), std::chrono::seconds(10));
    times_.embed_us += MicrosecondsSince(embed_start);
    ++times_.texts;
    if (embedding) {
      prepared.embedding = std::move(*embedding);
    } else {
      std::fprintf(stderr, "verify_features: %s\n", embedding.error().message.c_str());
    }
    return prepared;
  }

 private:
  reflex::Embedder& embedder_;
  Times& times_;
  std::unordered_map<std::string, Prepared> texts_;
};

void PrintNames() {
  std::fputs("id", stdout);
  for (const std::string_view name : reflex::verify::kFeatureNames)
    std::printf("\t%.*s", static_cast<int>(name.size()), name.data());
  std::putchar('\n');
}

void PrintConflicts(std::string_view id, const reflex::verify::Verdict& verdict) {
  std::printf("%.*s\t%.6f", static_cast<int>(id.size()), id.data(), verdict.score);
  for (const auto& conflict : verdict.conflicts) {
    std::printf("\t%.*s: %s | %s", static_cast<int>(conflict.guard.size()), conflict.guard.data(), conflict.a.c_str(),
                conflict.b.c_str());
  }
  std::putchar('\n');
}

}  // namespace

int main(int argc, char** argv) {
  bool score = false, conflicts = false, time = false;
  const char* path = nullptr;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--score") == 0) {
      score = true;
    } else if (std::strcmp(argv[i], "--conflicts") == 0) {
      conflicts = true;
    } else if (std::strcmp(argv[i], "--time") == 0) {
      time = true;
    } else {
      path = argv[i];
    }
  }
  simdjson::padded_string bytes;
  if (!path || simdjson::padded_string::load(path).get(bytes) != simdjson::SUCCESS) {
    std::fprintf(stderr, "usage: verify_features PAIRS.jsonl [--score] [--conflicts] [--time]\n");
    return 1;
  }
  const auto& model = reflex::verify::Model::Builtin();
  if (!model) {
    std::fprintf(stderr, "verify_features: %s\n", model.error().message.c_str());
    return 1;
  }
  const reflex::verify::Verifier verifier(*model);
  reflex::inference::StaticEmbedder embedder;
  Times times;
  Texts texts(embedder, times);
  if (!score && !conflicts) PrintNames();
  simdjson::ondemand::parser parser;
  simdjson::ondemand::document_stream lines;
  if (parser.iterate_many(bytes, 1 << 20).get(lines) != simdjson::SUCCESS) return 1;
  for (auto line : lines) {
    std::string_view id_view, a_view, b_view;
    if (line["id"].get(id_view) || line["a"].get(a_view) || line["b"].get(b_view)) {
      std::fprintf(stderr, "verify_features: a line without id, a and b\n");
      return 1;
    }
    const std::string id(id_view), a(a_view), b(b_view);
    const Prepared &x = texts.Get(a), &y = texts.Get(b);
    const auto start = Clock::now();
    const auto verdict = verifier.Judge(x.reading, y.reading, x.embedding, y.embedding);
    times.compare_us += MicrosecondsSince(start);
    ++times.pairs;
    if (conflicts) {
      PrintConflicts(id, verdict);
    } else if (score) {
      std::printf("%s\t%.6f\t%s\n", id.c_str(), verdict.score,
                  !verdict.competent          ? "incompetent"
                  : verdict.conflicts.empty() ? ""
                                              : "veto");
    } else {
      const auto features = reflex::verify::Compare(x.reading, y.reading, x.embedding, y.embedding);
      std::fputs(id.c_str(), stdout);
      for (const float value : features) std::printf("\t%.7g", static_cast<double>(value));
      std::putchar('\n');
    }
  }
  if (time && times.texts && times.pairs) {
    const auto texts_count = static_cast<double>(times.texts);
    std::fprintf(stderr, "read %.1f us/text, embed %.1f us/text, judge %.1f us/pair\n", times.read_us / texts_count,
                 times.embed_us / texts_count, times.compare_us / static_cast<double>(times.pairs));
  }
  return 0;
}
