#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "reflex/result.h"

namespace reflex::cloud {

// Reads the subset of XML that S3 and EC2 answer with: elements, attributes (passed over), text, CDATA, the five named and the
// numeric entities, comments, the declaration. Calls `element` at the end of each element with its path,
// "ListBucketResult/Contents/ Key", and its own text, entities resolved. Returns: kProtocol for anything else: a document type,
// more than 32 levels, an end without its start, text after the root.
Result<void> ReadXml(std::string_view xml, const std::function<void(std::string_view path, std::string_view text)>& element);

}  // namespace reflex::cloud
