#include "app/models.h"

#include <string_view>
#include <system_error>
#include <utility>

namespace reflex::app {
namespace {

constexpr std::string_view kNoLlama =
    "this program was built without llama.cpp, which runs models; `./dev build --models` builds one with it";

// What is wrong with a path before it is opened as a model.
Result<void> CheckFile(std::string_view before, const std::filesystem::path& path) {
  const std::string named = std::string(before) + "\"" + path.string() + "\"";
  std::error_code error;
  const std::filesystem::file_status status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) return Fail(ErrorCode::kInvalidArgument, named + ": no such file; allowed: a GGUF file");
  if (std::filesystem::is_directory(status)) {
    return Fail(ErrorCode::kInvalidArgument, named + " is a folder; allowed: one GGUF file, for example \"" +
                                                 (path / "model.gguf").lexically_normal().string() + "\"");
  }
  if (!std::filesystem::is_regular_file(status))
    return Fail(ErrorCode::kInvalidArgument, named + " is no file; allowed: a GGUF file");
  return {};
}

}  // namespace

Result<std::unique_ptr<Models>> OpenModels(const ModelSettings& settings) {
  auto models = std::make_unique<Models>();
  for (const auto& [setting, path] : {std::pair("model.path", settings.path), std::pair("reranker.path", settings.reranker_path)}) {
    if (path.empty()) continue;
    REFLEX_CHECK(CheckFile(std::string(setting) + " = ", path));
    return Fail(ErrorCode::kInvalidArgument, std::string(setting) + " is set, but " + std::string(kNoLlama));
  }
  return models;
}

Result<std::string> DescribeModel(const std::filesystem::path& path, bool) {
  REFLEX_CHECK(CheckFile("", path));
  return Fail(ErrorCode::kUnsupported, std::string(kNoLlama));
}

}  // namespace reflex::app
