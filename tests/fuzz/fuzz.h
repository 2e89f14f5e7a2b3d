// What the fuzz targets share. A target is one function over bytes, which libFuzzer calls under
// AddressSanitizer and UBSan. It fails as well on an error that is not the input's fault, on more than a
// second of processor time, and on more live memory than ten times the input and a floor.
#pragma once

#include <fuzzer/FuzzedDataProvider.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>

namespace limner::fuzz {

constexpr size_t memory_factor = 10;
constexpr size_t memory_floor_bytes = size_t{16} << 20;  // buffers and tables that any input needs
constexpr double most_seconds = 1.0;

// A folder in memory of this process alone; removed at the end.
const std::filesystem::path& scratch();
// Writes scratch()/name in place; folders on the way are made.
std::filesystem::path put(std::string_view name, std::string_view bytes);
std::string_view view(const uint8_t* data, size_t size);

// Runs a parser on an input of that size. Errors that blame the input (bad_data, missing_input, bad_config)
// are what a parser is for; any other exception, and the limits above, end the process.
void hold(size_t input_bytes, const std::function<void()>& parse);

}  // namespace limner::fuzz
