// Lines of CSV as RFC 4180 has them.
#pragma once

#include <string>
#include <vector>

namespace limner {

// The cells with commas between them and \r\n at the end, quoted where they must be. A cell that begins as a
// formula does (= + - @, also full-width, tab, line break) and is no number has an apostrophe before it: what
// customers wrote must not run in the spreadsheet of who reads it.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace limner
