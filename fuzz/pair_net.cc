// The parser of pair nets: any bytes give a net or an error with a message; what a net says lies within its range.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "verify/pair_net.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto net = reflex::verify::PairNet::Parse(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!net) {
    if (net.error().message.empty()) std::abort();
    return 0;
  }
  for (const float value : {0.f, 0.5f, -1.f}) {
    const std::vector<float> input(2 * net->input(), value), context(2 * net->context(), value);
    const reflex::verify::PairNet::Text text = net->Enter({input, context});
    const double score = net->Score(text, text);
    if (!(score >= -50 && score <= 50)) std::abort();
  }
  return 0;
}
