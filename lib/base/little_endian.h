#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

namespace reflex::base {

// Whole numbers as they lie in files: least significant byte first on every machine, at any alignment.

// Writes sizeof(T) bytes.
template <class T>
void PutLittleEndian(T value, char* to) {
  static_assert(std::is_integral_v<T>);
  auto rest = static_cast<std::make_unsigned_t<T>>(value);
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    to[i] = static_cast<char>(rest & 0xff);
    rest = static_cast<std::make_unsigned_t<T>>(rest >> 4 >> 4);  // A shift by the width of a byte-sized T is not defined.
  }
}

// Reads sizeof(T) bytes.
template <class T>
T GetLittleEndian(const char* from) {
  static_assert(std::is_integral_v<T>);
  if constexpr (std::endian::native == std::endian::little) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
  } else {
    std::make_unsigned_t<T> value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;) {
      value = static_cast<std::make_unsigned_t<T>>(value << 4 << 4 | static_cast<unsigned char>(from[i]));
    }
    return static_cast<T>(value);
  }
}

}  // namespace reflex::base
