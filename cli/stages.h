// The four stages in order, with what each one's result depends on.
#pragma once

#include <string>
#include <vector>

#include "runtime/run.h"

namespace limner {

struct Stage {
  const char* name;
  void (*run)(const Run&);
  // What the stage before left; null for the first.
  std::filesystem::path (*input)(const Run&);
  bool of_texts;  // has nothing to do in a run without texts
  // SHA-256 over the settings and input files that decide the stage's result.
  std::string (*fingerprint)(const Run&);
  // A file that stands only after the stage has ended.
  std::filesystem::path (*result)(const Run&);
};

const std::vector<Stage>& stages();

// Runs one stage on all ranks and records it in run.json. skip_current: not if its fingerprint and result
// still stand.
enum class Again : unsigned char { always, if_changed };
void run_stage(const Stage& stage, const Run& run, Again again);

}  // namespace limner
