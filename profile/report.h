// report.html: one file that opens offline, for someone who decides about customers.
#pragma once

#include <string>
#include <vector>

#include "profile/results.h"
#include "runtime/run.h"

namespace limner {

// What the report shows beside the results; null or empty where a stage wrote nothing.
struct ReportInputs {
  const ProfileResults& results;
  Phrases say;  // in the report's language
  ProfileSettings settings;
  Json quality;               // prepared/quality.json
  Json training;              // train/summary.json
  Json record;                // run.json: when each stage ran, with which version
  std::vector<Json> metrics;  // lines of train/metrics.jsonl
};
ReportInputs read_report_inputs(const Run& run, const ProfileResults& results);

// profile.report.language; auto is Chinese where more than half of the texts are, by quality.json.
Language report_language(const Run& run);

// The same bytes for the same inputs.
std::string render_report(const ReportInputs& inputs);

}  // namespace limner
