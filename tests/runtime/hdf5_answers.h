// What hdf5::Writer and hdf5::Reader answer, as text: hdf5_answers.cpp is compiled twice, for runtime's and,
// under the name hdf5_memory, for that of tests/fuzz/hdf5_memory.cpp.
#pragma once

#include <filesystem>
#include <string>

namespace limner::hdf5 {
// Writes objects drawn from the seed to `path`, then asks everything about every object. A line a call: its
// result, or the code of its error.
std::string answers(uint64_t seed, const std::filesystem::path& path);
}  // namespace limner::hdf5

namespace limner::hdf5_memory {
std::string answers(uint64_t seed, const std::filesystem::path& path);
}  // namespace limner::hdf5_memory
