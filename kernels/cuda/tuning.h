// Sizes and thresholds of the CUDA kernels, each with the reason that set it. None of them has been measured
// on a GPU: they are reasoned from capacities.
#pragma once

#include <cstdint>

namespace limner::tuning {

// --- Attention.
// The longest row whose keys and values a block holds whole. Up to here a row needs at most 8 strips of 16
// queries, two for each of the block's four warps; the tiles take 36 KiB at head size 64 and 68 KiB at 128,
// so that an SM (164 KiB on sm_80, 228 on sm_90) has two or more such blocks. Beyond it, tiles of 64 keys
// with copies one tile ahead need less shared memory and more queries share each key.
inline constexpr int kShortRow = 128;
// Backward: the longest row that a warp serves alone, its other half of 16 tokens after the first. A block of
// 64 tokens has work for all its four warps from 49 on, for two up to here.
inline constexpr int kShortBackwardRow = 32;

// --- Sums over rows (column_sums.cu, norm.cu).
// A block of 8 warps sums this many rows of 256 columns, 8 to 16 a warp, so that its fixed cost is small …
inline constexpr int64_t kSumRows = 64;
// … and more where there would be more pieces than this: the second pass sums the pieces in one block a tile.
inline constexpr int64_t kSumPieces = 128;
// Ranges of tokens in norm's backward, each a block of up to 8 warps: two blocks for each SM of the largest
// GPUs (132 to 148).
inline constexpr int64_t kNormPieces = 256;
inline constexpr int64_t kNormTokens = 16;  // and no smaller than two tokens a warp

// --- Sum of squares: blocks that sum a fixed share each; the last pass adds their sums in one block.
inline constexpr int64_t kSquarePieces = 1024;

}  // namespace limner::tuning
