#include "app/progress_bar.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

namespace reflex::app {
namespace {

constexpr std::size_t kCells = 30;
constexpr std::chrono::milliseconds kRedrawEvery{100};

std::string Pad(std::string text, std::size_t size) {
  return text.size() >= size ? text : std::string(size - text.size(), ' ') + text;
}

}  // namespace

ProgressBar::ProgressBar(std::string what, std::size_t total)
    : what_(std::move(what)), total_(total), terminal_(::isatty(STDERR_FILENO) == 1) {}

ProgressBar::~ProgressBar() {
  if (terminal_) std::fputs("\r\x1b[K", stderr);
}

void ProgressBar::Show(std::size_t done) {
  if (!terminal_) return;
  const auto now = std::chrono::steady_clock::now();
  if (done < total_ && now - shown_ < kRedrawEvery) return;
  shown_ = now;
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - started_);
  std::fprintf(stderr, "\r\x1b[K%s", Line(what_, done, total_, elapsed).c_str());
}

std::string ProgressBar::Line(const std::string& what, std::size_t done, std::size_t total, std::chrono::milliseconds elapsed) {
  const std::size_t all = std::max<std::size_t>(total, 1), part = std::min(done, all);
  const std::size_t cells = kCells * part / all;
  const std::string percent = Pad(std::to_string(100 * part / all), 3);
  std::string line = what + " [" + std::string(cells, '#') + std::string(kCells - cells, ' ') + "] " + percent + " %  " +
                     std::to_string(part) + " of " + std::to_string(total);
  if (part == 0 || part == all) return line;
  const auto left_s = static_cast<std::size_t>(elapsed.count()) * (all - part) / part / 1000;
  std::string seconds = std::to_string(left_s % 60);
  if (seconds.size() == 1) seconds = "0" + seconds;
  return line + ", " + std::to_string(left_s / 60) + ":" + seconds + " left";
}

}  // namespace reflex::app
