// The gradient of w from the chains' shares. Internal linkage: compiled under several instruction sets.
#pragma once
#include <cstdint>

namespace {

// dw <- the sum of `count` rows, every `apart`th of a table, over elements `from` to `to` - 1: in order and in float64, so that
// it has the same bits for any number of threads.
template <class S>
void sum_rows(const S* const* rows, int64_t apart, S* dw, int64_t count, int64_t from, int64_t to) {
  constexpr int64_t block = 256;
  double sum[block];
  for (int64_t i = from; i < to; i += block) {
    const int64_t n = to - i < block ? to - i : block;
    for (int64_t j = 0; j < n; j++) sum[j] = 0;
    for (int64_t row = 0; row < count; row++) {
      const S* at = rows[row * apart] + i;
      for (int64_t j = 0; j < n; j++) sum[j] += at[j];
    }
    for (int64_t j = 0; j < n; j++) dw[i + j] = S(sum[j]);
  }
}

}  // namespace
