#pragma once

#include <string>

#include "reflex/result.h"

namespace reflex::inference {

// Prepares llama.cpp, once for the process; every use of it comes after this. What the library logs is kept, not printed.
// Returns: kUnsupported on a processor without what it was compiled for, or when another version of it is loaded than was built
// for.
Result<void> UseLlama();

// The last complaint the library logged on this thread since the last call, as one line of UTF-8, or "".
std::string TakeLlamaComplaint();

}  // namespace reflex::inference
