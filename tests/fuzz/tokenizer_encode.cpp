// Any text through the three kinds of tokenizers: the first byte says which, and how many tokens at most.
#include "runtime/files.h"
#include "tests/fuzz/fuzz.h"
#include "text/tokenizer.h"

namespace {

std::vector<limner::Tokenizer> load_tokenizers() {
  std::vector<limner::Tokenizer> tokenizers;
  for (const char* kind : {"word_piece", "byte_level", "unigram"}) {
    const limner::fs::path source =
        limner::fs::path(LIMNER_FUZZ_CORPORA) / "tokenizer" / (std::string(kind) + ".json");
    limner::fuzz::put("tokenizer.json", limner::read_file(source));
    tokenizers.push_back(limner::Tokenizer::load(limner::fuzz::scratch()));
  }
  return tokenizers;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace limner;
  static const std::vector<Tokenizer> tokenizers = load_tokenizers();
  if (size == 0) return 0;
  const Tokenizer& tokenizer = tokenizers[data[0] % tokenizers.size()];
  const int64_t most = data[0] < 128 ? 8 : int64_t{1} << 40;
  fuzz::hold(size, [&] {
    const Encoding encoding = tokenizer.encode_with_offsets(fuzz::view(data + 1, size - 1), most);
    if (encoding.ids.size() != encoding.offsets.size()) std::abort();
    if (static_cast<int64_t>(encoding.ids.size()) > most) std::abort();
    for (const int32_t id : encoding.ids) {
      if (id < 0 || id >= tokenizer.vocabulary_size()) std::abort();
    }
    for (const auto& [begin, end] : encoding.offsets) {
      if (begin < 0 || begin > end || static_cast<size_t>(end) > size) std::abort();
    }
  });
  return 0;
}
