// The backward pass at D = Y = 16 with 32 vector registers: three vectors and the four columns of beta are a row of W or of
// G, so that u, dpre, the insertion and k G stay in registers over all rows. A row asks for one number each of k, q - k and
// x, where a column of transposed.h asks for four each of its vectors; what costs a sum across lanes here, W u, W dpre and
// G insertion, is as much as k G costs there.
#pragma once
#include "backward_state.h"
#include "small_row.h"

namespace {

template <class A, int HeadDim, int OutputDim>
struct ByRows : BackwardState<A, HeadDim, OutputDim> {
  using B = BackwardState<A, HeadDim, OutputDim>;
  using typename B::S;
  using typename B::V;
  using B::B, B::P, B::W, B::G, B::dW, B::v, B::u, B::dpre, B::x, B::difference, B::r, B::p, B::r_x;
  static_assert(HeadDim == 16 && OutputDim == 16);

  using Row = SmallRow<A>;
  static constexpr int pitch = Row::pitch;
  // By four rows, what has still to be summed across lanes: for r, p and r_x.
  V of_r[4], of_p[4], of_x[4];

  void load(S* M, const S* a, const S* b) const { this->load_weights(M, a, b); }
  void store(S* to, const S* M) const { this->store_columns(to, M, nullptr); }

  // M <- M + lanes outer columns, over the first `count` columns.
  inline void add_outer(S* M, int64_t count, const S* columns, const S* lanes) const {
    B::L::add_outer(M, pitch, count / 16, lanes, columns);
  }

  // v <- k G and p <- G insertion; a null k stands for a G of zeros.
  inline void project(const S* k) {
    Row sum = Row::zero();
    if (k) {
      const Row in = Row::at(this->insertion_of(k));
      V rows[16];
      for (int e = 0; e < 16; e++) {
        const Row g = Row::at(G + e * pitch);
        sum.plus(A::fill(k[e]), g);
        rows[e] = g.times(in);
      }
      A::store(p, A::row_sums(rows));
    } else {
      A::store(p, A::fill(0));
    }
    sum.to(v);
  }

  // r_x <- M dpre over the columns of y.
  inline void apply_y(const S* M) {
    V rows[16];
    for (int e = 0; e < 16; e++) rows[e] = A::mul(A::load(M + e * pitch), A::load(dpre));
    A::store(r_x, A::row_sums(rows));
  }

  // Of the step whose k is given and whose v and p are known: u, W goes back to it, r.
  inline void start(const S* k) {
    scale(k);
    walk_back<false, 0>(k);
    walk_back<false, 2>(k);
    A::store(r, A::sum_folded(of_r));
  }

  // G takes the step at hand, r_x <- W dpre; then, if `walk`, `start` of the step before it, whose k is given. Meanwhile
  // another chain, if there is one, waits.
  template <class Other>
  __attribute__((always_inline)) inline void advance(const S* k_before, bool walk, Other* other) {
    accumulate<0>(k_before);
    if (other) other->template stage<0>();
    accumulate<2>(k_before);
    A::store(p, A::sum_folded(of_p));
    if (other) other->template stage<1>();
    if (!walk) {
      multiply_back();
      if (other) other->template stage<2>();
      return;
    }
    scale(k_before);
    walk_back<true, 0>(k_before);
    if (other) other->template stage<2>();
    walk_back<true, 2>(k_before);
    A::store(r, A::sum_folded(of_r));
    A::store(r_x, A::sum_folded(of_x));
  }

 private:
  // u <- beta v, and the parts' sums of v * insertion.
  inline void scale(const S* k) {
    const S* const beta = this->beta_of(k);
    const Row of_v = Row::at(v), in = Row::at(this->insertion_of(k));
    of_v.scaled(beta).to(u);
    for (int j = 0; j < 3; j++) this->part_sum[j] = A::mul(of_v.a[j], in.a[j]);
    this->part_sum[3] = A::widen(A::mul(of_v.b, in.b));
  }

  // Of eight rows from 4 * Four on: G takes both rank-one updates, v <- k_before G, shares of p.
  template <int Four>
  __attribute__((noinline)) void accumulate(const S* k_before) {
    const Row of_u = Row::at(u), of_d = Row::at(dpre), in = Row::at(this->insertion_of(k_before));
    const S *const by_u = difference, *const by_d = x;
    S* const M = G;
    Row sum = Four ? Row::at(v) : Row::zero();
    SRWM_UNROLL(2)
    for (int four = Four; four < Four + 2; four++) {
      V rows[4];
      SRWM_UNROLL(4)
      for (int i = 0; i < 4; i++) {
        const int e = 4 * four + i;
        Row g = Row::at(M + e * pitch);
        g.plus(A::fill(by_d[e]), of_d);
        g.plus(A::fill(by_u[e]), of_u);
        g.to(M + e * pitch);
        sum.plus(A::fill(k_before[e]), g);
        rows[i] = g.times(in);
      }
      of_p[four] = A::fold4(rows);
    }
    sum.to(v);
  }

  // Of eight rows from 4 * Four on: shares of W dpre if asked for, W goes back one step, shares of W u.
  template <bool With_dx, int Four>
  __attribute__((noinline)) void walk_back(const S* k) {
    const Row of_u = Row::at(u), of_d = Row::at(dpre), in = Row::at(this->insertion_of(k));
    S* const M = W;
    SRWM_UNROLL(2)
    for (int four = Four; four < Four + 2; four++) {
      V rows[4], rows_x[4];
      SRWM_UNROLL(4)
      for (int i = 0; i < 4; i++) {
        const int e = 4 * four + i;
        Row w = Row::at(M + e * pitch);
        if constexpr (With_dx) rows_x[i] = w.times(of_d);
        w.minus(A::fill(k[e]), in);
        w.to(M + e * pitch);
        rows[i] = w.times(of_u);
      }
      of_r[four] = A::fold4(rows);
      if constexpr (With_dx) of_x[four] = A::fold4(rows_x);
    }
  }

  // r_x <- W dpre.
  __attribute__((noinline)) void multiply_back() {
    const Row of_d = Row::at(dpre);
    V rows[16];
    for (int e = 0; e < 16; e++) rows[e] = Row::at(W + e * pitch).times(of_d);
    A::store(r_x, A::row_sums(rows));
  }
};

}  // namespace
