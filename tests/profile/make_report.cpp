// make_report FOLDER CUSTOMERS KIND: writes a made-up run and profiles it, for report_browser_test. KIND:
// plain, chinese, hostile (markup in every name), attributes (no texts), texts (nothing but texts), crowded
// (50 segments, one topic, long names, some from right to left).
#include <cstdio>
#include <string>

#include "profile/profile.h"
#include "tests/profile/run_folder.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: make_report FOLDER CUSTOMERS KIND\n");
    return 64;
  }
  try {
    limner::MpiSession session(argc, argv);
    limner::Communicator communicator = limner::Communicator::self();
    limner::RunFolderOptions options;
    options.customers = std::stol(argv[2]);
    const std::string kind = argv[3];
    options.hostile = kind == "hostile";
    options.texts = kind != "attributes";
    options.long_names = kind == "crowded";
    if (kind == "texts") options.time = options.items = options.attributes = options.heads = false;
    limner::Settings settings = limner::write_run_folder(argv[1], options);
    settings.profile.report.language = kind == "chinese" || kind == "attributes" ? "zh" : "en";
    if (kind == "crowded") {
      settings.profile.segments.k.value = 50;
      settings.profile.topics.k.value = 1;
    }
    limner::profile({settings, communicator});
  } catch (const limner::Error& error) {
    std::fprintf(stderr, "make_report: %s\n", error.what());
    return static_cast<int>(error.code());
  }
  return 0;
}
