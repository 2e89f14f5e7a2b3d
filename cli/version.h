#pragma once
#include <string>
namespace limner {
std::string version_text();   // the build and its libraries, a line each
std::string build_version();  // "0.1.0+abc1234"
}  // namespace limner
