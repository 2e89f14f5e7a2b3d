#include "train/gather_pairs.h"

#include <algorithm>
#include <string>

namespace limner {

PairVectors gather_pairs(Model& model, const Communicator& ranks, const Batch& batch) {
  std::vector<float> own;
  if (batch.row_count() > 0) own = model.pair_vectors(batch);
  std::string bytes(own.size() * sizeof(float), '\0');
  std::copy_n(reinterpret_cast<const char*>(own.data()), bytes.size(), bytes.data());
  PairVectors all;
  all.own_rows = batch.row_count();
  int from = 0;
  for (const std::string& part : ranks.all_gather(bytes, "gather the vectors of pairs")) {
    if (from++ == ranks.rank()) {
      all.first_row = static_cast<int64_t>(all.values.size()) / model.config().hidden;
    }
    const size_t start = all.values.size();
    all.values.resize(start + part.size() / sizeof(float));
    std::copy_n(part.data(), part.size(), reinterpret_cast<char*>(all.values.data() + start));
  }
  return all;
}

}  // namespace limner
