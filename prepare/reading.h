// Reading a source from end to end, with progress and heartbeat.
#pragma once

#include <algorithm>
#include <memory>
#include <vector>

#include "prepare/plan.h"
#include "runtime/progress.h"
#include "runtime/root_work.h"
#include "tables/reader.h"

namespace limner {

class SourceReading {
 public:
  SourceReading(const SourcePlan& source, int64_t max_characters, Heartbeat& heartbeat)
      : heartbeat_(heartbeat),
        reader_(open_table(source.path, source.format, source.columns, max_characters)),
        total_(std::max<int64_t>(1, reader_->file_bytes() / 1000)),
        progress_("prepare: reading " + std::filesystem::path(source.path).filename().string(), total_, "kB",
                  true) {}

  // Up to a few thousand records, less if they are long; none at the end.
  const std::vector<Record>& next_block() {
    constexpr size_t most_records = 4096;
    constexpr size_t most_bytes = size_t{64} << 20;
    size_t bytes = 0, count = 0;
    block_.resize(most_records);
    while (count < most_records && bytes < most_bytes && reader_->next(block_[count])) {
      for (const std::string& value : block_[count].values) bytes += value.size();
      ++count;
    }
    block_.resize(count);
    heartbeat_.beat();
    progress_.update(count < most_records && bytes < most_bytes ? total_ : reader_->bytes_read() / 1000);
    return block_;
  }

 private:
  Heartbeat& heartbeat_;
  std::unique_ptr<TableReader> reader_;
  int64_t total_;  // kB
  Progress progress_;
  std::vector<Record> block_;
};

}  // namespace limner
