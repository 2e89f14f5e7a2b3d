#pragma once

#include <string>

namespace limner {

// "0.1.0+abc1234": version and commit; ".changed" follows when the tree differed from it.
std::string build_version();

}  // namespace limner
