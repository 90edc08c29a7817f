// The analytic backward pass of one chain (README.md, "Backward"). The weights before each step are recovered by
// subtracting the stored insertions; at an episode's border the episode before it is replayed from its start.
#pragma once
#include "layout.h"

namespace {

template <class A, int HeadDim, int OutputDim>
struct BackwardChain : Layout<A, HeadDim, OutputDim> {
  using L = Layout<A, HeadDim, OutputDim>;
  using typename L::S;
  using typename L::V;
  using L::C, L::CV, L::D, L::DP, L::DV, L::P, L::Y, L::YP, L::YV;

  // G is dL/dW after the step at hand; dW is what w gets so far.
  Workspace<S> space;
  S *W, *G, *dW, *v, *u, *dpre, *x, *difference, *zero;
  V *rows_r, *rows_p, *rows_x;

  BackwardChain(int64_t head_dim, int64_t output_dim)
      : L(head_dim, output_dim), space(3 * D() * P() + 3 * P() + 3 * DP() + 3 * 16 * DP()) {
    W = space.take(D() * P());
    G = space.take(D() * P());
    dW = space.take(D() * P());
    v = space.take(P());
    u = space.take(P());
    dpre = space.take(P());
    x = space.take(DP());
    difference = space.take(DP());
    zero = space.take(DP());
    rows_r = reinterpret_cast<V*>(space.take(16 * DP()));
    rows_p = reinterpret_cast<V*>(space.take(16 * DP()));
    rows_x = reinterpret_cast<V*>(space.take(16 * DP()));
  }

  // W goes back one step; rows of W u and of G insertion.
  inline __attribute__((always_inline)) void walk_back(const S* k, const S* insertion) {
    this->blocks(CV(), [&](auto n, int64_t j) __attribute__((always_inline)) {
      V in[n.n], uu[n.n];
      for (int i = 0; i < n.n; i++) {
        in[i] = A::load(insertion + 16 * (j + i));
        uu[i] = A::load(u + 16 * (j + i));
      }
      for (int64_t e = 0; e < D(); e++) {
        const V ke = A::fill(k[e]);
        V r = j == 0 ? A::fill(0) : rows_r[e], p = j == 0 ? A::fill(0) : rows_p[e];
        for (int i = 0; i < n.n; i++) {
          S* w = W + e * P() + 16 * (j + i);
          const V before = A::fnma(ke, in[i], A::load(w));
          A::store(w, before);
          r = A::fma(before, uu[i], r);
          p = A::fma(A::load(G + e * P() + 16 * (j + i)), in[i], p);
        }
        rows_r[e] = r;
        rows_p[e] = p;
      }
    });
  }

  // G takes both rank-one updates; v <- k_before G; rows of W dpre.
  inline __attribute__((always_inline)) void accumulate(const S* k_before) {
    this->blocks(CV(), [&](auto n, int64_t j) __attribute__((always_inline)) {
      V dp[n.n], uu[n.n], a[n.n];
      for (int i = 0; i < n.n; i++) {
        dp[i] = A::load(dpre + 16 * (j + i));
        uu[i] = A::load(u + 16 * (j + i));
        a[i] = A::fill(0);
      }
      for (int64_t e = 0; e < D(); e++) {
        const V de = A::fill(difference[e]), xe = A::fill(x[e]), ke = A::fill(k_before[e]);
        V r = j == 0 ? A::fill(0) : rows_x[e];
        for (int i = 0; i < n.n; i++) {
          S* g = G + e * P() + 16 * (j + i);
          const V moved = A::fma(de, uu[i], A::fma(xe, dp[i], A::load(g)));
          A::store(g, moved);
          a[i] = A::fma(ke, moved, a[i]);
          r = A::fma(A::load(W + e * P() + 16 * (j + i)), dp[i], r);
        }
        rows_x[e] = r;
      }
      for (int i = 0; i < n.n; i++) A::store(v + 16 * (j + i), a[i]);
    });
  }

  // dpre of q, k and beta from the rows of walk_back, with both softmax derivatives.
  inline void gradient_of_logits(const S* q, const S* k, const S* insertion, const S* beta) {
    S part_sum[4];
    for (int part = 0; part < 4; part++) {
      const int64_t from = part == 0 ? 0 : YV() + (part - 1) * DV();
      const int64_t to = part == 3 ? CV() : YV() + part * DV();
      V sum = A::fill(0);
      for (int64_t j = from; j < to; j++) sum = A::fma(A::load(v + 16 * j), A::load(insertion + 16 * j), sum);
      part_sum[part] = A::sum(sum);
    }
    V q_dot = A::fill(0), k_dot = A::fill(0);
    for (int64_t i = 0; i < DV(); i++) {
      const V r = A::row_sums(rows_r + 16 * i), p = A::sub(A::row_sums(rows_p + 16 * i), r);
      A::store(dpre + YP() + 16 * i, r);
      A::store(dpre + YP() + DP() + 16 * i, p);
      q_dot = A::fma(A::load(q + 16 * i), r, q_dot);
      k_dot = A::fma(A::load(k + 16 * i), p, k_dot);
    }
    q_dot = A::fill(A::sum(q_dot));
    k_dot = A::fill(A::sum(k_dot));
    for (int64_t i = 0; i < DV(); i++) {
      S *dq = dpre + YP() + 16 * i, *dk = dpre + YP() + DP() + 16 * i;
      const V qi = A::load(q + 16 * i), ki = A::load(k + 16 * i);
      A::store(dq, A::mul(qi, A::sub(A::load(dq), q_dot)));
      A::store(dk, A::mul(ki, A::sub(A::load(dk), k_dot)));
      A::store(difference + 16 * i, A::sub(qi, ki));
    }
    for (int i = 0; i < 4; i++) dpre[YP() + 2 * DP() + i] = (1 - beta[i]) * part_sum[i];
  }

  // dx_t from the rows of W dpre.
  inline void store_dx(const Backward<S>& f, const Span& s, int64_t t) {
    S* sums = difference;
    V dot = A::fill(0);
    for (int64_t i = 0; i < DV(); i++) {
      const V r = A::row_sums(rows_x + 16 * i);
      A::store(sums + 16 * i, r);
      dot = A::fma(A::load(x + 16 * i), r, dot);
    }
    if (f.geometry.input_softmax) {
      const V d = A::fill(A::sum(dot));
      for (int64_t i = 0; i < DV(); i++)
        A::store(sums + 16 * i, A::mul(A::load(x + 16 * i), A::sub(A::load(sums + 16 * i), d)));
    }
    write_row(f.dx, ((t * f.geometry.B + s.b) * f.geometry.H + s.h) * D(), sums, D(), f.x.stored);
  }

  inline void load_dy(const Backward<S>& f, const Span& s, int64_t t) {
    if (f.dy.data) this->load_row(dpre, f.dy, s, t, Y(), YP());
  }

  inline const S* saved_at(const Backward<S>& f, const Span& s, int64_t t) const {
    const Geometry& g = f.geometry;
    return f.saved + ((s.b * g.H + s.h) * g.T + t) * this->saved_width(g.step);
  }

  // W <- the weights after step end - 1, rebuilt from the start of that step's episode.
  inline void replay(const Backward<S>& f, const Span& s, const S* w, const S* delta, int64_t end) {
    int64_t start = end - 1;
    while (start > s.begin && !is_first(f.geometry, s, start)) start--;
    this->load_weights(W, w, is_first(f.geometry, s, start) ? nullptr : delta);
    for (int64_t t = start; t < end; t++) {
      const S* saved = saved_at(f, s, t);
      this->add_outer(W, P(), CV(), saved + DP(), saved + 2 * DP());
    }
  }

  void run(const Backward<S>& f, int64_t chain) {
    const Geometry& g = f.geometry;
    const Span s = span_of(g, chain);
    const int64_t matrix = (s.n * g.H + s.h) * D() * C();
    const S* w = f.w + s.h * D() * C();
    const S* delta = f.delta.data ? f.delta.data + s.n * f.delta.n + s.h * f.delta.h : nullptr;
    const S* ddelta_out = f.ddelta_out.data ? f.ddelta_out.data + s.n * f.ddelta_out.n + s.h * f.ddelta_out.h : nullptr;
    for (int64_t e = 0; e < D(); e++) {
      if (ddelta_out) this->pad_columns(G + e * P(), ddelta_out + e * C());
    }
    if (!ddelta_out) std::memset(G, 0, D() * P() * sizeof(S));
    std::memset(dW, 0, D() * P() * sizeof(S));
    std::memset(dpre, 0, P() * sizeof(S));
    if (s.begin < s.end) {
      this->load_weights(W, w, f.delta_out.data + s.n * f.delta_out.n + s.h * f.delta_out.h);
      this->apply(G, P(), CV(), saved_at(f, s, s.end - 1) + DP(), v);
    }
    // w gets the sum of all updates of G. While G still holds the final state's cotangent they are summed apart from it:
    // subtracting it at the end would cancel most digits.
    bool mixed = ddelta_out != nullptr;
    for (int64_t t = s.end - 1; t >= s.begin; t--) {
      const S* q = saved_at(f, s, t);
      const S *k = q + DP(), *insertion = k + DP(), *beta = insertion + P();
      for (int64_t j = 0; j < CV(); j++)
        A::store(u + 16 * j, A::mul(A::load(v + 16 * j), A::fill(beta[this->part(j)])));
      walk_back(k, insertion);
      load_dy(f, s, t);
      gradient_of_logits(q, k, insertion, beta);
      this->load_x(x, f.x, s, t, g.input_softmax);
      accumulate(t > s.begin ? saved_at(f, s, t - 1) + DP() : zero);
      if (mixed) {
        this->add_outer(dW, P(), CV(), difference, u);
        this->add_outer(dW, P(), CV(), x, dpre);
      }
      store_dx(f, s, t);
      if (!is_first(g, s, t)) continue;
      if (!mixed) this->add(dW, G);
      mixed = false;
      std::memset(G, 0, D() * P() * sizeof(S));
      std::memset(v, 0, P() * sizeof(S));
      if (t > s.begin) replay(f, s, w, delta, t);
    }
    if (f.ddelta) this->store_columns(f.ddelta + matrix, G, nullptr);
    if (!mixed) this->add(dW, G);
    this->store_columns(f.dw_partial + matrix, dW, nullptr);
  }

  // bptt="step": every step is on its own, only y reaches a gradient, and the weights are rebuilt forwards.
  void run_step(const Backward<S>& f, int64_t chain) {
    const Geometry& g = f.geometry;
    const Span s = span_of(g, chain);
    const S* w = f.w + s.h * D() * C();
    const S* delta = f.delta.data ? f.delta.data + s.n * f.delta.n + s.h * f.delta.h : nullptr;
    std::memset(G, 0, D() * P() * sizeof(S));
    std::memset(dpre, 0, P() * sizeof(S));
    for (int64_t t = s.begin; t < s.end; t++) {
      const bool first = is_first(g, s, t);
      if (t == s.begin || first) this->load_weights(W, w, first ? nullptr : delta);
      load_dy(f, s, t);
      this->load_x(x, f.x, s, t, g.input_softmax);
      for (int64_t e = 0; e < D(); e++) {
        V r = A::fill(0);
        for (int64_t j = 0; j < YV(); j++) r = A::fma(A::load(W + e * P() + 16 * j), A::load(dpre + 16 * j), r);
        rows_x[e] = r;
      }
      this->add_outer(G, P(), YV(), x, dpre);
      store_dx(f, s, t);
      const S* saved = saved_at(f, s, t);
      this->add_outer(W, P(), YV(), saved, saved + DP());
    }
    this->store_columns(f.dw_partial + (s.n * g.H + s.h) * D() * C(), G, nullptr);
  }
};

template <class A, int HeadDim, int OutputDim>
void backward_range(const Backward<typename A::S>& f, int64_t first, int64_t last) {
  BackwardChain<A, HeadDim, OutputDim> chain(f.geometry.D, f.geometry.Y);
  for (int64_t c = first; c < last; c++) f.geometry.step ? chain.run_step(f, c) : chain.run(f, c);
}

template <class A>
void backward_generic(const Backward<typename A::S>& f, int64_t first, int64_t last) {
  backward_range<A, 0, 0>(f, first, last);
}

template <class A>
void backward_tuned(const Backward<typename A::S>& f, int64_t first, int64_t last) {
  const int64_t d = f.geometry.D == f.geometry.Y ? f.geometry.D : 0;
  if (d == 16) return backward_range<A, 16, 16>(f, first, last);
  if (d == 32) return backward_range<A, 32, 32>(f, first, last);
  if (d == 64) return backward_range<A, 64, 64>(f, first, last);
  backward_range<A, 0, 0>(f, first, last);
}

}  // namespace
