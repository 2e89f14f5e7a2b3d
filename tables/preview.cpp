#include "tables/preview.h"

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "runtime/error.h"
#include "tables/reader.h"

namespace limner {
namespace {

constexpr int64_t most_bytes = int64_t{64} << 20;
constexpr int64_t block_rows = 4096;

// Keeps every n-th text, and doubles n whenever too many are kept.
class EvenSample {
 public:
  explicit EvenSample(int64_t most) : most_(static_cast<size_t>(std::max<int64_t>(2, most))) {}
  bool wants(int64_t index) const { return index % stride_ == 0; }
  void add(std::string text, Split split) {
    texts_.push_back(std::move(text));
    split_.push_back(split);
    if (texts_.size() <= most_) return;
    for (size_t i = 0; 2 * i < texts_.size(); ++i) {
      texts_[i] = std::move(texts_[2 * i]);
      split_[i] = split_[2 * i];
    }
    texts_.resize((texts_.size() + 1) / 2);
    split_.resize(texts_.size());
    stride_ *= 2;
  }
  void give_to(Preview& preview) {
    preview.texts = std::move(texts_);
    preview.split = std::move(split_);
  }

 private:
  size_t most_;
  int64_t stride_ = 1;
  std::vector<std::string> texts_;
  std::vector<Split> split_;
};

void note_value(Preview& preview, const std::string& field, const std::string& value) {
  if (value.empty() || field == "customer" || field == "text" || field == "time" || field == "item") return;
  std::set<std::string>& seen = preview.values[field];
  if (seen.size() < distinct_limit) seen.insert(value);
}

Preview preview_prepared(const std::filesystem::path& path, int64_t most_texts) {
  const PreparedReader prepared(path);
  Preview preview;
  preview.rows = prepared.rows();
  preview.customers = prepared.customers();
  EvenSample sample(most_texts);
  for (int64_t first = 0; first < prepared.rows(); first += block_rows) {
    const int64_t count = std::min(block_rows, prepared.rows() - first);
    std::vector<std::string> texts = prepared.texts(first, count);
    const std::vector<Split> split = prepared.split(first, count);
    for (int64_t i = 0; i < count; ++i) {
      const auto at = static_cast<size_t>(i);
      preview.train_rows += split[at] == Split::train ? 1 : 0;
      if (sample.wants(first + i)) sample.add(std::move(texts[at]), split[at]);
    }
  }
  sample.give_to(preview);
  for (const Field& field : prepared.fields()) {
    std::set<std::string>& values = preview.values[field.name];
    if (field.type != FieldType::number) {
      values.insert(field.categories.begin(), field.categories.end());
      continue;
    }
    for (const double value : prepared.values(field.name, 0, prepared.rows()).numbers) {
      if (!std::isnan(value) && values.size() < distinct_limit) values.insert(fmt::format("{}", value));
    }
  }
  return preview;
}

// Deals rows to the parts in the shares asked for.
Split dealt(const SplitSettings& settings, int64_t index) {
  const double place = std::fmod(static_cast<double>(index) * 0.6180339887498949, 1.0);
  if (place < settings.train) return Split::train;
  return place < settings.train + settings.validation ? Split::validation : Split::test;
}

void preview_source(Preview& preview, const SourceSettings& source, const PrepareSettings& settings,
                    int64_t most_texts) {
  const auto reader = open_table(source.path, table_format(source.path, source.format), source.fields,
                                 settings.clean.max_characters);
  const std::vector<std::string>& names = reader->names();
  const auto text = static_cast<size_t>(std::find(names.begin(), names.end(), "text") - names.begin());
  const auto customer =
      static_cast<size_t>(std::find(names.begin(), names.end(), "customer") - names.begin());
  const bool has_text = text < names.size(), has_customer = customer < names.size();
  EvenSample sample(most_texts);
  std::unordered_set<size_t> seen, customers;
  int64_t rows = 0;
  Record record;
  bool more = true;
  while (reader->bytes_read() <= most_bytes && (more = reader->next(record))) {
    if (!record.problem.none() || (has_text && record.values[text].empty())) continue;
    std::string joined;
    for (size_t field = 0; field < names.size(); ++field) {
      note_value(preview, names[field], record.values[field]);
      joined += record.values[field] + '\0';
    }
    if (!has_text) continue;
    if (settings.duplicates == "drop" && !seen.insert(std::hash<std::string>()(joined)).second) continue;
    if (has_customer) customers.insert(std::hash<std::string>()(record.values[customer]));
    if (sample.wants(rows)) sample.add(std::move(record.values[text]), dealt(settings.split, rows));
    ++rows;
  }
  if (!has_text) return;
  const double seen_share = more ? static_cast<double>(reader->bytes_read()) /
                                       static_cast<double>(std::max<int64_t>(1, reader->file_bytes()))
                                 : 1.0;
  preview.rows = std::llround(static_cast<double>(rows) / seen_share);
  preview.customers =
      has_customer ? std::llround(static_cast<double>(customers.size()) / seen_share) : preview.rows;
  preview.train_rows = std::llround(static_cast<double>(preview.rows) * settings.split.train);
  sample.give_to(preview);
}

}  // namespace

Preview preview_rows(const std::filesystem::path& prepared, const PrepareSettings& settings,
                     int64_t most_texts) {
  if (std::filesystem::exists(prepared)) return preview_prepared(prepared, most_texts);
  Preview preview;
  for (const SourceSettings& source : settings.sources) preview_source(preview, source, settings, most_texts);
  if (preview.rows == 0) {
    fail(ExitCode::bad_data, "prepare.sources: no usable row with a text in {}",
         settings.sources.empty() ? "no source" : settings.sources.front().path);
  }
  return preview;
}

}  // namespace limner
