#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "base/little_endian.h"
#include "reflex/types.h"

namespace reflex::store {

// Numbers and texts as bytes, little-endian on every machine.
template <class T>
void AppendLittleEndian(T value, std::string& out) {
  char bytes[sizeof(T)];
  base::PutLittleEndian(value, bytes);
  out.append(bytes, sizeof bytes);
}

inline void AppendDigest(const Digest& digest, std::string& out) {
  out.append(reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size());
}

inline void AppendText(std::string_view text, std::string& out) {
  AppendLittleEndian(static_cast<std::uint32_t>(text.size()), out);
  out.append(text);
}

// Takes values off the front of a piece of bytes; after the first that is not there, everything reads as zero and ok() is false.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <class T>
  T Number() {
    const std::string_view raw = Bytes(sizeof(T));
    return raw.empty() ? T{} : base::GetLittleEndian<T>(raw.data());
  }
  std::string_view Bytes(std::size_t size) {
    if (!ok_ || size > rest_.size()) {
      ok_ = false;
      return {};
    }
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  Digest ReadDigest() {
    Digest digest;
    const std::string_view raw = Bytes(sizeof digest.bytes);
    if (ok_) std::memcpy(digest.bytes.data(), raw.data(), raw.size());
    return digest;
  }
  // A length and so many bytes.
  std::string_view View() { return Bytes(Number<std::uint32_t>()); }
  std::string Text() { return std::string(View()); }

  bool ok() const { return ok_; }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

}  // namespace reflex::store
