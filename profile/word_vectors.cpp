#include "profile/word_vectors.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>

#include "extract/shards.h"
#include "profile/blocks.h"
#include "profile/words_file.h"
#include "runtime/files.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t most_width = 10000;
constexpr int64_t format_version = 1;
constexpr const char* file_format = "limner word vectors";
constexpr int64_t rows_per_shard = 65536, rows_per_block = 2048;
constexpr size_t longest_word = 4096;  // bytes
constexpr float nan = std::numeric_limits<float>::quiet_NaN();

std::ifstream open_vectors(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) fail(ExitCode::missing_input, "{}: cannot be opened (profile.words.vectors)", path.string());
  return file;
}

std::vector<std::string> parts_of(const std::string& line) {
  std::vector<std::string> parts;
  for (size_t from = 0; from < line.size();) {
    const size_t end = std::min(line.find_first_of(" \t\r", from), line.size());
    if (end > from) parts.push_back(line.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

template <class Number>
bool read_number(const std::string& text, Number& number) {
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  return end.ec == std::errc() && end.ptr == text.data() + text.size();
}

// "words width": the first line of word2vec's forms.
bool is_header(const std::string& line, int64_t& words, int64_t& width) {
  const std::vector<std::string> parts = parts_of(line);
  return parts.size() == 2 && read_number(parts[0], words) && read_number(parts[1], width);
}

void check_width(const std::filesystem::path& path, int64_t width) {
  if (width >= 1 && width <= most_width) return;
  fail(ExitCode::bad_data, "{}:1: vectors of {} numbers; 1 to {} are read", path.string(), width, most_width);
}

// What one block of rows gives: the texts' means.
struct TextMeans {
  std::vector<float> vectors;  // rows x width
  std::vector<int32_t> words;  // that have a vector
  int64_t occurrences = 0, missing = 0;
};

TextMeans means_of_texts(const std::vector<std::string>& texts, WordCutter& cutter,
                         const Vocabulary& vocabulary, const WordVectors& vectors) {
  TextMeans result;
  std::vector<double> mean(static_cast<size_t>(vectors.width()));
  for (const std::string& text : texts) {
    const std::map<int32_t, double> bag = vocabulary.bag(cutter.words(text));
    int64_t with = 0;
    for (const auto& [term, count] : bag) {
      result.occurrences += std::llround(count);
      (vectors.of(term) ? with : result.missing) += std::llround(count);
    }
    const bool any = vectors.mean(bag, mean.data());
    for (const double value : mean) result.vectors.push_back(any ? static_cast<float>(value) : nan);
    result.words.push_back(static_cast<int32_t>(with));
  }
  return result;
}

}  // namespace

WordVectors::WordVectors(const std::filesystem::path& path, const Vocabulary& vocabulary)
    : place_(static_cast<size_t>(vocabulary.size()), -1) {
  if (path.extension() == ".bin") {
    read_binary(path, vocabulary);
  } else {
    read_text(path, vocabulary);
  }
  if (values_.empty()) {
    fail(ExitCode::bad_data, "{}: has none of the {} words of the texts (profile.words.vectors)",
         path.string(), vocabulary.size());
  }
}

WordVectors::WordVectors(std::span<const float> values, int64_t width) : width_(width) {
  const auto row = static_cast<size_t>(width);
  for (size_t from = 0; from < values.size(); from += row) {
    const bool none = std::isnan(values[from]);
    place_.push_back(none ? -1 : std::ssize(values_) / width);
    const auto first = values.begin() + static_cast<ptrdiff_t>(from);
    if (!none) values_.insert(values_.end(), first, first + width);
  }
}

// Room for a word of the vocabulary; null: the word is not wanted, or known.
float* WordVectors::add(const std::string& word, const Vocabulary& vocabulary) {
  const int32_t term = vocabulary.index(word);
  if (term < 0 || place_[static_cast<size_t>(term)] >= 0) return nullptr;
  place_[static_cast<size_t>(term)] = std::ssize(values_) / width_;
  values_.resize(values_.size() + static_cast<size_t>(width_));
  return values_.data() + values_.size() - width_;
}

void WordVectors::read_binary(const std::filesystem::path& path, const Vocabulary& vocabulary) {
  std::ifstream file = open_vectors(path);
  std::string line;
  std::getline(file, line);
  int64_t words = 0;
  if (!is_header(line, words, width_))
    fail(ExitCode::bad_data, "{}:1: is no line with the number of words and their width", path.string());
  check_width(path, width_);
  std::vector<float> vector(static_cast<size_t>(width_));
  for (int64_t number = 1; number <= words; ++number) {
    std::string word;
    for (int letter = file.get(); letter != ' ' && letter != EOF && word.size() <= longest_word;
         letter = file.get()) {
      if (letter != '\n' || !word.empty()) word += static_cast<char>(letter);
    }
    file.read(reinterpret_cast<char*>(vector.data()),
              static_cast<std::streamsize>(vector.size() * sizeof(float)));
    if (!file || word.size() > longest_word)
      fail(ExitCode::bad_data, "{}: ends or breaks off at word {} of {}", path.string(), number, words);
    if (!std::all_of(vector.begin(), vector.end(), [](float value) { return std::isfinite(value); }))
      fail(ExitCode::bad_data, "{}: the vector of word {} is not finite", path.string(), number);
    if (float* to = add(word, vocabulary)) std::copy(vector.begin(), vector.end(), to);
  }
}

void WordVectors::read_text(const std::filesystem::path& path, const Vocabulary& vocabulary) {
  std::ifstream file = open_vectors(path);
  int64_t number = 0, words = 0;
  std::vector<float> vector;
  for (std::string line; std::getline(file, line);) {
    ++number;
    int64_t width = 0;
    if (number == 1 && is_header(line, words, width)) {
      check_width(path, width);
      width_ = width;
      continue;
    }
    const std::vector<std::string> parts = parts_of(line);
    if (parts.empty()) continue;
    if (width_ == 0) {
      width_ = std::ssize(parts) - 1;
      check_width(path, width_);
    }
    // A word of GloVe's may hold blanks: its numbers are the last ones.
    if (std::ssize(parts) < width_ + 1) {
      fail(ExitCode::bad_data, "{}:{}: {} numbers instead of {}", path.string(), number,
           std::ssize(parts) - 1, width_);
    }
    const size_t first = parts.size() - static_cast<size_t>(width_);
    vector.assign(static_cast<size_t>(width_), 0);
    for (size_t i = 0; i < vector.size(); ++i) {
      if (!read_number(parts[first + i], vector[i]) || !std::isfinite(vector[i]))
        fail(ExitCode::bad_data, "{}:{}: number {} of the vector is none", path.string(), number, i + 1);
    }
    std::string word = parts[0];
    for (size_t i = 1; i < first; ++i) word += " " + parts[i];
    if (float* to = add(word, vocabulary)) std::copy(vector.begin(), vector.end(), to);
  }
}

const float* WordVectors::of(int32_t term) const {
  const int64_t place = place_[static_cast<size_t>(term)];
  return place < 0 ? nullptr : values_.data() + place * width_;
}

bool WordVectors::mean(const std::map<int32_t, double>& bag, double* out) const {
  std::fill_n(out, width_, 0.0);
  double words = 0;
  for (const auto& [term, count] : bag) {
    const float* vector = of(term);
    if (!vector) continue;
    words += count;
    for (int64_t i = 0; i < width_; ++i) out[i] += count * vector[i];
  }
  if (words == 0) return false;
  for (int64_t i = 0; i < width_; ++i) out[i] /= words;
  return true;
}

WordVectorMeans average_word_vectors(const PreparedReader& prepared, const Customers& customers,
                                     WordCutter& cutter, const WordVectorModel& model,
                                     const std::filesystem::path& folder, const Communicator& communicator) {
  const Vocabulary& vocabulary = model.vocabulary;
  const WordVectors& vectors = model.vectors;
  WordVectorMeans result;
  result.width = vectors.width();
  ShardProvenance provenance;
  Matrix sums;
  Vector texts;
  if (communicator.root()) {
    provenance.rows = prepared.rows();
    provenance.width = result.width;
    provenance.rows_per_shard = rows_per_shard;
    provenance.dtype = "float32";
    provenance.pooling = "mean";
    provenance.model_sha256 = model.sha256;
    provenance.prepared_sha256 = prepared.sha256();
    make_folder(folder / "shards");
    sums = Matrix::Zero(prepared.customers(), result.width);
    texts = Vector::Zero(prepared.customers());
    result.terms = vocabulary.size();
    for (int32_t term = 0; term < vocabulary.size(); ++term) result.missing_terms += vectors.of(term) ? 0 : 1;
  }
  const std::vector<std::string> ids =
      communicator.root() ? prepared.customer_ids(0, prepared.customers()) : std::vector<std::string>();
  ShardData shard;
  Progress progress("word vectors", prepared.rows(), "rows", communicator.root());
  for_blocks(
      communicator, {prepared.rows(), rows_per_block, "gather the word vectors of texts"},
      [&](int64_t first, int64_t count) {
        const TextMeans means = means_of_texts(prepared.texts(first, count), cutter, vocabulary, vectors);
        ByteWriter bytes;
        bytes.values(means.vectors);
        bytes.values(means.words);
        bytes.value(means.occurrences);
        bytes.value(means.missing);
        return bytes.take();
      },
      [&](int64_t first, int64_t count, const std::string& message) {
        ByteReader bytes(message);
        const std::vector<float> values = bytes.values<float>();
        const std::vector<int32_t> words = bytes.values<int32_t>();
        result.occurrences += bytes.value<int64_t>();
        result.missing_occurrences += bytes.value<int64_t>();
        const std::vector<int64_t> customer = prepared.customer_index(first, count);
        for (int64_t row = 0; row < count; ++row) {
          const int64_t index = customer[static_cast<size_t>(row)];
          shard.customers.push_back(ids[static_cast<size_t>(index)]);
          const Eigen::Map<const Eigen::RowVectorXf> vector(values.data() + row * result.width, result.width);
          if (std::isnan(vector[0])) continue;
          sums.row(index) += vector.cast<double>();
          texts[index] += 1;
        }
        shard.embedding.insert(shard.embedding.end(), values.begin(), values.end());
        shard.tokens.insert(shard.tokens.end(), words.begin(), words.end());
        const int64_t end = first + count;
        if (end % rows_per_shard == 0 || end == prepared.rows()) {
          write_shard(folder, provenance, shard);
          shard = {end, {}, {}, {}, {}};
        }
        progress.update(end);
      });
  if (!communicator.root()) return {};
  publish_embeddings(folder, provenance);
  for (int64_t row = 0; row < customers.count(); ++row) {
    const int64_t index = customers.table_index[static_cast<size_t>(row)];
    sums.row(row) = sums.row(index) / texts[index];  // 0 / 0 is NaN: no word with a vector; row <= index
  }
  sums.conservativeResize(customers.count(), Eigen::NoChange);
  result.customers = std::move(sums);
  return result;
}

Matrix with_mean_for_missing(const Matrix& vectors, const Eigen::RowVectorXd& mean) {
  Matrix result = vectors;
  for (int64_t row = 0; row < result.rows(); ++row) {
    if (std::isnan(result(row, 0))) result.row(row) = mean;
  }
  return result;
}

Eigen::RowVectorXd mean_of_known(const Matrix& vectors) {
  Eigen::RowVectorXd sum = Eigen::RowVectorXd::Zero(vectors.cols());
  double known = 0;
  for (int64_t row = 0; row < vectors.rows(); ++row) {
    if (std::isnan(vectors(row, 0))) continue;
    sum += vectors.row(row);
    known += 1;
  }
  require(known > 0, "no customer of {} has a word vector", vectors.rows());
  return sum / known;
}

void write_word_vectors_hdf5(const std::filesystem::path& path, const WordVectorModel& model) {
  const int64_t terms = model.vocabulary.size(), width = model.vectors.width();
  std::vector<float> values(static_cast<size_t>(terms * width), nan);
  for (int32_t term = 0; term < terms; ++term) {
    if (const float* vector = model.vectors.of(term))
      std::copy_n(vector, width, values.begin() + term * width);
  }
  hdf5::Writer file;
  write_vocabulary(file, model.vocabulary);
  file.dataset("/vector", hdf5::Type::f32, {terms, width}, values.data());
  file.attribute("/", "format", file_format);
  file.attribute("/", "format_version", format_version);
  file.attribute("/", "vectors_sha256", model.sha256);
  write_file(path, file.image());
}

WordVectorModel read_word_vectors_hdf5(const std::filesystem::path& path) {
  const hdf5::Reader file(path);
  if (!file.has_attribute("/", "format") || file.attribute("/", "format") != file_format ||
      file.attribute_int("/", "format_version") != format_version) {
    fail(ExitCode::bad_data, "{}: not word vectors of version {}; run `limner profile` again", path.string(),
         format_version);
  }
  Vocabulary vocabulary = read_vocabulary(file);
  const std::vector<int64_t> dims = file.dims("/vector");
  if (dims.size() != 2 || dims[0] != vocabulary.size() || dims[1] < 1)
    fail(ExitCode::bad_data, "{}: /vector does not fit /term", path.string());
  std::vector<float> values(static_cast<size_t>(dims[0] * dims[1]));
  file.read("/vector", hdf5::Type::f32, 0, dims[0], values.data());
  return {std::move(vocabulary), WordVectors(values, dims[1]), file.attribute("/", "vectors_sha256")};
}

}  // namespace limner
