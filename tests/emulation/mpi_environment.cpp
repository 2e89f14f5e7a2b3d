// MPI for the whole of a test program, on one rank or under mpirun.
#include <gtest/gtest.h>

#include <optional>

#include "runtime/communicator.h"

namespace limner::testing {
namespace {

class MpiEnvironment : public ::testing::Environment {
 public:
  void SetUp() override {
    int argc = 0;
    char** argv = nullptr;
    session_.emplace(argc, argv);
  }
  void TearDown() override { session_.reset(); }

 private:
  std::optional<MpiSession> session_;
};

[[maybe_unused]] const auto* const environment = ::testing::AddGlobalTestEnvironment(new MpiEnvironment);

}  // namespace
}  // namespace limner::testing
