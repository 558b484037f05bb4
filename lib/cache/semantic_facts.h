#pragma once

#include <string>
#include <vector>

#include "verify/reading.h"

namespace reflex::cache {

// The facts of a text as a person reads them: "number 120 s", "negation not empty", "language python", …
std::vector<std::string> DescribeFacts(const verify::Reading& reading);

}  // namespace reflex::cache
