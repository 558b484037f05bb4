#include "app/version.h"

namespace reflex::app {

std::string_view Version() { return REFLEX_VERSION; }

}  // namespace reflex::app
