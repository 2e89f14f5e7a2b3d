// limner bench customers: k-means, ridge and logistic regression of customers' vectors, read block by block.
#include <fmt/core.h>

#include <chrono>

#include "cli/bench.h"
#include "profile/k_means.h"
#include "profile/linear.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/hdf5.h"
#include "runtime/version.h"

namespace limner {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Vector column_of(const hdf5::Reader& file, const std::string& path, int64_t rows) {
  Vector values(rows);
  file.read(path, hdf5::Type::f64, 0, rows, values.data());
  return values;
}

void copy_vectors(const hdf5::Reader& file, VectorFile& vectors, int64_t rows) {
  constexpr int64_t rows_a_piece = 8192;
  std::vector<float> piece;
  for (int64_t first = 0; first < rows; first += rows_a_piece) {
    const int64_t count = std::min(rows_a_piece, rows - first);
    piece.resize(static_cast<size_t>(count * vectors.columns()));
    file.read("/vectors", hdf5::Type::f32, first, count, piece.data());
    vectors.append(std::span<const float>(piece));
  }
}

Json answer_of(const LinearModel& model) {
  return {{"intercept", model.intercept},
          {"coefficients", std::vector<double>(model.coefficients.begin(), model.coefficients.end())}};
}

}  // namespace

void bench_customers(const BenchOptions& options) {
  const fs::path path = options.text("vectors", "");
  if (path.empty()) fail(ExitCode::usage, "bench: vectors=FILE.h5 is missing (bench/customers.py makes one)");
  const auto threads = static_cast<int>(options.number("threads", 1));
  const int64_t k = options.number("k", 20), rounds = options.number("rounds", 20);
  const hdf5::Reader file(path);
  const std::vector<int64_t> dims = file.dims("/vectors");
  if (dims.size() != 2 || k > dims[0]) {
    fail(ExitCode::bad_data, "{}: /vectors is no table with {} rows or more", path.string(), k);
  }
  const auto print = [&](const char* task, std::chrono::steady_clock::time_point start, const Json& answer) {
    Json line{{"bench", "customers"},
              {"contestant", "limner"},
              {"task", task},
              {"customers", dims[0]},
              {"width", dims[1]},
              {"threads", threads},
              {"seconds", seconds_since(start)},
              {"peak_memory_bytes", peak_memory_bytes()},
              {"version", build_version()}};
    line.update(answer);
    fmt::print("{}\n", line.dump());
  };
  auto start = std::chrono::steady_clock::now();
  VectorFile vectors(fs::absolute(path).parent_path(), dims[1]);
  copy_vectors(file, vectors, dims[0]);
  print("read", start, Json::object());

  const std::string tasks = options.text("tasks", "k_means,ridge,logistic");
  const auto wanted = [&](const char* task) { return tasks.find(task) != std::string::npos; };
  if (wanted("k_means")) {
    start = std::chrono::steady_clock::now();
    const Clusters clusters =
        refine_clusters(vectors, Geometry::euclidean, vectors.block(0, k), rounds, threads);
    print("k_means", start, {{"k", k}, {"rounds", clusters.rounds}, {"inertia", clusters.inertia}});
  }
  if (wanted("ridge")) {
    const Vector target = column_of(file, "/target", dims[0]);
    start = std::chrono::steady_clock::now();
    const LinearModel model = fit_ridge(vectors, target, 1, threads);
    print("ridge", start, answer_of(model));
  }
  if (wanted("logistic")) {
    const Vector labels = column_of(file, "/label", dims[0]);
    start = std::chrono::steady_clock::now();
    const LinearModel model = fit_logistic(vectors, labels, 1, threads);
    print("logistic", start, answer_of(model));
  }
}

}  // namespace limner
