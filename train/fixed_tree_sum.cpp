#include "train/fixed_tree_sum.h"

#include <algorithm>
#include <bit>
#include <functional>

#include "runtime/error.h"

namespace limner {
namespace {

constexpr int node_tag = 1;

FixedTreeSum::Range range_of(int64_t rank, int64_t ranks, int64_t leaves) {
  const int64_t first = rank * leaves / ranks;
  return {first, (rank + 1) * leaves / ranks - first};
}

}  // namespace

FixedTreeSum::FixedTreeSum(Backend& backend, const Communicator& ranks, Tensor gradients)
    : backend_(backend),
      ranks_(ranks),
      gradients_(gradients),
      sum_(static_cast<size_t>(gradients.elements())) {}

FixedTreeSum::Range FixedTreeSum::own(int64_t leaves) const {
  return range_of(ranks_.rank(), ranks_.size(), leaves);
}

int64_t FixedTreeSum::bytes(int64_t elements, int64_t leaves, int ranks) {
  const int64_t most = (leaves + ranks - 1) / ranks;
  const int64_t vectors = 1 + std::bit_width(static_cast<uint64_t>(most)) + (ranks > 1 ? 1 : 0);
  return vectors * elements * static_cast<int64_t>(sizeof(float));
}

void FixedTreeSum::sum(int64_t leaves, const std::function<void(int64_t)>& compute) {
  require(leaves > 0, "a sum of {} leaves", leaves);
  owner_.resize(static_cast<size_t>(leaves));
  for (int rank = 0; rank < ranks_.size(); ++rank) {
    const Range range = range_of(rank, ranks_.size(), leaves);
    std::fill_n(owner_.begin() + range.first, range.count, rank);
  }
  held_.resize(static_cast<size_t>(std::bit_width(static_cast<uint64_t>(leaves))));
  add_node(0, leaves, 0, compute);
  ranks_.broadcast(std::span(sum_), owner_.front(), "share the sum of gradients");
  backend_.upload(gradients_, sum_.data());
}

// Afterwards the owner of the first leaf holds the node's sum in sum_.
void FixedTreeSum::add_node(int64_t begin, int64_t end, size_t depth,
                            const std::function<void(int64_t)>& compute) {
  const int me = ranks_.rank();
  const auto owner = [&](int64_t leaf) { return owner_[static_cast<size_t>(leaf)]; };
  if (owner(begin) > me || owner(end - 1) < me) return;  // owners ascend
  if (end - begin == 1) {
    backend_.fill_zero(gradients_);
    compute(begin);
    backend_.download(sum_.data(), gradients_);
    return;
  }
  const auto left_leaves = static_cast<int64_t>(std::bit_floor(static_cast<uint64_t>(end - begin - 1)));
  const int64_t middle = begin + left_leaves;
  add_node(begin, middle, depth + 1, compute);
  std::vector<float>& other = held_[depth];
  if (owner(begin) == me) other.resize(sum_.size());
  if (owner(begin) == me && owner(middle) == me) {
    std::swap(sum_, other);
    add_node(middle, end, depth + 1, compute);
    add(other);
    return;
  }
  add_node(middle, end, depth + 1, compute);
  if (owner(begin) == me) {
    ranks_.receive(std::span(other), owner(middle), node_tag, "add gradients of two ranks");
    add(other);
  } else if (owner(middle) == me) {
    ranks_.send(std::span<const float>(sum_), owner(begin), node_tag, "add gradients of two ranks");
  }
}

void FixedTreeSum::add(const std::vector<float>& other) {
  std::transform(sum_.begin(), sum_.end(), other.begin(), sum_.begin(), std::plus<float>());
}

}  // namespace limner
