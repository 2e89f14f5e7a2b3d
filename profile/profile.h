// Customer profiles, segments, regressions and report.html from embeddings and tables.
#pragma once

#include "runtime/run.h"

namespace limner {

void profile(const Run& run);

}  // namespace limner
