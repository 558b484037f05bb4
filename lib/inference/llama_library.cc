#if defined(REFLEX_HAVE_LLAMA)
#include "inference/llama_library.h"
#include "base/utf8.h"

#include <string_view>

#include <ggml.h>
#include <llama.h>

namespace reflex::inference {
namespace {

constexpr std::size_t kComplaintBytesMax = 300;

// The library logs through one function for the whole process; models are opened on the thread that wants to know.
std::string& Complaint() {
  thread_local std::string complaint;
  return complaint;
}

void Keep(ggml_log_level level, const char* text, void*) {
  thread_local bool continues = false;
  const std::string_view line(text ? text : "");
  if (level != GGML_LOG_LEVEL_CONT) continues = level == GGML_LOG_LEVEL_ERROR;
  if (!continues) return;
  // The first error names the cause; those after it say that loading failed.
  std::string& complaint = Complaint();
  if (complaint.size() < kComplaintBytesMax) complaint += line;
}

std::string MissingInstructions() {
  std::string missing;
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2")) missing += " AVX2";
  if (!__builtin_cpu_supports("fma")) missing += " FMA";
  if (!__builtin_cpu_supports("f16c")) missing += " F16C";
  if (!__builtin_cpu_supports("bmi2")) missing += " BMI2";
#endif
  return missing;
}

Result<void> Start() {
  if (const std::string missing = MissingInstructions(); !missing.empty()) {
    return Fail(ErrorCode::kUnsupported, "model files cannot be used on this processor; it lacks" + missing);
  }
  // Versions share a file name and differ in their structures.
  if (!std::string_view(llama_version()).starts_with(REFLEX_LLAMA_BUILT)) {
    return Fail(ErrorCode::kUnsupported,
                "built for llama.cpp " REFLEX_LLAMA_BUILT ", and the one found here is " + std::string(llama_version()));
  }
  llama_log_set(Keep, nullptr);
  llama_backend_init();
  return {};
}

}  // namespace

Result<void> UseLlama() {
  static const Result<void> started = Start();
  return started;
}

std::string TakeLlamaComplaint() {
  std::string line = std::move(Complaint());
  Complaint().clear();
  if (!base::IsUtf8(line)) {
    for (char& c : line) c = static_cast<unsigned char>(c) < 0x80 ? c : '?';
  }
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20) c = ' ';
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

}  // namespace reflex::inference
#endif
