#include "base/little_endian.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace reflex::base {
namespace {

TEST(LittleEndian, TheLeastSignificantByteIsFirst) {
  std::string bytes(9, '\x7f');
  PutLittleEndian(std::uint64_t{0x0102030405060708}, bytes.data());
  EXPECT_EQ(bytes, std::string("\x08\x07\x06\x05\x04\x03\x02\x01\x7f"));
  PutLittleEndian(std::uint32_t{0xfffefdfc}, bytes.data() + 1);  // At no alignment.
  EXPECT_EQ(bytes, std::string("\x08\xfc\xfd\xfe\xff\x03\x02\x01\x7f"));
  EXPECT_EQ(GetLittleEndian<std::uint32_t>(bytes.data() + 1), 0xfffefdfc);
  EXPECT_EQ(GetLittleEndian<std::uint16_t>(bytes.data()), 0xfc08);
}

TEST(LittleEndian, SignsAndBytesStay) {
  char bytes[8];
  PutLittleEndian(std::int64_t{-2}, bytes);
  EXPECT_EQ(GetLittleEndian<std::int64_t>(bytes), -2);
  EXPECT_EQ(GetLittleEndian<std::int8_t>(bytes), -2);
  PutLittleEndian(std::uint8_t{200}, bytes);
  EXPECT_EQ(GetLittleEndian<std::uint8_t>(bytes), 200);
}

}  // namespace
}  // namespace reflex::base
