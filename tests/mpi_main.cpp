// main of the test programs that use MPI, on one rank or on several.
#include <gtest/gtest.h>

#include "runtime/communicator.h"

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  const limner::MpiSession session(argc, argv);
  return RUN_ALL_TESTS();
}
