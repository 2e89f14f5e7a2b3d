#include "runtime/progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "runtime/log.h"

namespace limner {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr double terminal_interval = 0.1;  // seconds between drawings
constexpr double shortest_interval = 5;    // seconds between plain lines, growing with the time run
constexpr double longest_interval = 60;

bool is_terminal() {
  const char* term = std::getenv("TERM");
  return isatty(STDERR_FILENO) == 1 && term != nullptr && std::string_view(term) != "dumb";
}

bool wants_color() {
  const char* no_color = std::getenv("NO_COLOR");
  return no_color == nullptr || *no_color == '\0';
}

size_t terminal_columns() {
  winsize size{};
  return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// 45 s, 3:20, 1:02:03
std::string duration(double seconds) {
  const int64_t whole = std::llround(seconds);
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02}", whole / 60, whole % 60);
  return fmt::format("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60);
}

std::string rate(double per_second) {
  return per_second < 10 ? fmt::format("{:.2f}", per_second) : fmt::format("{:.0f}", per_second);
}

}  // namespace

Progress::Progress(std::string title, int64_t total, std::string unit, bool shown)
    : title_(std::move(title)),
      unit_(std::move(unit)),
      total_(total),
      shown_(shown),
      terminal_(is_terminal()),
      color_(wants_color()),
      started_(Clock::now()),
      drawn_(started_) {}

Progress::~Progress() {
  if (shown_) draw(true);
}

void Progress::update(int64_t done, const std::string& note) {
  done_ = done;
  if (!shown_) return;
  const Clock::time_point now = Clock::now();
  const double run = Seconds(now - started_).count();
  const double interval =
      terminal_ ? terminal_interval : std::clamp(run / 20, shortest_interval, longest_interval);
  if (Seconds(now - drawn_).count() < interval) return;
  drawn_ = now;
  note_ = note;
  draw(false);
}

void Progress::draw(bool last) {
  const double run = Seconds(Clock::now() - started_).count();
  const double per_second = run > 0 ? static_cast<double>(done_) / run : 0;
  std::string text =
      total_ > 0 ? fmt::format("{}/{} {}", done_, total_, unit_) : fmt::format("{} {}", done_, unit_);
  if (done_ > 0) text += fmt::format(", {} {}/s", rate(per_second), unit_);
  if (last) {
    text += ", " + duration(run);
  } else if (total_ > done_ && done_ > 0) {
    text += fmt::format(", {} left", duration(static_cast<double>(total_ - done_) / per_second));
  }
  if (!note_.empty()) text += ", " + note_;

  const double share =
      total_ > 0 ? std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0) : 0;
  if (!terminal_) {
    log_info("{}: {}{}", title_, total_ > 0 ? fmt::format("{:.0f} %, ", 100 * share) : "", text);
    return;
  }
  constexpr size_t bar_columns = 24;
  std::string bar;
  if (total_ > 0) {
    const auto filled = static_cast<size_t>(share * bar_columns);
    for (size_t column = 0; column < bar_columns; ++column) bar += column < filled ? "━" : " ";
    bar = (color_ ? "\x1b[32m" : "") + bar + (color_ ? "\x1b[0m" : "") +
          fmt::format(" {:3.0f} % ", 100 * share);
  }
  // A line that wraps could not be drawn over: cut the text, which follows title and bar.
  const size_t taken = title_.size() + 1 + (total_ > 0 ? bar_columns + 7 : 0);
  const size_t columns = terminal_columns();
  text = text.substr(0, columns > taken + 1 ? columns - taken - 1 : 0);
  fmt::print(stderr, "\r\x1b[K{} {}{}{}", title_, bar, text, last ? "\n" : "");
  std::fflush(stderr);
}

}  // namespace limner
