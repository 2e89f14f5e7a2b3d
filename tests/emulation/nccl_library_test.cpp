// The machine's own NCCL, where there is one: it has every function that is wanted of it. No GPU is touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "kernels/cuda/nccl_library.h"

namespace limner {
namespace {

TEST(NcclLibrary, IsWholeOrSaysWhatIsMissing) {
  std::string reason;
  const NcclLibrary* nccl = find_nccl(&reason);
  if (nccl == nullptr) {
    EXPECT_THAT(reason, ::testing::HasSubstr("libnccl.so.2: cannot open shared object file"));
    GTEST_SKIP() << reason;
  }
  int version = 0;
  EXPECT_EQ(nccl->get_version(&version), ncclSuccess);
  EXPECT_GE(version, NCCL_VERSION(2, 14, 0)) << "the first with communicators that do not block";
  EXPECT_STREQ(nccl->error_string(ncclSuccess), "no error");
  EXPECT_EQ(find_nccl(&reason), nccl);
}

}  // namespace
}  // namespace limner
