#pragma once

#include <chrono>
#include <cstdint>

namespace reflex::app {

// When the store is filled from the newest snapshot at a start.
enum class Hydrate : std::uint8_t { kEmpty, kAlways, kNever };

struct MaintenanceOptions {
  Hydrate hydrate = Hydrate::kEmpty;
  std::chrono::milliseconds restore_limit{600'000};  // Then Reflex starts with what it has.
  std::chrono::milliseconds save_interval{0};        // 0: not while it runs.
  bool save_on_stop = true;
  std::chrono::milliseconds stop_limit{90'000};  // For a save at the end.
  std::chrono::milliseconds idle_timeout{0};     // 0: never idle.
  bool stop_instance = false;
  bool stop_unsaved = false;  // Also where the last save failed.
};

}  // namespace reflex::app
