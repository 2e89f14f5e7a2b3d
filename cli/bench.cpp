// limner bench: tokens per second of tokenization, extraction and training, and the processor's own GEMM rate
// to hold them against. One JSON line a result. bench/ holds the rivals and the script that runs both in
// turns.
#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <numeric>

#include "cli/bench.h"
#include "cli/command.h"
#include "kernels/backend.h"
#include "kernels/select.h"
#include "model/flops.h"
#include "model/model.h"
#include "runtime/error.h"
#include "runtime/files.h"
#include "runtime/parallel.h"
#include "runtime/random.h"
#include "runtime/version.h"
#include "text/batcher.h"
#include "text/tokenizer.h"

namespace limner {
namespace {

using Options = BenchOptions;

double seconds_of(const std::function<void()>& work) {
  const auto start = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

struct Timing {
  double median, low, high;
};

// One call to warm up, then `repeats` measured ones, each until the device is done.
Timing measure(Backend& backend, int64_t repeats, const std::function<void()>& work) {
  const auto whole = [&] {
    work();
    backend.synchronize();
  };
  whole();
  std::vector<double> seconds;
  for (int64_t i = 0; i < repeats; ++i) seconds.push_back(seconds_of(whole));
  std::sort(seconds.begin(), seconds.end());
  return {seconds[seconds.size() / 2], seconds.front(), seconds.back()};
}

DType precision_of(const Options& options) {
  const std::string name = options.text("precision", "f32");
  if (name != "f32" && name != "bf16")
    fail(ExitCode::usage, "bench: precision={} is neither f32 nor bf16", name);
  return name == "bf16" ? DType::bf16 : DType::f32;
}

std::vector<std::string> read_texts(const Options& options) {
  const std::string path = options.text("texts", "");
  if (path.empty()) fail(ExitCode::usage, "bench: texts=FILE is missing (one JSON string a line)");
  std::ifstream file(path);
  if (!file) fail(ExitCode::missing_input, "{}: cannot be opened", path);
  std::vector<std::string> texts;
  for (std::string line; std::getline(file, line);) {
    const Json value = Json::parse(line, nullptr, false);
    if (!value.is_string()) fail(ExitCode::bad_data, "{}:{}: not a JSON string", path, texts.size() + 1);
    texts.push_back(value.get<std::string>());
  }
  if (texts.empty()) fail(ExitCode::bad_data, "{}: no texts", path);
  return texts;
}

// The same 64 rows of ordinary numbers again and again: a GPU multiplies the zeros of fresh memory at less
// power and so faster.
void fill_with_numbers(Backend& backend, const Tensor& matrix) {
  const int64_t some = std::min<int64_t>(64, matrix.rows()), columns = matrix.columns();
  std::vector<float> numbers(static_cast<size_t>(some * columns));
  const Random random(1, "bench");
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<float>(random.normal(i));
  const Buffer memory = backend.allocate(some * columns * dtype_bytes(DType::f32));
  const Tensor rows(memory.data(), DType::f32, {some, columns}, memory.device());
  backend.upload(rows, numbers.data());
  for (int64_t row = 0; row < matrix.rows(); row += some) {
    const int64_t count = std::min(some, matrix.rows() - row);
    backend.cast(matrix.slice_rows(row, count), rows.slice_rows(0, count));
  }
  backend.synchronize();
}

// The rate of the device's own matrix product at a size that is kind to it: what shares are held against.
double gemm_flops(Backend& backend, DType dtype, int64_t tokens, int64_t in, int64_t out, int64_t repeats) {
  const auto matrix = [&](const Buffer& memory, int64_t rows, int64_t columns) {
    return Tensor(memory.data(), dtype, {rows, columns}, memory.device());
  };
  const int64_t element = dtype_bytes(dtype);
  const Buffer x = backend.allocate(tokens * in * element), w = backend.allocate(out * in * element),
               y = backend.allocate(tokens * out * element);
  const Tensor xt = matrix(x, tokens, in), wt = matrix(w, out, in), yt = matrix(y, tokens, out);
  fill_with_numbers(backend, xt);
  fill_with_numbers(backend, wt);
  const Timing time = measure(backend, repeats, [&] {
    for (int i = 0; i < 10; ++i) backend.linear_forward(yt, Tensor(), xt, wt, Tensor(), Activation::none);
  });
  return 10.0 * 2.0 * static_cast<double>(tokens * in * out) / time.median;
}

void print_line(Json line, const Backend& backend) {
  line["device"] = backend.description();
  line["version"] = build_version();
  line["peak_memory_bytes"] = peak_memory_bytes();
  fmt::print("{}\n", line.dump());
}

void bench_gemm(const Options& options, Backend& backend, int64_t repeats) {
  const DType dtype = precision_of(options);
  for (const auto& [in, out] : {std::pair<int64_t, int64_t>{192, 576},
                                {384, 1152},
                                {384, 1536},
                                {1536, 384},
                                {768, 3072},
                                {3072, 768},
                                {1024, 1024}}) {
    print_line({{"bench", "gemm"},
                {"precision", dtype_name(dtype)},
                {"tokens", 4096},
                {"in", in},
                {"out", out},
                {"gflops", gemm_flops(backend, dtype, 4096, in, out, repeats) / 1e9}},
               backend);
  }
}

struct Loaded {
  Tokenizer tokenizer;
  Model model;
  std::vector<std::vector<int32_t>> tokens;
  std::vector<int32_t> lengths;
  int64_t token_count;
  int64_t longest;  // tokens of a row at most
};

Loaded load(const Options& options, Backend& backend, const std::vector<std::string>& texts,
            std::vector<HeadSpec> heads) {
  const fs::path folder = options.text("model", "");
  if (folder.empty()) fail(ExitCode::usage, "bench: model=FOLDER is missing (a Hugging Face folder)");
  Tokenizer tokenizer = Tokenizer::load(folder);
  Model model(backend, ModelConfig::read(folder), std::move(heads), HeadInput::mean, precision_of(options));
  model.initialize(1);
  model.load(folder);
  const SentenceConfig sentence = SentenceConfig::read(folder);
  const int64_t longest = options.number(
      "max_length", sentence.max_length > 0 ? sentence.max_length : model.config().max_positions);
  std::vector<std::vector<int32_t>> tokens =
      tokenizer.encode_all(texts, longest, static_cast<int>(options.number("threads", 1)));
  std::vector<int32_t> lengths;
  for (const auto& row : tokens) lengths.push_back(static_cast<int32_t>(row.size()));
  const int64_t count = std::accumulate(lengths.begin(), lengths.end(), int64_t{0});
  return {std::move(tokenizer), std::move(model), std::move(tokens), std::move(lengths), count, longest};
}

std::vector<Batch> pack_all(const Loaded& loaded, int64_t max_tokens) {
  const std::vector<std::span<const int32_t>> rows(loaded.tokens.begin(), loaded.tokens.end());
  std::vector<int64_t> row_ids(rows.size());
  std::iota(row_ids.begin(), row_ids.end(), int64_t{0});
  std::vector<Batch> batches;
  for (const auto& indices : range_batches(loaded.lengths, max_tokens))
    batches.push_back(pack(indices, rows, row_ids));
  return batches;
}

std::pair<int64_t, int64_t> largest(const std::vector<Batch>& batches) {
  int64_t tokens = 0, rows = 0;
  for (const Batch& batch : batches) {
    tokens = std::max(tokens, batch.token_count());
    rows = std::max(rows, batch.row_count());
  }
  return {tokens, rows};
}

double all_forward_flops(const Loaded& loaded) {
  double flops = 0;
  for (const int32_t length : loaded.lengths) flops += forward_flops(loaded.model.config(), length);
  return flops;
}

Json speed(const char* scope, const Options& options, Backend& backend, const Loaded& loaded,
           const Timing& time, double flops, int64_t repeats) {
  const DType dtype = precision_of(options);
  // Measured once a process. A GPU is filled by larger products only; in f32 these take it 33 TFLOP.
  static const double peak = [&] {
    const int64_t width = backend.device() == Device::cpu ? 1024 : 4096;
    return gemm_flops(backend, dtype, 4 * width, width, width, 5);
  }();
  const double tokens = static_cast<double>(loaded.token_count);
  // What a padded batch of 32 rows, sorted by length as rivals do, would compute beside the real tokens.
  std::vector<int32_t> sorted = loaded.lengths;
  std::sort(sorted.rbegin(), sorted.rend());
  double padded = 0;
  for (size_t first = 0; first < sorted.size(); first += 32)
    padded +=
        static_cast<double>(sorted[first]) * static_cast<double>(std::min<size_t>(32, sorted.size() - first));
  return {{"contestant", fmt::format("limner {}", dtype_name(dtype))},
          {"scope", scope},
          {"precision", dtype_name(dtype)},
          {"threads", options.number("threads", 1)},
          {"rows", loaded.lengths.size()},
          {"tokens", loaded.token_count},
          {"tokens_per_second", tokens / time.median},
          {"slowest", tokens / time.high},
          {"fastest", tokens / time.low},
          {"repeats", repeats},
          {"cuda_graphs", options.text("cuda_graphs", "false") == "true"},
          {"pieces", backend.graph_use().pieces},
          {"pieces_replayed", backend.graph_use().replayed},
          {"gflops", flops / time.median / 1e9},
          {"share_of_gemm_peak", flops / time.median / peak},
          {"padding_saved", 1.0 - tokens / padded}};
}

void bench_extract(const Options& options, Backend& backend, int64_t repeats) {
  const std::vector<std::string> texts = read_texts(options);
  Loaded loaded = load(options, backend, texts, {});
  const int64_t budget = options.number("max_tokens", 8192);
  const std::vector<Batch> batches = pack_all(loaded, budget);
  const auto [tokens, rows] = largest(batches);
  loaded.model.plan(Purpose::inference, tokens, rows);
  const auto forward = [&] {
    for (const Batch& batch : batches) {
      loaded.model.forward(batch, Purpose::inference);
      loaded.model.pooled(batch, Pooling::mean, true);
    }
  };
  const double flops = all_forward_flops(loaded);
  print_line(speed("model", options, backend, loaded, measure(backend, repeats, forward), flops, repeats),
             backend);
  const Timing whole = measure(backend, repeats, [&] {
    loaded.tokenizer.encode_all(texts, loaded.longest, static_cast<int>(options.number("threads", 1)));
    forward();
  });
  print_line(speed("encode", options, backend, loaded, whole, flops, repeats), backend);
}

void bench_train(const Options& options, Backend& backend, int64_t repeats) {
  HeadSpec head;
  head.name = head.field = "label";
  head.kind = "single_label";
  head.classes = {"0", "1"};
  Loaded loaded = load(options, backend, read_texts(options), {head});
  const std::vector<Batch> batches = pack_all(loaded, options.number("max_tokens", 4096));
  const auto [tokens, rows] = largest(batches);
  Model& model = loaded.model;
  model.plan(Purpose::training, tokens, rows);
  const int64_t elements = model.parameters().elements();
  const Buffer first = backend.allocate(elements * dtype_bytes(DType::f32)),
               second = backend.allocate(elements * dtype_bytes(DType::f32));
  const Tensor first_moment(first.data(), DType::f32, {elements}, first.device()),
      second_moment(second.data(), DType::f32, {elements}, second.device());
  int64_t step = 0;
  const Timing time = measure(backend, repeats, [&] {
    for (const Batch& batch : batches) {
      HeadLabels labels;
      for (const int64_t row : batch.rows) labels.classes.push_back(static_cast<int32_t>(row % 2));
      backend.fill_zero(model.gradients());
      model.forward(batch, Purpose::training, static_cast<uint64_t>(step));
      model.backward(batch, {labels}, model.loss_weights(batch, {labels}), [](int) {});
      const double norm = std::sqrt(backend.sum_of_squares(model.gradients()));
      backend.adamw(model.weights(), model.shadow(), first_moment, second_moment, model.gradients(),
                    {5e-5f, 0.9f, 0.999f, 1e-8f, 0.01f, ++step,
                     static_cast<float>(std::min(1.0, 1.0 / std::max(norm, 1e-12)))});
    }
  });
  print_line(speed("step", options, backend, loaded, time, 3 * all_forward_flops(loaded), repeats), backend);
}

void bench_tokenizer(const Options& options, Backend& backend, int64_t repeats) {
  const std::vector<std::string> texts = read_texts(options);
  const Tokenizer tokenizer = Tokenizer::load(options.text("model", ""));
  const int threads = static_cast<int>(options.number("threads", 1));
  const int64_t longest = options.number("max_length", 512);
  int64_t tokens = 0;
  for (const auto& row : tokenizer.encode_all(texts, longest, threads))
    tokens += static_cast<int64_t>(row.size());
  const Timing time = measure(backend, repeats, [&] { tokenizer.encode_all(texts, longest, threads); });
  const double count = static_cast<double>(tokens);
  print_line({{"bench", "tokenizer"},
              {"threads", threads},
              {"rows", texts.size()},
              {"tokens", tokens},
              {"tokens_per_second", count / time.median},
              {"slowest", count / time.high},
              {"fastest", count / time.low},
              {"repeats", repeats}},
             backend);
}

}  // namespace

int64_t peak_memory_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<int64_t>(usage.ru_maxrss) * 1024;
}

std::string BenchOptions::text(const std::string& key, const std::string& fallback) const {
  const auto found = values.find(key);
  return found == values.end() ? fallback : found->second;
}

int64_t BenchOptions::number(const std::string& key, int64_t fallback) const {
  const std::string words = text(key, std::to_string(fallback));
  try {
    size_t used = 0;
    const int64_t value = std::stoll(words, &used);
    if (used == words.size() && value > 0) return value;
  } catch (const std::exception&) {  // falls through to the message below
  }
  fail(ExitCode::usage, "bench: {}={} is not a positive whole number", key, words);
}

int bench_command(const Arguments& arguments, Communicator& communicator) {
  const std::map<std::string, void (*)(const Options&, Backend&, int64_t)> benches = {
      {"gemm", bench_gemm},
      {"extract", bench_extract},
      {"train", bench_train},
      {"tokenizer", bench_tokenizer},
      {"customers", [](const Options& options, Backend&, int64_t) { bench_customers(options); }}};
  const char* usage =
      "limner bench gemm|extract|train|tokenizer|customers [model=FOLDER texts=FILE.jsonl device=cpu|cuda "
      "precision=f32|bf16 threads=N repeats=N max_tokens=N max_length=N vectors=FILE.h5 k=N rounds=N "
      "tasks=A,B cuda_graphs=true|false]";
  if (arguments.positional.empty() || !benches.contains(arguments.positional.front()))
    fail(ExitCode::usage, "bench: which one? Usage: {}", usage);
  Options options;
  for (size_t i = 1; i < arguments.positional.size(); ++i) {
    const std::string& word = arguments.positional[i];
    const size_t equals = word.find('=');
    static const std::vector<std::string> known = {
        "model",      "texts",   "device", "precision", "threads", "repeats",    "max_tokens",
        "max_length", "vectors", "k",      "rounds",    "tasks",   "cuda_graphs"};
    if (equals == std::string::npos ||
        std::find(known.begin(), known.end(), word.substr(0, equals)) == known.end())
      fail(ExitCode::usage, "bench: '{}' is not an option. Usage: {}", word, usage);
    options.values[word.substr(0, equals)] = word.substr(equals + 1);
  }
  if (!communicator.root()) return 0;
  RuntimeSettings runtime;
  runtime.device = options.text("device", "cpu");
  if (runtime.device != "cpu" && runtime.device != "cuda")
    fail(ExitCode::usage, "bench: device={} is neither cpu nor cuda", runtime.device);
  const std::string graphs = options.text("cuda_graphs", "false");
  if (graphs != "true" && graphs != "false")
    fail(ExitCode::usage, "bench: cuda_graphs={} is neither true nor false", graphs);
  runtime.cuda_graphs = graphs == "true";
  const auto backend =
      select_backend(runtime, static_cast<int>(options.number("threads", 1)), Communicator::self());
  benches.at(arguments.positional.front())(options, *backend, options.number("repeats", 5));
  return 0;
}

}  // namespace limner
