#include "profile/unknown_tokens.h"

#include <algorithm>
#include <array>

#include "profile/blocks.h"
#include "runtime/log.h"
#include "text/tokenizer.h"

namespace limner {
namespace {

constexpr int64_t rows_per_block = 2048;
constexpr int64_t whole = int64_t{1} << 30;  // tokens: no text is cut

}  // namespace

UnknownTokens count_unknown_tokens(const PreparedReader& prepared, const std::filesystem::path& checkpoint,
                                   const std::string& tokenizer_sha256, int threads,
                                   const Communicator& communicator) {
  const auto pass_over = [&](const char* why) {
    if (communicator.root())
      log_info("profile: unknown tokens are not counted: {} {}", checkpoint.string(), why);
    return UnknownTokens();
  };
  if (!std::filesystem::exists(checkpoint)) return pass_over("is not there");
  const Tokenizer tokenizer = Tokenizer::load(checkpoint);
  if (tokenizer.sha256() != tokenizer_sha256)
    return pass_over("has another tokenizer than the vectors were made with");
  UnknownTokens result;
  result.tokenizer = tokenizer.kind();
  result.has_unknown = tokenizer.unknown_id().has_value();
  const auto special = static_cast<int64_t>(tokenizer.encode("", whole).size());
  const int32_t unknown = tokenizer.unknown_id().value_or(-1);
  for_blocks(
      communicator, {prepared.rows(), rows_per_block, "gather the unknown tokens"},
      [&](int64_t first, int64_t count) {
        std::array<int64_t, 3> counts{};
        for (const auto& ids : tokenizer.encode_all(prepared.texts(first, count), whole, threads)) {
          const int64_t here = std::count(ids.begin(), ids.end(), unknown);
          counts[0] += std::ssize(ids) - special;
          counts[1] += here;
          counts[2] += here > 0 ? 1 : 0;
        }
        ByteWriter bytes;
        bytes.value(counts);
        return bytes.take();
      },
      [&](int64_t, int64_t, const std::string& message) {
        ByteReader bytes(message);
        const auto counts = bytes.value<std::array<int64_t, 3>>();
        result.tokens += counts[0];
        result.unknown += counts[1];
        result.texts_with_unknown += counts[2];
      });
  return result;
}

}  // namespace limner
