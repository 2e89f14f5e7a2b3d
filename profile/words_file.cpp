#include "profile/words_file.h"

#include "profile/blocks.h"
#include "runtime/files.h"
#include "runtime/progress.h"

namespace limner {
namespace {

constexpr int64_t format_version = 1;
constexpr int64_t rows_per_block = 2048;

}  // namespace

void write_words_hdf5(const std::filesystem::path& path, const PreparedReader& prepared, WordCutter& cutter,
                      const Vocabulary& vocabulary, const Communicator& communicator) {
  SparseRows bags;
  Progress progress("words", prepared.rows(), "rows", communicator.root());
  for_blocks(
      communicator, {prepared.rows(), rows_per_block, "gather the words of texts"},
      [&](int64_t first, int64_t count) {
        SparseRows block;
        for (const std::string& text : prepared.texts(first, count))
          block.add(vocabulary.bag(cutter.words(text)));
        ByteWriter bytes;
        bytes.values(block.offsets);
        bytes.values(block.terms);
        bytes.values(block.values);
        return bytes.take();
      },
      [&](int64_t first, int64_t count, const std::string& message) {
        ByteReader bytes(message);
        const std::vector<int64_t> offsets = bytes.values<int64_t>();
        const std::vector<int32_t> terms = bytes.values<int32_t>();
        const std::vector<double> values = bytes.values<double>();
        const int64_t before = bags.offsets.back();
        for (size_t row = 1; row < offsets.size(); ++row) bags.offsets.push_back(before + offsets[row]);
        bags.terms.insert(bags.terms.end(), terms.begin(), terms.end());
        bags.values.insert(bags.values.end(), values.begin(), values.end());
        progress.update(first + count);
      });
  if (!communicator.root()) return;
  const SparseRows weights = tf_idf(bags, vocabulary);
  const std::vector<int32_t> counts(bags.values.begin(), bags.values.end());
  const std::vector<float> tf_idf_values(weights.values.begin(), weights.values.end());
  std::vector<double> inverse;
  for (int32_t term = 0; term < vocabulary.size(); ++term)
    inverse.push_back(vocabulary.inverse_frequency(term));
  hdf5::Writer file;
  write_vocabulary(file, vocabulary);
  file.dataset("/inverse_frequency", hdf5::Type::f64, {vocabulary.size()}, inverse.data());
  file.dataset("/row_start", hdf5::Type::i64, {std::ssize(bags.offsets)}, bags.offsets.data());
  file.dataset("/term_of", hdf5::Type::i32, {std::ssize(bags.terms)}, bags.terms.data(), true);
  file.dataset("/count", hdf5::Type::i32, {std::ssize(counts)}, counts.data(), true);
  file.dataset("/tf_idf", hdf5::Type::f32, {std::ssize(tf_idf_values)}, tf_idf_values.data(), true);
  file.attribute("/", "format", "limner words");
  file.attribute("/", "format_version", format_version);
  file.attribute("/", "rows", prepared.rows());
  file.attribute("/", "prepared_sha256", prepared.sha256());
  write_file(path, file.image());
}

void write_vocabulary(hdf5::Writer& file, const Vocabulary& vocabulary) {
  file.strings("/term", vocabulary.terms());
  file.dataset("/texts_with_term", hdf5::Type::i64, {vocabulary.size()}, vocabulary.texts_with().data());
  file.dataset("/occurrences", hdf5::Type::i64, {vocabulary.size()}, vocabulary.occurrences().data());
  file.attribute("/", "texts", vocabulary.texts());
}

Vocabulary read_vocabulary(const hdf5::Reader& file) {
  const int64_t terms = file.dims("/term")[0];
  std::vector<int64_t> texts_with(static_cast<size_t>(terms)), occurrences(texts_with.size());
  file.read("/texts_with_term", hdf5::Type::i64, 0, terms, texts_with.data());
  file.read("/occurrences", hdf5::Type::i64, 0, terms, occurrences.data());
  return {file.strings("/term", 0, terms), std::move(texts_with), std::move(occurrences),
          file.attribute_int("/", "texts")};
}

}  // namespace limner
