#include "tests/fuzz/fuzz.h"

#include <sanitizer/allocator_interface.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>

#include "runtime/error.h"
#include "runtime/log.h"

namespace limner {

// In the place of runtime/log.cpp's: nobody reads the warnings about a million broken files.
void log_line(int /*level*/, std::string_view /*message*/) {}

}  // namespace limner

namespace limner::fuzz {
namespace {

namespace fs = std::filesystem;

std::atomic<int64_t> live_bytes{0};
std::atomic<int64_t> most_live_bytes{0};  // 0: nobody measures

[[noreturn]] void refuse(const std::string& why) {
  std::fprintf(stderr, "fuzz: %s\n", why.c_str());
  std::abort();
}

void count_allocation(const volatile void* /*pointer*/, size_t bytes) {
  const int64_t live = live_bytes += static_cast<int64_t>(bytes);
  const int64_t most = most_live_bytes;
  if (most > 0 && live > most) {
    most_live_bytes = 0;
    refuse("more than " + std::to_string(most) + " bytes of memory at once, the last piece of " +
           std::to_string(bytes));
  }
}

void count_release(const volatile void* pointer) {
  if (pointer == nullptr) return;
  live_bytes -= static_cast<int64_t>(__sanitizer_get_allocated_size(const_cast<const void*>(pointer)));
}

double processor_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

std::string make_scratch() {
  std::string name = "/dev/shm/limner-fuzz-XXXXXX";
  if (mkdtemp(name.data()) == nullptr) refuse("cannot make " + name);
  return name;
}

bool blames_the_input(ExitCode code) {
  return code == ExitCode::bad_data || code == ExitCode::missing_input || code == ExitCode::bad_config;
}

}  // namespace

const fs::path& scratch() {
  static const fs::path folder = make_scratch();
  return folder;
}

fs::path put(std::string_view name, std::string_view bytes) {
  const fs::path path = scratch() / name;
  fs::create_directories(path.parent_path());
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (!file) refuse("cannot write " + path.string());
  return path;
}

std::string_view view(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

void hold(size_t input_bytes, const std::function<void()>& parse) {
  const double started = processor_seconds();
  most_live_bytes = live_bytes + static_cast<int64_t>(memory_factor * input_bytes + memory_floor_bytes);
  try {
    parse();
  } catch (const Error& error) {
    if (!blames_the_input(error.code())) {
      refuse("error " + std::to_string(static_cast<int>(error.code())) + ": " + error.what());
    }
  }
  most_live_bytes = 0;
  const double seconds = processor_seconds() - started;
  if (seconds > most_seconds) refuse("an input took " + std::to_string(seconds) + " s of processor time");
}

}  // namespace limner::fuzz

// Called by libFuzzer before the first input.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  using namespace limner::fuzz;
  __sanitizer_install_malloc_and_free_hooks(count_allocation, count_release);
  scratch();
  std::atexit([] {
    std::error_code ignored;
    std::filesystem::remove_all(scratch(), ignored);
  });
  return 0;
}
