// The fuzz targets' HDF5 in memory answers as runtime's does, object by object and error by error.
#include "tests/runtime/hdf5_answers.h"
#include "tests/runtime/temporary_folder.h"

namespace limner {
namespace {

TEST(Hdf5Memory, AnswersAsTheLibraryDoes) {
  const TemporaryFolder folder;
  const std::filesystem::path path = folder.path() / "x.h5";
  std::string all;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const std::string answers = hdf5::answers(seed, path);
    ASSERT_EQ(hdf5_memory::answers(seed, path), answers) << "seed " << seed;
    all += answers;
  }
  // What is drawn finds objects of every kind, so that equal answers say something.
  for (const char* answer :
       {"has /g/a true", "names /g [\"a\"", "dims /a [4, 4]", "type /b 4", "strings /a 0 1 [\"x",
        "string /a@n x", "int /@m -", "double /@n 1", "strings /@n [\"x", "read /a 5 0 1 error 65",
        "read /a 2 0 4 error 70", "other file error 65", "folder error 66", "no file error 66"}) {
    EXPECT_TRUE(all.find(answer) != std::string::npos) << answer;
  }
}

}  // namespace
}  // namespace limner
