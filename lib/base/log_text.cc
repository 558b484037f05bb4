#include "base/log_text.h"

namespace reflex::base {

std::string Quoted(std::string_view text) {
  std::string out("\"");
  for (const char c : text) {
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(static_cast<unsigned char>(c) < 0x20 ? '?' : c);
  }
  return out.append("\"");
}

}  // namespace reflex::base
