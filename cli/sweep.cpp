// limner grid: the combinations of a sweep. limner compare: a table of its runs.
#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <map>

#include "cli/command.h"
#include "runtime/config_tree.h"
#include "runtime/error.h"
#include "runtime/files.h"

namespace limner {
namespace {

using config::Node;

struct Axis {
  std::string key;
  std::vector<std::string> values;
};

// {train.learning_rate: [1e-4, 3e-4], ...}
std::vector<Axis> read_grid(const fs::path& path) {
  const Node root = config::parse_tree(read_file(path), path.string());
  if (root.kind != Node::Kind::map || root.fields.empty()) {
    config::fail_at(root.place,
                    "a grid maps settings to lists of values: `train.learning_rate: [1e-4, 3e-4]`");
  }
  std::vector<Axis> axes;
  for (const config::Field& field : root.fields) {
    Axis& axis = axes.emplace_back(Axis{field.key, {}});
    for (const Node& value : field.value.items) {
      if (value.kind != Node::Kind::scalar)
        config::fail_at(value.place, "{}: a plain value is wanted", field.key);
      axis.values.push_back(value.scalar);
    }
    if (axis.values.empty()) config::fail_at(field.place, "{}: a list of values is wanted", field.key);
  }
  return axes;
}

// Every scalar of a configuration by its path: train.heads.0.name.
void flatten(const Node& node, const std::string& path, std::map<std::string, std::string>& values) {
  if (node.kind == Node::Kind::scalar) values[path] = node.scalar;
  if (node.kind == Node::Kind::null) values[path] = "null";
  const std::string prefix = path.empty() ? "" : path + ".";
  for (const config::Field& field : node.fields) flatten(field.value, prefix + field.key, values);
  for (size_t i = 0; i < node.items.size(); ++i) flatten(node.items[i], prefix + std::to_string(i), values);
}

using Column = std::vector<std::string>;  // the heading, then one cell a run

// The settings in which the runs differ; where a run lies is none.
std::vector<Column> differing_settings(const std::vector<fs::path>& runs) {
  std::vector<std::map<std::string, std::string>> settings;
  std::map<std::string, std::string> all;
  for (const fs::path& run : runs) {
    const fs::path path = run / "config.yaml";
    flatten(config::parse_tree(read_file(path), path.string()), "", settings.emplace_back());
    all.insert(settings.back().begin(), settings.back().end());
  }
  std::vector<Column> columns;
  for (const auto& [key, first] : all) {
    if (key == "run.directory") continue;
    Column column{key};
    for (const auto& values : settings) {
      const auto found = values.find(key);
      column.push_back(found == values.end() ? "" : found->second);
    }
    if (std::any_of(column.begin() + 2, column.end(),
                    [&](const std::string& cell) { return cell != column[1]; })) {
      columns.push_back(std::move(column));
    }
  }
  return columns;
}

std::string number(const Json& value, const char* format) {
  return value.is_number() ? fmt::format(fmt::runtime(format), value.get<double>()) : "";
}

// What a finished run's summary.json says, by heading.
std::vector<std::pair<std::string, std::string>> results_of(const fs::path& run) {
  const fs::path path = run / "train" / "summary.json";
  if (!fs::exists(path)) return {{"steps", "unfinished"}};
  const Json summary = read_json(path);
  std::vector<std::pair<std::string, std::string>> results;
  results.emplace_back("steps", number(summary.at("steps"), "{:.0f}"));
  results.emplace_back("tokens/s", number(summary.at("tokens_per_second"), "{:.0f}"));
  for (const char* part : {"validation", "test"}) {
    results.emplace_back(std::string(part) + " loss", number(summary.at(part).at("loss"), "{:.4f}"));
    for (const Json& head : summary.at(part).at("heads")) {
      for (const char* metric : {"accuracy", "macro_f1", "micro_f1", "r2"}) {
        if (!head.contains(metric)) continue;
        results.emplace_back(fmt::format("{} {} {}", part, head.at("name").get<std::string>(), metric),
                             number(head[metric], "{:.4f}"));
      }
    }
  }
  return results;
}

std::vector<Column> result_columns(const std::vector<fs::path>& runs) {
  std::vector<Column> columns;
  for (size_t row = 0; row < runs.size(); ++row) {
    try {
      for (const auto& result : results_of(runs[row])) {
        auto found = std::find_if(columns.begin(), columns.end(),
                                  [&](const Column& column) { return column.front() == result.first; });
        if (found == columns.end()) found = columns.insert(columns.end(), Column{result.first});
        found->resize(runs.size() + 1);
        (*found)[row + 1] = result.second;
      }
    } catch (const Json::exception& error) {
      fail(ExitCode::bad_data, "{}: not a summary of training ({})",
           (runs[row] / "train/summary.json").string(), error.what());
    }
  }
  return columns;
}

void print_table(const std::vector<Column>& columns) {
  std::vector<size_t> widths;
  for (const Column& column : columns) {
    size_t width = 0;
    for (const std::string& cell : column) width = std::max(width, cell.size());
    widths.push_back(width);
  }
  for (size_t row = 0; row < columns.front().size(); ++row) {
    std::string line;
    for (size_t i = 0; i < columns.size(); ++i) line += fmt::format("{:<{}}  ", columns[i][row], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

}  // namespace

int grid_command(const Arguments& arguments, Communicator& communicator) {
  const std::vector<std::string>& words = arguments.positional;
  if (words.empty() || words.size() > 2) {
    fail(ExitCode::usage, "grid wants a file and perhaps an index. Usage: {}", command_named("grid").usage);
  }
  if (!communicator.root()) return 0;
  const std::vector<Axis> axes = read_grid(words[0]);
  size_t combinations = 1;
  for (const Axis& axis : axes) combinations *= axis.values.size();
  if (words.size() == 1) {
    fmt::print("{}\n", combinations);
    return 0;
  }
  size_t index = 0;
  const char* end = words[1].data() + words[1].size();
  const auto [stopped, error] = std::from_chars(words[1].data(), end, index);
  if (error != std::errc() || stopped != end || index >= combinations) {
    fail(ExitCode::usage, "grid: index {} of {} combinations; they count from 0", words[1], combinations);
  }
  std::string lines;
  for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {  // the last key changes fastest
    lines.insert(0, fmt::format("{}={}\n", axis->key, axis->values[index % axis->values.size()]));
    index /= axis->values.size();
  }
  fmt::print("{}", lines);
  return 0;
}

int compare_command(const Arguments& arguments, Communicator& communicator) {
  if (arguments.positional.empty()) {
    fail(ExitCode::usage, "compare wants run directories. Usage: {}", command_named("compare").usage);
  }
  if (!communicator.root()) return 0;
  const std::vector<fs::path> runs(arguments.positional.begin(), arguments.positional.end());
  std::vector<Column> columns{{"run"}};
  for (const fs::path& run : runs) columns.front().push_back(run.string());
  for (const auto& more : {differing_settings(runs), result_columns(runs)}) {
    columns.insert(columns.end(), more.begin(), more.end());
  }
  print_table(columns);
  return 0;
}

}  // namespace limner
