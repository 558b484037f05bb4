#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/wire/tree.h"

namespace reflex::wire::testing {

// The data of every event of a stream, [DONE] included. Fails the test when bytes are left over.
std::vector<std::string> StreamData(std::string_view stream);

// What the helpers of the SDKs insist on in a chat stream; the faults found, none for a good stream.
std::vector<std::string> LintChatStream(std::string_view stream, bool include_usage);

// The messages openai-python's helper makes of a stream, in essence: every repeated string is concatenated, numbers add up, lists
// of objects merge by index.
std::vector<Tree> PythonMessages(std::string_view stream);

}  // namespace reflex::wire::testing
