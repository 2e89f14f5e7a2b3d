// tokenizer.json; one that loads cuts a text.
#include "text/tokenizer.h"

#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  fuzz::put("tokenizer.json", fuzz::view(data, size));
  fuzz::hold(size, [] {
    const Tokenizer tokenizer = Tokenizer::load(fuzz::scratch());
    for (const int32_t id : tokenizer.encode("Ab, 中文 <m>[MASK] éé 12\n", 64)) {
      if (id < 0 || id >= tokenizer.vocabulary_size()) std::abort();
    }
  });
  return 0;
}
