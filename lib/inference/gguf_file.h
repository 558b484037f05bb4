#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reflex/result.h"

namespace reflex::inference {

// A tensor's place in a GGUF file.
struct GgufTensor {
  std::vector<std::uint64_t> dimensions;  // The innermost first; 1 to 4.
  std::uint32_t type = 0;                 // ggml's number for the element type.
  std::uint64_t begin = 0;                // Byte in the file.
};

// What stands before the weights of a GGUF file (version 2 or 3, little-endian): settings, vocabulary, tensors. Views into the
// bytes.
//   "GGUF", u32 version, u64 tensors, u64 settings, each (name, u32 type, value), each tensor (name, u32 n, n x u64, u32 type, u64
//   offset)
class GgufHead {
 public:
  // Reads and checks the head of a file of which `bytes` is the whole; they outlive the object. Every length is checked before it
  // is believed. Returns: kInvalidArgument, naming what is wrong.
  static Result<GgufHead> Read(std::string_view bytes);

  std::optional<std::uint64_t> Number(std::string_view name) const;
  std::optional<std::string_view> Text(std::string_view name) const;
  std::optional<std::string_view> architecture() const { return Text("general.architecture"); }
  // A setting of the architecture: "block_count" for "bert.block_count".
  std::optional<std::uint64_t> ArchitectureNumber(std::string_view name) const;
  const std::vector<std::string_view>& vocabulary() const { return vocabulary_; }
  const GgufTensor* Tensor(std::string_view name) const;

  // Refuses what would end the process in the model library: pieces that stand twice, more layers than tensors, no architecture.
  // Returns: kInvalidArgument.
  Result<void> CheckLoadable() const;

 private:
  class Reader;
  std::map<std::string_view, std::uint64_t> numbers_;
  std::map<std::string_view, std::string_view> texts_;
  std::vector<std::string_view> vocabulary_;
  std::map<std::string_view, GgufTensor> tensors_;
};

// A file mapped for reading. Its bytes stay valid while the object lives; a file that is cut meanwhile ends the process, as with
// any mapping.
class MappedFile {
 public:
  // Returns: kNotFound; kInvalidArgument for a folder (with what to write instead), an empty file or what is no file; kIo.
  static Result<MappedFile> Open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&&) = delete;

  std::string_view bytes() const { return {data_, size_}; }

 private:
  MappedFile(const char* data, std::size_t size) : data_(data), size_(size) {}
  const char* data_;
  std::size_t size_;
};

}  // namespace reflex::inference
