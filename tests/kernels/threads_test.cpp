// Every operation gives the same bytes for any number of threads, and a GPU the second time.
#include "operand.h"
#include "reference.h"

namespace limner::test {

using Results = std::vector<std::vector<std::byte>>;

// Every operation once, on a batch larger than any block.
Results run_all(int threads, DType dtype) {
  const auto backend = make_backend(threads);
  const std::vector<int32_t> lengths{70, 1, 0, 130, 33, 200, 17, 250, 64};
  const Rows rows(lengths);
  const int64_t tokens = rows.tokens(), heads = 4, size = 32, hidden = heads * size, inner = 200;
  const Dropout dropout{0.1f, 42};
  Results results;
  const auto keep = [&](const Operand& operand) { results.push_back(operand.bytes()); };

  const Operand x(dtype, {tokens, hidden}, 1), weight(dtype, {inner, hidden}, 2), bias(dtype, {inner}, 3);
  const Operand y(dtype, {tokens, inner}), pre(dtype, {tokens, inner}), dx(dtype, {tokens, hidden});
  const Operand dweight(DType::f32, {inner, hidden}, 4), dbias(DType::f32, {inner}, 5);
  backend->linear_forward(y, pre, x, weight, bias, Activation::gelu);
  backend->activation_backward(y, y, pre, Activation::gelu);
  backend->add_columns(y, 3, x, 0.5f);
  backend->activation_forward(pre, pre, Activation::gelu);
  backend->linear_backward_input(dx, Write::overwrite, y, weight);
  backend->linear_backward_weight(dweight, dbias, y, x);
  for (const Operand* operand : {&y, &pre, &dx, &dweight, &dbias}) keep(*operand);

  const Operand qkv(dtype, {tokens, 3 * hidden}, 6), attended(dtype, {tokens, hidden}),
      lse(DType::f32, {heads, tokens});
  const Operand dqkv(dtype, {tokens, 3 * hidden});
  const Operand distances(DType::f32, {499, heads}, 25), ddistances(DType::f32, {499, heads}, 26);
  const AttentionShape shape{heads, size, Masking::bidirectional, dropout};
  backend->attention_forward(attended, lse, qkv, distances, rows, shape);
  backend->attention_backward(dqkv, ddistances, x, attended, lse, qkv, distances, rows, shape);
  for (const Operand* operand : {&attended, &lse, &dqkv, &ddistances}) keep(*operand);

  const Operand gamma(DType::f32, {hidden}, 7), beta(DType::f32, {hidden}, 8),
      normed(dtype, {tokens, hidden}), sum(dtype, {tokens, hidden});
  const Operand mean(DType::f32, {tokens}), rstd(DType::f32, {tokens}), dsum(dtype, {tokens, hidden});
  const Operand dgamma(DType::f32, {hidden}, 9), dbeta(DType::f32, {hidden}, 10);
  backend->norm_forward(normed, sum, mean, rstd, x, attended, gamma, beta, NormKind::layer, 1e-5f, dropout,
                        rows);
  backend->norm_backward(dsum, Write::overwrite, dx, dgamma, dbeta, x, sum, mean, rstd, gamma,
                         NormKind::layer, dropout, rows);
  for (const Operand* operand : {&normed, &sum, &mean, &rstd, &dsum, &dx, &dgamma, &dbeta}) keep(*operand);

  {
    const AttentionShape grouped{4, size, Masking::causal, dropout, 2, 40};  // packed as wide as 2 * hidden
    const Operand table(DType::f32, {250, size}, 21), scales(DType::f32, {size}, 22),
        rstds(DType::f32, {tokens, 6}), dscales(DType::f32, {size}, 23), gated(dtype, {tokens, hidden}),
        packed(dtype, {tokens, 2 * hidden}, 24), heads_normed(dtype, {tokens, 2 * hidden}),
        dpacked(dtype, {tokens, 2 * hidden}), lse_grouped(DType::f32, {4, tokens});
    backend->head_norm_forward(heads_normed, rstds, packed, scales, scales, 1e-6f, grouped);
    backend->rotate(heads_normed, table, rows, grouped, Rotation::forward);
    backend->attention_forward(attended, lse_grouped, heads_normed, Tensor(), rows, grouped);
    backend->attention_backward(dpacked, Tensor(), x, attended, lse_grouped, heads_normed, Tensor(), rows,
                                grouped);
    backend->head_norm_backward(dpacked, dscales, dscales, dpacked, packed, rstds, scales, scales, grouped);
    backend->gate_forward(gated, packed, Activation::silu);
    backend->norm_backward(dsum, Write::add, Tensor(), dgamma, Tensor(), x, sum, Tensor(), rstd, gamma,
                           NormKind::rms, {}, rows);
    for (const Operand* operand : {&heads_normed, &attended, &dpacked, &dscales, &gated, &dsum})
      keep(*operand);
    backend->gate_backward(dpacked, gated, packed, Activation::silu);
    keep(dpacked);
  }

  std::vector<int32_t> ids;
  for (int64_t token = 0; token < tokens; ++token) ids.push_back(static_cast<int32_t>(token * token % 13));
  const Operand word(dtype, {13, hidden}, 11), embedded(dtype, {tokens, hidden}),
      dword(DType::f32, {13, hidden}, 12);
  backend->embedding_forward(embedded, word, word, Tensor(), ids, ids, {});
  backend->embedding_backward(dword, Tensor(), Tensor(), x, ids, {}, {});
  const Operand pooled(DType::f32, {rows.count(), hidden}), argmax(DType::i32, {rows.count(), hidden});
  backend->pool_forward(pooled, argmax, x, rows, Pooling::max, 3);
  backend->pool_backward(dx, Write::overwrite, pooled, argmax, rows, Pooling::max, 3);
  backend->normalize_rows(pooled);
  for (const Operand* operand : {&embedded, &dword, &pooled, &argmax, &dx}) keep(*operand);

  const Operand flat(DType::f32, {50000}, 13), moment(DType::f32, {50000}, 14),
      other(DType::f32, {50000}, 15);
  const double squares = backend->sum_of_squares(flat);
  const auto* bytes = reinterpret_cast<const std::byte*>(&squares);
  results.emplace_back(bytes, bytes + sizeof(squares));
  backend->add(other, flat);
  keep(other);
  const Operand columns(dtype, {tokens, hidden});
  backend->copy_columns(columns, y, 7, 0.5f);
  keep(columns);
  backend->move_average(other, moment, 0.25f);
  keep(other);

  const Operand logits(dtype, {5, 301}, 16), dlogits(dtype, {5, 301}), loss(DType::f32, {5});
  backend->cross_entropy(loss, dlogits, logits, std::vector<int32_t>{0, 300, -1, 7, 16}, Tensor(),
                         {0.1f, 2.0f}, 1.0f);
  for (const Operand* operand : {&dlogits, &loss}) keep(*operand);
  return results;
}

TEST(Threads, EveryResultIsTheSameBytes) {
  const std::vector<int> others = has_threads() ? std::vector<int>{2, 3, 7} : std::vector<int>{1};
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const Results one = run_all(1, dtype);
    for (const int threads : others) {
      const Results many = run_all(threads, dtype);
      ASSERT_EQ(many.size(), one.size());
      for (size_t i = 0; i < one.size(); ++i)
        EXPECT_TRUE(many[i] == one[i]) << "result " << i << ", " << threads << " threads";
    }
  }
}

}  // namespace limner::test
