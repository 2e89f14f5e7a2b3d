#include "profile/word_vectors.h"

#include <gmock/gmock.h>

#include "runtime/files.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

class WordVectorFiles : public testing::Test {
 protected:
  TemporaryFolder folder;
  Vocabulary vocabulary{{"guitar", "string", "吉他"}, {5, 5, 5}, {6, 6, 6}, 20};
  std::filesystem::path write(const std::string& name, const std::string& content) {
    write_file(folder.path() / name, content);
    return folder.path() / name;
  }
  static std::string binary(const std::vector<float>& values) {
    return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
  }
  void expect_vectors(const std::filesystem::path& path) {
    const WordVectors vectors(path, vocabulary);
    ASSERT_EQ(vectors.width(), 2);
    EXPECT_THAT(std::vector<float>(vectors.of(0), vectors.of(0) + 2), testing::ElementsAre(1.5F, -2.0F));
    EXPECT_THAT(std::vector<float>(vectors.of(2), vectors.of(2) + 2), testing::ElementsAre(0.25F, 3.0F));
    EXPECT_EQ(vectors.of(1), nullptr);
    std::vector<double> mean(2);
    EXPECT_TRUE(vectors.mean({{0, 3.0}, {1, 7.0}, {2, 1.0}}, mean.data()));
    EXPECT_THAT(mean, testing::ElementsAre((3 * 1.5 + 0.25) / 4, (3 * -2.0 + 3) / 4));
    EXPECT_FALSE(vectors.mean({{1, 2.0}}, mean.data()));
  }
  void expect_bad(const std::filesystem::path& path, const std::vector<std::string>& parts) {
    expect_error(ExitCode::bad_data, parts, [&] { WordVectors wrong(path, vocabulary); });
  }
};

TEST_F(WordVectorFiles, AllThreeForms) {
  expect_vectors(
      write("glove.txt", "the 9 9\nguitar 1.5 -2\nnew york city 7 7\n吉他 0.25 3.0\nguitar 8 8\n"));
  expect_vectors(write("word2vec.txt", "3 2\nthe 9 9 \nguitar 1.5 -2 \n吉他 2.5e-1 3\n"));
  expect_vectors(write("word2vec.bin", "3 2\nthe " + binary({9, 9}) + "\nguitar " + binary({1.5F, -2}) +
                                           "吉他 " + binary({0.25F, 3})));
}

TEST_F(WordVectorFiles, Errors) {
  expect_bad(write("a.txt", "guitar 1 2\nthe 1\n"), {"a.txt:2", "1 numbers instead of 2"});
  expect_bad(write("b.txt", "guitar 1 x\n"), {"b.txt:1", "number 2"});
  expect_bad(write("c.txt", "guitar 1 inf\n"), {"c.txt:1", "number 2"});
  expect_bad(write("d.txt", "the 1 2\n"), {"none of the 3 words"});
  expect_bad(write("e.txt", "guitar\n"), {"e.txt:1", "0 numbers"});
  expect_bad(write("f.bin", "2 2\nguitar " + binary({1, 2}) + "\nstring " + binary({1})), {"word 2 of 2"});
  expect_bad(write("g.bin", "guitar 1 2\n"), {"g.bin:1"});
  expect_bad(write("h.bin", "1 100000000\n"), {"h.bin:1", "100000000"});
  expect_error(ExitCode::missing_input, {"none.txt"},
               [&] { WordVectors none(folder.path() / "none.txt", vocabulary); });
}

}  // namespace
}  // namespace limner
