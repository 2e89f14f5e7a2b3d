// make_report FOLDER CUSTOMERS plain|hostile: writes a made-up run and profiles it, for
// report_browser_test.sh.
#include <cstdio>
#include <string>

#include "profile/profile.h"
#include "tests/profile/run_folder.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: make_report FOLDER CUSTOMERS plain|hostile\n");
    return 64;
  }
  try {
    limner::MpiSession session(argc, argv);
    limner::Communicator communicator = limner::Communicator::self();
    limner::RunFolderOptions options;
    options.customers = std::stol(argv[2]);
    options.hostile = std::string(argv[3]) == "hostile";
    const limner::Settings settings = limner::write_run_folder(argv[1], options);
    limner::profile({settings, communicator});
  } catch (const limner::Error& error) {
    std::fprintf(stderr, "make_report: %s\n", error.what());
    return static_cast<int>(error.code());
  }
  return 0;
}
