#include "model/memory_fit.h"

#include <algorithm>

#include "runtime/error.h"

namespace limner {
namespace {

// Of the first rank that lacks memory; empty: no rank does.
std::string first_lack(const Communicator& ranks, const std::string& mine) {
  const std::string named =
      mine.empty() ? mine : fmt::format("rank {} on {}: {}", ranks.rank(), ranks.host(), mine);
  for (const std::string& lack : ranks.all_gather(named, "agree on the size of batches")) {
    if (!lack.empty()) return lack;
  }
  return {};
}

}  // namespace

MemoryFit plan_within_memory(const Communicator& ranks, Model& model, int64_t most, const LeastBatch& least,
                             const std::function<void(int64_t)>& plan) {
  require(most >= least.tokens, "batches of {} tokens at most and {} at least", most, least.tokens);
  MemoryFit fit{most, {}};
  for (;;) {
    std::string mine;
    try {
      plan(fit.tokens);
    } catch (const OutOfMemory& error) {
      mine = error.what();
    }
    const std::string lack = first_lack(ranks, mine);
    if (lack.empty()) return fit;
    if (fit.tokens == least.tokens) {
      throw OutOfMemory(fmt::format("{}, {} tokens, does not fit into memory ({}); {}", least.what,
                                    least.tokens, lack, least.advice));
    }
    fit = {std::max(least.tokens, fit.tokens / 2), lack};
    // Ranks may share a GPU: what one of them holds, another would miss.
    model.release_plan();
    ranks.barrier("release the memory of a batch");
  }
}

}  // namespace limner
