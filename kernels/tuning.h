// Tile sizes and thresholds, each with the measurement that set it. Machine unless said: AMD Zen 5 (AVX-512,
// 1 MiB L2 a core), oneDNN 2.6.3, one thread a tile. They decide how work is cut, so they must not depend on
// the number of threads: results are then the same bytes for any number.
#pragma once

#include <algorithm>
#include <cstdint>

namespace limner::tuning {

// --- Matrix products.
// Columns of a tile of y = x W^T: 256 x 768 f32 is 768 KiB, so the activation finds the tile in L2.
inline constexpr int64_t kLinearColumns = 768;

// Rows of that tile. Single-thread f32 rates at 64, 128, 256 rows: 207, 217, 226 GFLOP/s (in 384, out 1152);
// bf16 385, 450, 467. Small batches take smaller tiles, so that every thread gets some.
inline constexpr int64_t kLinearRowsMost = 256;
inline constexpr int64_t kLinearRowsLeast = 32;
inline constexpr int64_t kLinearTilesWanted = 16;

inline int64_t linear_tile_rows(int64_t tokens, int64_t column_tiles) {
  int64_t rows = kLinearRowsLeast;
  while (rows < kLinearRowsMost && tokens * column_tiles > rows * kLinearTilesWanted) rows *= 2;
  return rows;
}

// The last tile is filled up with zero rows to a multiple of this, so that few different products are built.
inline constexpr int64_t kLinearRowGrain = 16;

// dW = dy^T x: a tile of dW sums all tokens. bf16 rates on 4,096 tokens at 64 x 768, 96 x 384, 192 x 768:
// 363, 386, 408 GFLOP/s (mean of six shapes of width 192 and 384); f32 223, 222, 224. Small weights take
// smaller tiles.
inline constexpr int64_t kWeightColumns = 768;
inline constexpr int64_t kWeightRowsMost = 192;
inline constexpr int64_t kWeightRowsLeast = 64;
inline constexpr int64_t kWeightRowGrain = 32;
inline constexpr int64_t kWeightTilesWanted = 8;

inline int64_t weight_tile_rows(int64_t out, int64_t column_tiles) {
  const int64_t rows = out * column_tiles / kWeightTilesWanted / kWeightRowGrain * kWeightRowGrain;
  return std::clamp(rows, kWeightRowsLeast, kWeightRowsMost);
}

// Tokens of one product of such a tile: 512 x (192 + 768) bf16 are 960 KiB.
inline constexpr int64_t kWeightTokens = 512;
inline constexpr int64_t kWeightTokenGrain = 32;

// --- Passes over memory.
// Tokens one task of a token-wise pass (norm, dropout, embedding, activation) takes: 32 x 768 f32 = 96 KiB.
inline constexpr int64_t kTokensPerTask = 32;
// Partial sums of a reduction over tokens (dgamma, dbeta): at most this many, each a fixed range of tokens.
inline constexpr int64_t kPartialSums = 64;
// Elements one task of a flat pass (cast, add, AdamW, sum of squares) takes.
inline constexpr int64_t kElementsPerTask = 16384;
// Columns one task of the embedding's backward owns; a cache line of bf16, two of f32.
inline constexpr int64_t kEmbeddingColumns = 32;

// --- Attention.
// Queries whose scores backward holds at once: with 512 keys 2 x 128 KiB.
inline constexpr int64_t kAttentionQueryBlock = 64;
// Heads of a row go into one task until it has this many (tokens x heads).
inline constexpr int64_t kAttentionTokensPerTask = 256;

}  // namespace limner::tuning
