// Logs go to standard error, results to standard output. Never a customer's text or identifier.
#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

namespace limner {

// Sets up the process's log once, in main: ranks other than 0 show warnings and errors only, prefixed with
// rank and host.
void start_log(int rank, int size, std::string_view host);

void log_line(int level, std::string_view message);  // 0 info, 1 warning, 2 error

template <class... A>
void log_info(fmt::format_string<A...> format, A&&... a) {
  log_line(0, fmt::format(format, std::forward<A>(a)...));
}
template <class... A>
void log_warning(fmt::format_string<A...> format, A&&... a) {
  log_line(1, fmt::format(format, std::forward<A>(a)...));
}
template <class... A>
void log_error(fmt::format_string<A...> format, A&&... a) {
  log_line(2, fmt::format(format, std::forward<A>(a)...));
}

}  // namespace limner
