#include "inference/gguf_file.h"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reflex::inference {
namespace {

// Far beyond any model there is, and little enough to be read in no time.
constexpr std::uint64_t kEntriesMax = 1 << 16;
constexpr std::uint64_t kVocabularyMax = 1 << 21;
constexpr std::uint32_t kDimensionsMax = 4;
constexpr std::uint64_t kAlignmentDefault = 32, kAlignmentMax = 1 << 20;

enum ValueType : std::uint32_t { kU8, kI8, kU16, kI16, kU32, kI32, kF32, kBool, kString, kArray, kU64, kI64, kF64 };

// Bytes of a value of fixed size, or 0.
std::size_t SizeOf(std::uint32_t type) {
  switch (type) {
    case kU8:
    case kI8:
    case kBool: return 1;
    case kU16:
    case kI16: return 2;
    case kU32:
    case kI32:
    case kF32: return 4;
    case kU64:
    case kI64:
    case kF64: return 8;
    default: return 0;
  }
}

bool IsWhole(std::uint32_t type) { return SizeOf(type) > 0 && type != kF32 && type != kF64; }

std::unexpected<Error> Bad(const std::string& what) { return Fail(ErrorCode::kInvalidArgument, "no usable GGUF file: " + what); }

}  // namespace

// Takes values off the front; once something does not fit, everything after it fails.
class GgufHead::Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t Whole(std::size_t size) {
    std::uint64_t value = 0;
    const std::string_view bytes = Bytes(size);
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  }
  std::uint32_t U32() { return static_cast<std::uint32_t>(Whole(4)); }
  std::uint64_t U64() { return Whole(8); }
  std::string_view String() { return Bytes(U64()); }
  std::string_view Bytes(std::uint64_t size) {
    if (failed_ || size > bytes_.size() - at_) {
      failed_ = true;
      return {};
    }
    at_ += size;
    return bytes_.substr(at_ - size, size);
  }
  bool failed() const { return failed_; }
  std::uint64_t at() const { return at_; }

  // A value that is not looked at, or of which only strings are. Returns what is wrong with it and what is allowed, or nothing.
  std::string Array(std::vector<std::string_view>* strings) {
    const std::uint32_t type = U32();
    const std::uint64_t count = U64();
    if (failed_) return {};
    if (type == kString) {
      if (count > kVocabularyMax) {
        return "an array of " + std::to_string(count) + " texts; allowed are at most " + std::to_string(kVocabularyMax);
      }
      for (std::uint64_t i = 0; i < count && !failed_; ++i) {
        const std::string_view string = String();
        if (strings) strings->push_back(string);
      }
      return {};
    }
    const std::size_t size = SizeOf(type);
    if (size == 0) {  // Arrays of arrays are not used.
      const std::string what = type == kArray ? "arrays" : "values of the unknown type " + std::to_string(type);
      return "an array of " + what + "; allowed are arrays of numbers, truth values and texts";
    }
    if (count > bytes_.size()) failed_ = true;
    Bytes(failed_ ? 0 : count * size);
    return {};
  }

 private:
  std::string_view bytes_;
  std::uint64_t at_ = 0;
  bool failed_ = false;
};

Result<GgufHead> GgufHead::Read(std::string_view bytes) {
  Reader reader(bytes);
  if (reader.Bytes(4) != "GGUF") return Bad("it does not begin with GGUF");
  const std::uint32_t version = reader.U32();
  if (version != 2 && version != 3) return Bad("version " + std::to_string(version) + "; allowed are 2 and 3");
  const std::uint64_t tensors = reader.U64(), settings = reader.U64();
  if (tensors > kEntriesMax || settings > kEntriesMax) return Bad("more than 65536 tensors or settings");
  GgufHead head;
  for (std::uint64_t i = 0; i < settings && !reader.failed(); ++i) {
    const std::string_view name = reader.String();
    const std::uint32_t type = reader.U32();
    if (type == kString) {
      head.texts_[name] = reader.String();
    } else if (type == kArray) {
      const bool pieces = name == "tokenizer.ggml.tokens" && head.vocabulary_.empty();
      if (const std::string wrong = reader.Array(pieces ? &head.vocabulary_ : nullptr); !wrong.empty())
        return Bad("setting " + std::to_string(i + 1) + " has " + wrong);
    } else if (const std::size_t size = SizeOf(type); size > 0) {
      const std::uint64_t value = reader.Whole(size);
      if (IsWhole(type)) head.numbers_[name] = value;
    } else if (!reader.failed()) {
      return Bad("setting " + std::to_string(i + 1) + " has the unknown type " + std::to_string(type) + "; allowed are 0 to 12");
    }
  }
  for (std::uint64_t i = 0; i < tensors && !reader.failed(); ++i) {
    const std::string_view name = reader.String();
    const std::uint32_t dimensions = reader.U32();
    if (!reader.failed() && (dimensions == 0 || dimensions > kDimensionsMax)) {
      return Bad("tensor " + std::to_string(i + 1) + " has " + std::to_string(dimensions) + " dimensions; allowed are 1 to 4");
    }
    GgufTensor tensor;
    for (std::uint32_t k = 0; k < dimensions && !reader.failed(); ++k) tensor.dimensions.push_back(reader.U64());
    tensor.type = reader.U32();
    tensor.begin = reader.U64();
    head.tensors_[name] = std::move(tensor);
  }
  if (reader.failed()) return Bad("it ends within its head; is it whole?");
  const std::uint64_t alignment = head.Number("general.alignment").value_or(kAlignmentDefault);
  if (!std::has_single_bit(alignment) || alignment > kAlignmentMax) {
    return Bad("its alignment is " + std::to_string(alignment) + "; allowed are powers of two up to " +
               std::to_string(kAlignmentMax));
  }
  const std::uint64_t weights = (reader.at() + alignment - 1) / alignment * alignment;
  for (auto& [name, tensor] : head.tensors_) {
    if (weights > bytes.size() || tensor.begin >= bytes.size() - weights)
      return Bad("it ends before its last weights; is it whole?");
    tensor.begin += weights;
  }
  return head;
}

std::optional<std::uint64_t> GgufHead::Number(std::string_view name) const {
  const auto found = numbers_.find(name);
  return found == numbers_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string_view> GgufHead::Text(std::string_view name) const {
  const auto found = texts_.find(name);
  return found == texts_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::uint64_t> GgufHead::ArchitectureNumber(std::string_view name) const {
  if (!architecture()) return std::nullopt;
  return Number(std::string(*architecture()) + "." + std::string(name));
}

const GgufTensor* GgufHead::Tensor(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

Result<void> GgufHead::CheckLoadable() const {
  if (!architecture() || architecture()->empty()) return Bad("general.architecture is missing");
  if (vocabulary_.empty()) return Bad("it has no vocabulary (tokenizer.ggml.tokens)");
  std::unordered_set<std::string_view> seen;
  for (std::size_t i = 0; i < vocabulary_.size(); ++i) {
    if (!seen.insert(vocabulary_[i]).second) return Bad("piece " + std::to_string(i) + " stands in the vocabulary twice");
  }
  const std::uint64_t layers = ArchitectureNumber("block_count").value_or(0);
  if (layers == 0 || layers > tensors_.size()) {
    return Bad("it says it has " + std::to_string(layers) + " layers and has " + std::to_string(tensors_.size()) + " tensors");
  }
  return {};
}

Result<MappedFile> MappedFile::Open(const std::filesystem::path& path) {
  const auto fail = [&](ErrorCode code, const std::string& what) { return Fail(code, path.string() + ": " + what); };
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, std::generic_category().message(errno));
  struct stat status{};
  const int state = ::fstat(file, &status);
  if (state == 0 && S_ISDIR(status.st_mode)) {
    ::close(file);
    return fail(ErrorCode::kInvalidArgument, "is a folder; name the model file in it, one that ends in .gguf");
  }
  if (state != 0 || !S_ISREG(status.st_mode) || status.st_size <= 0) {
    ::close(file);
    return fail(ErrorCode::kInvalidArgument, state == 0 && S_ISREG(status.st_mode) ? "is empty" : "is no ordinary file");
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file, 0);
  const int error = errno;
  ::close(file);
  if (data == MAP_FAILED) return fail(ErrorCode::kIo, std::generic_category().message(error));
  return MappedFile(static_cast<const char*>(data), size);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

}  // namespace reflex::inference
