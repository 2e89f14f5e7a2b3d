#pragma once
#include <string>
namespace limner {
std::string version_text();  // the build and its libraries, a line each
}  // namespace limner
