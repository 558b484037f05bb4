#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::cloud {

// CRC-32C (Castagnoli; RFC 3720, appendix B.4). Continues `crc`, which is 0 for the first piece.
std::uint32_t Crc32c(std::string_view bytes, std::uint32_t crc = 0);
// As Google Cloud Storage and S3 write it: base64 of the four bytes, the highest first.
std::string Crc32cText(std::uint32_t crc);

// MD5 (RFC 1321), 16 bytes: what S3 calls Content-MD5 and, for a part that is not encrypted with KMS, its ETag. Against damage
// only. Returns "" where the system's libcrypto does not offer it (FIPS).
std::string Md5(std::string_view bytes);

// RFC 4648: the standard alphabet with padding, and the one for URLs without.
std::string Base64(std::string_view bytes);
std::string Base64Url(std::string_view bytes);

// RS256 (RFC 7518, section 3.3) under an RSA key in PEM, PKCS#8 or PKCS#1. Returns: kInvalidArgument for a key that is none.
Result<std::string> SignRs256(std::string_view message, const std::string& pem_key);

}  // namespace reflex::cloud
