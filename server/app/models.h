#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "app/known_models.h"
#include "inference/static_embedder.h"
#include "reflex/embedder.h"
#include "reflex/result.h"

namespace reflex::app {

// The files of models and how they are run; docs/configuration.md explains each.
struct ModelSettings {
  std::filesystem::path path = {};  // Empty: the built-in table alone.
  std::string pooling = "file";
  std::string prefix = {};
  std::uint32_t contexts = 2;
  std::uint32_t queue_max = 64;
  // Empty: the file beside the model that has its name and kVerifierSuffix, else what the program has for the model
  // (known_models.h).
  std::filesystem::path verifier_path = {};
  std::filesystem::path reranker_path = {};  // Empty: none.
  bool reranker_segments = true;
  // Looks at model files in a process of its own: the program of Reflex, which this process is.
  std::string program = "/proc/self/exe";
};
inline constexpr std::string_view kVerifierSuffix = ".verifier.txt";
// What the program hands to inference::RunProbe.
inline constexpr std::string_view kProbeCommand = "model-probe";

// What turns texts into vectors and judges pairs.
struct Models {
  inference::StaticEmbedder words;
  std::unique_ptr<Embedder> model;       // Null without a file.
  KnownVerifier verifier;                // For the word vectors of `model`.
  std::unique_ptr<PairScorer> reranker;  // Null without a file.

  // The one whose vectors the index holds.
  Embedder& main() { return model ? *model : static_cast<Embedder&>(words); }
};

// Opens what the settings name. A file is looked at in a child process first, so that a bad one is an error and not the end of this
// process. Returns: kInvalidArgument with the setting and what to write instead: a missing file, a folder, a file that is no such
// model, a program built without llama.cpp.
Result<std::unique_ptr<Models>> OpenModels(const ModelSettings& settings);

// `reflex models check FILE`: what the file is and whether this program can run it, as a page or as JSON. Returns: as OpenModels.
Result<std::string> DescribeModel(const std::filesystem::path& path, bool as_json,
                                  const std::string& program = ModelSettings().program);

}  // namespace reflex::app
