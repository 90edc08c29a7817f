// The backward pass keeps its matrices transposed, one column of C to a row [DP] of memory: W u, G insertion and W dpre
// then need no sum across lanes, only k G does, and no column is padded.
#pragma once
#include "layout.h"

namespace {

template <class A, int HeadDim, int OutputDim>
struct Transposed : Layout<A, HeadDim, OutputDim> {
  using L = Layout<A, HeadDim, OutputDim>;
  using typename L::S;
  using typename L::V;
  using L::C, L::CV, L::D, L::DP, L::DV, L::P, L::Y, L::YP, L::YV;
  using L::L;

  // How many columns a group (sixteen lanes of [y | q | k | beta]) has, rounded up to four; the pads stay zero.
  inline int64_t columns_of(int64_t group) const {
    const int part = this->part(group);
    if (part == 3) return 4;
    const int64_t behind = part == 0 ? Y() - 16 * group : D() - 16 * (group - YV() - (part - 1) * DV());
    return behind >= 16 ? 16 : (behind + 3) / 4 * 4;
  }

  // Calls f(number of columns, group) for groups `from` to `to` - 1 in order.
  template <class F>
  inline __attribute__((always_inline)) void groups(int64_t from, int64_t to, F&& f) const {
    constexpr bool full = HeadDim > 0 && HeadDim % 16 == 0 && OutputDim % 16 == 0;
    const int64_t last = CV() - 1;
    for (int64_t g = from; g < to && g < last; g++) {
      if constexpr (full) f(Int<16>{}, g);
      else f(Count{columns_of(g)}, g);
    }
    if (to > last) f(Int<4>{}, last);
  }

  // M [P, DP] <- the transpose of a + b, both [D, C]; b may be null. Once a chain: all sizes share one copy of the code.
  __attribute__((noinline)) void load(S* M, const S* a, const S* b) const {
    if constexpr (HeadDim > 0) return Transposed<A, 0, 0>(D(), Y()).load(M, a, b);
    tiles([&](int64_t c, int64_t p, int64_t columns, int64_t e) {
      V rows[16];
      for (int i = 0; i < 16; i++) {
        const int64_t at = (e + i) * C() + c;
        rows[i] = e + i >= D() ? A::fill(0) : b ? A::add(some(a + at, columns), some(b + at, columns)) : some(a + at, columns);
      }
      A::transpose(rows);
      for (int64_t i = 0; i < columns; i++) A::store(M + (p + i) * DP() + e, rows[i]);
    });
  }

  // to [D, C] <- the transpose of M [P, DP].
  __attribute__((noinline)) void store(S* to, const S* M) const {
    if constexpr (HeadDim > 0) return Transposed<A, 0, 0>(D(), Y()).store(to, M);
    tiles([&](int64_t c, int64_t p, int64_t columns, int64_t e) {
      V rows[16];
      for (int i = 0; i < 16; i++) rows[i] = i < columns ? A::load(M + (p + i) * DP() + e) : A::fill(0);
      A::transpose(rows);
      for (int64_t i = 0; i < 16 && e + i < D(); i++) store_some(to + (e + i) * C() + c, rows[i], columns);
    });
  }

  // Calls f(vectors, first vector) for blocks of lanes.
  template <class F>
  inline __attribute__((always_inline)) void lane_blocks(F&& f) const {
    int64_t d = 0;
    if constexpr (A::block == 4) {
      for (; d + 4 <= DV(); d += 4) f(Int<4>{}, d);
      if (d + 2 <= DV()) f(Int<2>{}, d), d += 2;
    }
    for (; d < DV(); d++) f(Int<1>{}, d);
  }

  // M [P, DP] <- M + columns outer lanes, over the first `count` rows of M.
  inline void add_outer(S* M, int64_t count, const S* columns, const S* lanes) const {
    for (int64_t c = 0; c < count; c++) {
      const V value = A::fill(columns[c]);
      for (int64_t d = 0; d < DP(); d += 16)
        A::store(M + c * DP() + d, A::fma(value, A::load(lanes + d), A::load(M + c * DP() + d)));
    }
  }

  // to <- to + M, both [P, DP].
  inline void add(S* to, const S* M) const {
    for (int64_t i = 0; i < P() * DP(); i += 16) A::store(to + i, A::add(A::load(to + i), A::load(M + i)));
  }

 private:
  // Calls f(column of C, padded column, columns, first row) for tiles of at most 16 x 16.
  template <class F>
  inline __attribute__((always_inline)) void tiles(F&& f) const {
    this->parts([&](int64_t c, int64_t p, int64_t n) {
      for (int64_t i = 0; i < n; i += 16)
        for (int64_t e = 0; e < D(); e += 16) f(c + i, p + i, n - i < 16 ? n - i : int64_t(16), e);
    });
  }
  SRWM_INLINE V some(const S* from, int64_t count) {
    if (count == 16) return A::load(from);
    S lanes[16] = {};
    if (count == 4) std::memcpy(lanes, from, 4 * sizeof(S));
    else for (int64_t i = 0; i < count; i++) lanes[i] = from[i];
    return A::load(lanes);
  }
  SRWM_INLINE void store_some(S* to, V v, int64_t count) {
    if (count == 16) return A::store(to, v);
    S lanes[16];
    A::store(lanes, v);
    if (count == 4) std::memcpy(to, lanes, 4 * sizeof(S));
    else for (int64_t i = 0; i < count; i++) to[i] = lanes[i];
  }
};

}  // namespace
