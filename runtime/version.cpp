#include "runtime/version.h"

#include "build_version.h"

namespace limner {

std::string build_version() { return LIMNER_BUILD_VERSION; }

}  // namespace limner
