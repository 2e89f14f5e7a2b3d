// This process, as the system sees it.
#pragma once

#include <cstdint>

namespace limner {

int64_t resident_bytes();  // memory in use now: the program, its libraries, MPI, everything

}  // namespace limner
