#pragma once

#include <cstdint>
#include <span>

#include "reflex/result.h"
#include "reflex/types.h"

namespace reflex::regression {

// Adds a vector about which nothing else is known.
template <class Index>
Result<void> AddVector(Index& index, const Digest& scope, std::uint64_t label, std::span<const float> vector) {
  if constexpr (requires { index.Add(scope, label, vector); }) {
    return index.Add(scope, label, vector);
  } else {
    return index.Add(scope, label, vector, {});
  }
}

}  // namespace reflex::regression
