// The parity probe: see probe.h, tests/python/oracles.py and tests/python/tokens.py.
#include <cstdio>
#include <limits>

#include "tests/parity/probe.h"

namespace {

using namespace limner;

int run(const std::vector<std::string>& arguments) {
  const auto is = [&](const char* command, size_t least, size_t most) {
    return !arguments.empty() && arguments[0] == command && arguments.size() >= least &&
           arguments.size() <= most;
  };
  if (is("forward", 4, 4)) {
    parity::forward(arguments[1], arguments[2], arguments[3]);
  } else if (is("train", 4, 4)) {
    parity::train(arguments[1], arguments[2], arguments[3]);
  } else if (is("encode", 5, 6) && (arguments[4] == "f32" || arguments[4] == "bf16")) {
    parity::encode(arguments[1], arguments[2], arguments[3], arguments[4] == "f32" ? DType::f32 : DType::bf16,
                   arguments.size() == 6 ? std::optional(std::stoll(arguments[5])) : std::nullopt);
  } else if (is("export", 4, 4)) {
    parity::export_model(arguments[1], arguments[2], arguments[3]);
  } else if (is("resave", 3, 3)) {
    parity::resave(arguments[1], arguments[2]);
  } else if (is("tokens", 4, 5)) {
    const int64_t length =
        arguments.size() == 5 ? std::stoll(arguments[4]) : std::numeric_limits<int32_t>::max();
    parity::tokens(arguments[1], arguments[2], arguments[3], length);
  } else {
    std::fputs(
        "parity_probe forward | train CHECKPOINT INPUT.json OUTPUT.safetensors\n"
        "parity_probe encode CHECKPOINT TEXTS.jsonl OUTPUT.safetensors f32|bf16 [DIMENSIONS]\n"
        "parity_probe export SPECIFICATION.json FOLDER OUTPUT.safetensors\n"
        "parity_probe resave CHECKPOINT FOLDER\n"
        "parity_probe tokens TOKENIZER_FOLDER TEXTS.jsonl OUTPUT.txt [MAX_TOKENS]\n",
        stderr);
    return static_cast<int>(ExitCode::usage);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run({argv + 1, argv + argc});
  } catch (const Error& error) {
    std::fprintf(stderr, "parity_probe: %s\n", error.what());
    return static_cast<int>(error.code());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "parity_probe: %s\n", error.what());
    return static_cast<int>(ExitCode::internal);
  }
}
