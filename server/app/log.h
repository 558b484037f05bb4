#pragma once

#include <memory>
#include <string_view>

#include "reflex/logger.h"

namespace reflex::app {

// A logger that writes lines of `level` and above to standard error, with time and level in front. `level` is a choice of
// log.level.
std::unique_ptr<Logger> NewStderrLogger(std::string_view level);

}  // namespace reflex::app
