#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::base {

// The whole file, at most `limit_bytes`. Returns: kNotFound, kIo, kTooLarge; the message names the path.
Result<std::string> ReadFile(const std::filesystem::path& path, std::uint64_t limit_bytes);

// Writes to a temporary name beside `path`, syncs it, renames it over `path` and syncs the folder: after a crash either the old
// or the new content is there. `mode` is the file's permission bits, for example 0600. Returns: kIo, kFull.
Result<void> WriteFileAtomically(const std::filesystem::path& path, std::string_view content, std::uint32_t mode);

// Makes the folder and its parents; the last one gets `mode` if it is made here. Returns: kIo.
Result<void> MakeDirectory(const std::filesystem::path& path, std::uint32_t mode);

// `what`, the path, and the text of errno value `error`, as one Error with the code that fits (kNotFound, kFull, kIo).
Error FileError(std::string_view what, const std::filesystem::path& path, int error);

}  // namespace reflex::base
