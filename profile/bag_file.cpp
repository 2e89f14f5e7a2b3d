#include "profile/bag_file.h"

#include "profile/blocks.h"

namespace limner {

void BagFile::append(const SparseRows& bags) {
  ByteWriter writer;
  writer.values(bags.offsets);
  writer.values(bags.terms);
  writer.values(bags.values);
  const std::string bytes = writer.take();
  file_.write(starts_.back(), bytes.data(), bytes.size());
  starts_.push_back(starts_.back() + static_cast<int64_t>(bytes.size()));
}

SparseRows BagFile::read(int64_t block) const {
  const int64_t begin = starts_[static_cast<size_t>(block)];
  std::string bytes(static_cast<size_t>(starts_[static_cast<size_t>(block) + 1] - begin), '\0');
  file_.read(begin, bytes.data(), bytes.size());
  ByteReader reader(bytes);
  SparseRows bags;
  bags.offsets = reader.values<int64_t>();
  bags.terms = reader.values<int32_t>();
  bags.values = reader.values<double>();
  return bags;
}

}  // namespace limner
