// The working memory of one chain's backward pass. How its matrices lie is up to whoever sweeps over them: transposed.h, or
// by_rows.h where the registers hold all columns of a row.
#pragma once
#include "layout.h"

namespace {

// Numbers between matrices that a sweep reads and writes side by side. A column of C often has one address in them modulo
// 4 KB, and a load then waits for the store of another matrix: at D = 64 up to half the speed.
constexpr int64_t APART = 528;

template <class A, int HeadDim, int OutputDim>
struct BackwardState : Layout<A, HeadDim, OutputDim> {
  using L = Layout<A, HeadDim, OutputDim>;
  using typename L::S;
  using typename L::V;
  using L::D, L::DP, L::P, L::Y;

  Workspace<S> space;
  // Matrices: G is dL/dW after the step at hand; dW is what w gets so far.
  S *W, *G, *dW;
  // Of C numbers: v = k G and u of the step at hand, dpre.
  S *v, *u, *dpre;
  // Of D numbers: x, q - k, r = W u, p = G insertion, r_x = W dpre. `zero` stands for what a first step has before it.
  S *x, *difference, *r, *p, *r_x, *zero;
  // By part, lanes whose sum is that of v * insertion.
  V part_sum[4];

  BackwardState(int64_t head_dim, int64_t output_dim)
      : L(head_dim, output_dim), space(3 * P() * DP() + 2 * APART + 4 * P() + 6 * DP()) {
    W = space.take(P() * DP());
    space.take(APART);
    G = space.take(P() * DP());
    space.take(APART);
    dW = space.take(P() * DP());
    v = space.take(P());
    u = space.take(P());
    dpre = space.take(P());
    x = space.take(DP());
    difference = space.take(DP());
    r = space.take(DP());
    p = space.take(DP());
    r_x = space.take(DP());
    zero = space.take(DP() + P());
  }

  // to <- to + M, both matrices.
  inline void add(S* to, const S* M) const {
    for (int64_t i = 0; i < P() * DP(); i += 16) A::store(to + i, A::add(A::load(to + i), A::load(M + i)));
  }

  // In a saved step: what stands behind its k.
  inline const S* insertion_of(const S* k) const { return k + DP(); }
  inline const S* beta_of(const S* k) const { return k + DP() + P() - 12; }
};

}  // namespace
