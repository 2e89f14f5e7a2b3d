// Lines of CSV as RFC 4180 has them.
#pragma once

#include <string>
#include <vector>

namespace limner {

// The cells with commas between them and \r\n at the end, quoted where they must be.
std::string csv_line(const std::vector<std::string>& cells);

}  // namespace limner
