// limner check: what a run will need, before it starts. Writes nothing.
#include <fmt/core.h>

#include "cli/command.h"
#include "extract/extract.h"
#include "profile/forecast.h"
#include "runtime/error.h"
#include "runtime/run.h"
#include "train/train.h"

namespace limner {
namespace {

std::string mebibytes(int64_t bytes) {
  return fmt::format("{:.1f} MiB", static_cast<double>(bytes) / (1 << 20));
}

}  // namespace

int check_command(const Arguments& arguments, Communicator& communicator) {
  const Run run{settings_from(arguments, command_named("check")), communicator};
  if (arguments.print_config) {
    if (communicator.root()) fmt::print("{}", print_settings(run.settings));
    return 0;
  }
  if (!run.has_texts()) {
    if (communicator.root()) {
      fmt::print("texts                     none: prepare and profile are all there is to do\n");
    }
    return 0;
  }
  const TrainForecast train = forecast_train(run);
  const ExtractForecast extract = forecast_extract(run);
  if (!communicator.root()) return 0;
  fmt::print("ranks                     {} (on this host {}), {} threads each\n", communicator.size(),
             communicator.local_size(), run.threads());
  fmt::print("parameters                {}\n", train.parameters);
  fmt::print("trained parameters        {}\n", train.trained_parameters);
  fmt::print("training rows             {} ({} cut to the longest length)\n", train.rows,
             train.truncated_rows);
  fmt::print("tokens per epoch          {}\n", train.tokens_per_epoch);
  fmt::print("optimizer steps           {}\n", train.steps);
  if (train.pretraining_steps > 0) fmt::print("pretraining steps         {}\n", train.pretraining_steps);
  fmt::print("memory per rank, train    {}\n", mebibytes(train.bytes_per_rank));
  fmt::print("one checkpoint            {}\n", mebibytes(train.checkpoint_bytes));
  fmt::print("rows to extract           {} ({} tokens)\n", extract.rows, extract.tokens);
  fmt::print("memory per rank, extract  {}\n", mebibytes(extract.bytes_per_rank));
  fmt::print("embeddings on disk        {}\n", mebibytes(extract.disk_bytes));
  const ProfileForecast profile = forecast_profile(run.settings.profile, extract.customers, extract.width,
                                                   extract.classes, run.threads());
  fmt::print("customers                 {}\n", extract.customers);
  fmt::print("memory of rank 0, profile {}\n", mebibytes(profile.bytes_on_root));
  if (communicator.size() > 1)
    fmt::print("memory of others, profile {}\n", mebibytes(profile.bytes_per_rank));
  fmt::print("scratch disk of profile   {}\n", mebibytes(profile.scratch_bytes));
  return 0;
}

}  // namespace limner
