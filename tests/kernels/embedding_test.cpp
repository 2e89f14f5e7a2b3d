#include "compare.h"
#include "operand.h"
#include "reference.h"
#include "runtime/error.h"

namespace limner::test {

// Small integers, so that every sum is exact in either type.
Doubles integers(int64_t count, uint64_t seed) {
  Doubles values(static_cast<size_t>(count));
  const Random random(seed, "integers");
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<double>(random.below(i, 9)) - 4.0;
  return values;
}

struct Ids {
  std::vector<int32_t> words, positions, segments;
  explicit Ids(int64_t tokens) {
    const Random random(1, "ids");
    for (int64_t t = 0; t < tokens; ++t) {
      words.push_back(static_cast<int32_t>(random.below(static_cast<uint64_t>(t), 11)));
      positions.push_back(static_cast<int32_t>(t % 7));
      segments.push_back(static_cast<int32_t>(t % 2));
    }
  }
};

struct TableSize {
  int64_t tokens, width;
};

class Embedding : public KernelTest {};

TEST_P(Embedding, ForwardIsExact) {
  for (const int64_t width : {1, 15, 16, 17, 67}) {
    for (const int64_t tokens : {0, 1, 71}) {
      const Ids ids(tokens);
      const Operand word(dtype(), {11, width}, integers(11 * width, 2)),
          position(dtype(), {7, width}, integers(7 * width, 3));
      const Operand segment(dtype(), {2, width}, integers(2 * width, 4)), y(dtype(), {tokens, width});
      backend_->embedding_forward(y, word, position, segment, ids.words, ids.positions, ids.segments);
      const Doubles w = word.values(), p = position.values(), s = segment.values();
      Doubles expected(static_cast<size_t>(tokens * width)), expected_word(expected.size());
      for (size_t t = 0; t < static_cast<size_t>(tokens); ++t) {
        for (size_t c = 0; c < static_cast<size_t>(width); ++c) {
          const size_t columns = static_cast<size_t>(width), at = t * columns + c;
          expected_word[at] = w[static_cast<size_t>(ids.words[t]) * columns + c];
          expected[at] = expected_word[at] + p[static_cast<size_t>(ids.positions[t]) * columns + c] +
                         s[static_cast<size_t>(ids.segments[t]) * columns + c];
        }
      }
      EXPECT_EQ(y.values(), expected);
      backend_->embedding_forward(y, word, Tensor(), Tensor(), ids.words, {}, {});
      EXPECT_EQ(y.values(), expected_word);
    }
  }
}

TEST_P(Embedding, BackwardIsExactAndAdds) {
  for (const auto& [tokens, width] : {TableSize{71, 1}, TableSize{71, 15}, TableSize{1, 33}, TableSize{0, 7},
                                      TableSize{71, 67}, TableSize{1500, 16}, TableSize{9001, 3}}) {
    const Ids ids(tokens);
    const Operand dy(dtype(), {tokens, width}, integers(tokens * width, 5));
    const Operand dword(DType::f32, {11, width}, integers(11 * width, 6)),
        dposition(DType::f32, {7, width}, integers(7 * width, 7));
    const Operand dsegment(DType::f32, {2, width}, integers(2 * width, 8));
    Doubles word = dword.values(), position = dposition.values(), segment = dsegment.values();
    const Doubles gradient = dy.values();
    for (size_t i = 0; i < gradient.size(); ++i) {
      const size_t columns = static_cast<size_t>(width), token = i / columns, c = i % columns;
      word[static_cast<size_t>(ids.words[token]) * columns + c] += gradient[i];
      position[static_cast<size_t>(ids.positions[token]) * columns + c] += gradient[i];
      segment[static_cast<size_t>(ids.segments[token]) * columns + c] += gradient[i];
    }
    backend_->embedding_backward(dword, dposition, dsegment, dy, ids.words, ids.positions, ids.segments);
    EXPECT_EQ(dword.values(), word);
    EXPECT_EQ(dposition.values(), position);
    EXPECT_EQ(dsegment.values(), segment);
  }
}

TEST_P(Embedding, AnIdOutOfRangeIsRefusedByName) {
  const Operand word(dtype(), {11, 4}, 9), y(dtype(), {2, 4});
  for (const int32_t id : {-1, 11}) {
    const std::vector<int32_t> ids{3, id};
    try {
      backend_->embedding_forward(y, word, Tensor(), Tensor(), ids, {}, {});
      FAIL() << "id " << id << " passed";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::internal);
      EXPECT_NE(std::string(error.what()).find("word id " + std::to_string(id)), std::string::npos)
          << error.what();
    }
  }
  const std::vector<int32_t> few{3};
  EXPECT_THROW(backend_->embedding_forward(y, word, Tensor(), Tensor(), few, {}, {}), Error);
  EXPECT_THROW(backend_->embedding_forward(y, Tensor(), Tensor(), Tensor(), {}, {}, {}), Error);
}

LIMNER_FOR_BOTH_TYPES(Embedding);

}  // namespace limner::test
