// The numbers of the report as tables that a spreadsheet opens.
#include <cmath>

#include "profile/csv.h"
#include "profile/results.h"

namespace limner {
namespace {

std::string cell(double value) { return std::isfinite(value) ? fmt::format("{:.6g}", value) : ""; }

std::string words_cell(const std::vector<TypicalTerm>& terms) {
  std::string words;
  for (const TypicalTerm& term : terms) words += (words.empty() ? "" : " ") + term.term;
  return words;
}

void write_segments(const fs::path& path, const ProfileResults& results) {
  FileWriter file(path);
  std::vector<std::string> head{"segment", "title", "customers", "share", "words", "items"};
  for (const Trait& trait : results.traits) head.push_back(trait.name);
  file.write(csv_line(head));
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment) {
    const int64_t size = results.segmentation.sizes[segment];
    const SegmentDescription& description = results.descriptions[segment];
    std::vector<std::string> cells{
        std::to_string(segment + 1),
        results.segment_title(segment),
        std::to_string(size),
        cell(static_cast<double>(size) / static_cast<double>(results.customers.count())),
        words_cell(description.words),
        words_cell(description.items)};
    for (const Trait& trait : results.traits) cells.push_back(cell(trait.by_segment[segment]));
    file.write(csv_line(cells));
  }
  file.publish();
}

void write_customers(const fs::path& path, const ProfileResults& results) {
  const std::vector<CustomerColumn> columns = customer_table(results);
  std::vector<std::string> head{"customer", "segment title"};
  for (const CustomerColumn& column : columns) head.push_back(column.name);
  std::vector<std::string> titles;
  for (size_t segment = 0; segment < results.segmentation.sizes.size(); ++segment)
    titles.push_back(results.segment_title(segment));
  FileWriter file(path);
  file.write(csv_line(head));
  for (size_t index = 0; index < results.customers.ids.size(); ++index) {
    std::vector<std::string> cells{results.customers.ids[index],
                                   titles[static_cast<size_t>(results.segmentation.segment[index])]};
    for (const CustomerColumn& column : columns) {
      if (column.is_number) {
        cells.push_back(cell(column.numbers[index]));
      } else {
        const int32_t code = column.codes[index];
        cells.push_back(code < 0 ? "" : column.categories[static_cast<size_t>(code)]);
      }
    }
    file.write(csv_line(cells));
  }
  file.publish();
}

void write_topics(const fs::path& path, const ProfileResults& results) {
  FileWriter file(path);
  file.write(csv_line({"topic", "title", "share", "texts", "customers", "coherence", "words"}));
  for (size_t index = 0; index < results.topics.topics.size(); ++index) {
    const Topic& topic = results.topics.topics[index];
    std::string words;
    for (const TopicWord& word : topic.words) words += (words.empty() ? "" : " ") + word.word;
    file.write(
        csv_line({std::to_string(index + 1), topic.title(), cell(topic.share), std::to_string(topic.texts),
                  std::to_string(results.customers_of_topic(index)), cell(topic.coherence), words}));
  }
  file.publish();
}

void write_models_table(const fs::path& path, const ProfileResults& results) {
  FileWriter file(path);
  file.write(csv_line({"model", "target", "kind", "features", "customers", "r2", "rmse", "mae", "auc",
                       "accuracy", "log_loss", "brier"}));
  for (const Regression& regression : results.regressions) {
    for (const FeatureSetScores& set : regression.sets) {
      std::vector<std::string> cells{regression.name, regression.target.name, regression.settings.kind,
                                     set.name, std::to_string(regression.customers)};
      if (regression.two_classes()) {
        const ProbabilityScores& scores = set.probability;
        cells.insert(cells.end(), {"", "", "", cell(scores.auc), cell(scores.accuracy), cell(scores.log_loss),
                                   cell(scores.brier)});
      } else {
        const NumberScores& scores = set.number;
        cells.insert(cells.end(), {cell(scores.r2), cell(scores.rmse), cell(scores.mae), "", "", "", ""});
      }
      file.write(csv_line(cells));
    }
  }
  for (const Classification& model : results.classifications) {
    for (const ClassSetScores& set : model.sets) {
      file.write(csv_line({model.name, model.settings.target, model.settings.kind, set.name,
                           std::to_string(model.customers), "", "", "", "", cell(set.scores.accuracy),
                           cell(set.scores.log_loss), ""}));
    }
  }
  file.publish();
}

}  // namespace

void write_tables_csv(const fs::path& folder, const ProfileResults& results) {
  write_segments(folder / "segments.csv", results);
  write_customers(folder / "customers.csv", results);
  if (results.topics.count() > 0) write_topics(folder / "topics.csv", results);
  if (!results.regressions.empty() || !results.classifications.empty())
    write_models_table(folder / "models.csv", results);
}

}  // namespace limner
