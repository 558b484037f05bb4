#pragma once

namespace reflex {

struct SnapshotInfo {};
struct SnapshotLoaded {};

}  // namespace reflex
