#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "inference/gguf_embedder.h"
#include "reflex/result.h"

namespace reflex::inference {

enum class ModelUse : std::uint8_t { kEmbedder, kPairScorer };

// What a look at a model file found.
struct ModelReport {
  std::string architecture;     // As the file names it: "bert", "qwen3".
  std::string name;             // "general.name", may be empty.
  std::string pooling;          // "mean", "cls", "last", "rank" or "none".
  std::string sha256;           // Of the file; 64 hexadecimal digits.
  std::uint64_t bytes = 0;      // Size of the file.
  std::uint32_t dimension = 0;  // Floats in a vector; 1 for a pair scorer.
  std::uint32_t window = 0;     // Pieces in the longest text.
  std::uint32_t pieces = 0;     // Size of the vocabulary.
  double load_ms = 0;           // Time to open it, contexts included.
  double sample_ms = 0;         // Median time of a sample of about 16 pieces on one thread.

  friend bool operator==(const ModelReport&, const ModelReport&) = default;
};

struct ProbeOptions {
  ModelUse use = ModelUse::kEmbedder;
  Pooling pooling = Pooling::kFile;
  // The program to start and its first arguments, as for execv; more follow. It hands those to RunProbe and ends with its result.
  // The program of Reflex: {"/proc/self/exe", "model-probe"}.
  std::vector<std::string> command;
  // The child is killed after this. 1 s to 10 min.
  std::chrono::milliseconds limit{60'000};
};

// Looks at a model file in a child process, where a file that ends the model library ends no more than that: loads it, makes a
// context, runs a sample. Blocks up to `limit`. Thread-safe. Returns: kInvalidArgument for a folder or a file that is no such model
// (the message says what was wrong, or that the look at it ended by a signal); kNotFound; kTimeout; kUnsupported as OpenGguf; kIo
// when the child cannot be started.
Result<ModelReport> CheckModel(const std::filesystem::path& path, const ProbeOptions& options);

// The child's part: takes the arguments after ProbeOptions::command, writes the answer to the descriptor `out`, returns the exit
// status. May end the process by a signal; call it in a process that does nothing else.
int RunProbe(std::span<const std::string> arguments, int out);

// The answer as text, "key value" lines; what RunProbe writes and CheckModel reads.
std::string FormatReport(const ModelReport& report);
// Returns: kProtocol, naming the line that is wrong or the key that is missing.
Result<ModelReport> ParseReport(std::string_view text);

}  // namespace reflex::inference
