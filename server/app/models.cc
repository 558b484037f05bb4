#include "app/models.h"

#include <cstdio>
#include <system_error>
#include <utility>

#include "app/known_models.h"
#include "base/files.h"
#include "inference/gguf_embedder.h"
#include "inference/probe.h"
#include "wire/error_body.h"

namespace reflex::app {
namespace {

using inference::ModelUse;

constexpr std::uint64_t kVerifierBytesMax = 16 << 20;

// What is wrong with a path before it is opened as a model.
Result<void> CheckFile(const std::filesystem::path& path) {
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  const std::string named = "\"" + path.string() + "\"";
  if (!std::filesystem::exists(status)) return Fail(ErrorCode::kInvalidArgument, named + ": no such file; allowed: a GGUF file");
  if (std::filesystem::is_directory(status)) {
    const std::string example = (path / "model.gguf").lexically_normal().string();
    return Fail(ErrorCode::kInvalidArgument, named + " is a folder; allowed: one GGUF file, for example \"" + example + "\"");
  }
  if (!std::filesystem::is_regular_file(status))
    return Fail(ErrorCode::kInvalidArgument, named + " is no file; allowed: a GGUF file");
  return {};
}

inference::ProbeOptions ProbeWith(const std::string& program, ModelUse use, inference::Pooling pooling) {
  return {.use = use, .pooling = pooling, .command = {program, std::string(kProbeCommand)}};
}

// Whatever is wrong with a file that a setting names, the setting is wrong.
std::unexpected<Error> Refuse(std::string_view setting, const Error& error) {
  return Fail(ErrorCode::kInvalidArgument, std::string(setting) + ": " + error.message);
}

Result<void> Check(std::string_view setting, const std::filesystem::path& path, const inference::ProbeOptions& probe) {
  if (const Result<void> file = CheckFile(path); !file) return Refuse(setting, file.error());
  if (const Result<inference::ModelReport> report = inference::CheckModel(path, probe); !report)
    return Refuse(setting, report.error());
  return {};
}

// The one a setting names, the one beside the model, the program's own.
Result<KnownVerifier> ReadVerifier(const ModelSettings& settings, Embedder& model) {
  std::filesystem::path path = settings.verifier_path;
  if (path.empty()) {
    path = settings.path;
    path.replace_extension(kVerifierSuffix);
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return ShippedVerifier(model);
  }
  Result<std::string> text = base::ReadFile(path, kVerifierBytesMax);
  if (!text) return Refuse("model.verifier", text.error());
  KnownVerifier verifier;
  verifier.weights = std::move(*text);
  return verifier;
}

Result<void> OpenEmbedder(const ModelSettings& settings, Models& models) {
  constexpr std::string_view kSetting = "model.path";
  REFLEX_TRY(const inference::Pooling pooling, inference::PoolingFromName(settings.pooling));
  REFLEX_CHECK(Check(kSetting, settings.path, ProbeWith(settings.program, ModelUse::kEmbedder, pooling)));
  inference::GgufOptions options;
  options.pooling = pooling;
  options.prefix = settings.prefix;
  options.contexts = settings.contexts;
  options.queue_max = settings.queue_max;
  Result<std::unique_ptr<Embedder>> model = inference::OpenGguf(settings.path, options);
  if (!model) return Refuse(kSetting, model.error());
  models.model = std::move(*model);
  REFLEX_TRY(models.verifier, ReadVerifier(settings, *models.model));
  return {};
}

Result<void> OpenReranker(const ModelSettings& settings, Models& models) {
  constexpr std::string_view kSetting = "reranker.path";
  const inference::Pooling pooling = inference::Pooling::kFile;
  REFLEX_CHECK(Check(kSetting, settings.reranker_path, ProbeWith(settings.program, ModelUse::kPairScorer, pooling)));
  inference::GgufOptions options;
  options.contexts = settings.contexts;
  options.queue_max = settings.queue_max;
  options.segments = settings.reranker_segments;
  Result<std::unique_ptr<PairScorer>> scorer = inference::OpenGgufPairScorer(settings.reranker_path, options);
  if (!scorer) return Refuse(kSetting, scorer.error());
  models.reranker = std::move(*scorer);
  return {};
}

std::string Milliseconds(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value);
  return text;
}

std::string ReportPage(const inference::ModelReport& report, ModelUse use, bool as_json) {
  const std::string purpose = use == ModelUse::kEmbedder ? "embedder (model.path)" : "pair scorer (reranker.path)";
  std::string page;
  const auto add = [&](std::string_view key, std::string_view label, const std::string& value, bool text) {
    if (as_json) {
      page += (page.empty() ? "{" : ",") + wire::JsonString(key) + ":" + (text ? wire::JsonString(value) : value);
    } else {
      page.append(label).append(label.size() < 16 ? 16 - label.size() : 1, ' ').append(value).append("\n");
    }
  };
  add("use", "fit for", purpose, true);
  add("architecture", "architecture", report.architecture, true);
  add("name", "name", report.name, true);
  add("dimension", "dimension", std::to_string(report.dimension), false);
  add("window", "window, pieces", std::to_string(report.window), false);
  add("pieces", "vocabulary", std::to_string(report.pieces), false);
  add("pooling", "pooling", report.pooling, true);
  add("bytes", "bytes", std::to_string(report.bytes), false);
  add("sha256", "sha256", report.sha256, true);
  add("load_ms", "load, ms", Milliseconds(report.load_ms), false);
  add("sample_ms", "16 pieces, ms", Milliseconds(report.sample_ms), false);
  return as_json ? page + "}" : page;
}

}  // namespace

Result<std::unique_ptr<Models>> OpenModels(const ModelSettings& settings) {
  auto models = std::make_unique<Models>();
  if (!settings.path.empty()) {
    REFLEX_CHECK(OpenEmbedder(settings, *models));
  }
  if (!settings.reranker_path.empty()) {
    REFLEX_CHECK(OpenReranker(settings, *models));
  }
  return models;
}

Result<std::string> DescribeModel(const std::filesystem::path& path, bool as_json, const std::string& program) {
  REFLEX_CHECK(CheckFile(path));
  const auto look = [&](ModelUse use) { return inference::CheckModel(path, ProbeWith(program, use, inference::Pooling::kFile)); };
  const Result<inference::ModelReport> embedder = look(ModelUse::kEmbedder);
  if (embedder) return ReportPage(*embedder, ModelUse::kEmbedder, as_json);
  if (embedder.error().code != ErrorCode::kInvalidArgument) return std::unexpected(embedder.error());
  // A cross-encoder is no embedder.
  const Result<inference::ModelReport> scorer = look(ModelUse::kPairScorer);
  if (scorer) return ReportPage(*scorer, ModelUse::kPairScorer, as_json);
  return std::unexpected(embedder.error());
}

}  // namespace reflex::app
