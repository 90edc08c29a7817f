// One step of acting, in place, at head dims that are multiples of sixteen. A row of C = 3 D + 4 numbers starts and ends
// inside a vector, but four rows are C / 4 whole ones: the matrices are read and written as such groups, without a load
// across two cache lines and without padding. Three passes over a chain: x W, then (q - k) W, then k outer insertion.
#pragma once
#include "layout.h"

namespace {

template <class A, int HeadDim>
struct FlatStep : Layout<A, HeadDim, HeadDim> {
  using L = Layout<A, HeadDim, HeadDim>;
  using typename L::S;
  using typename L::V;
  static constexpr int D = HeadDim, C = 3 * D + 4, vectors = C / 4, groups = D / 4;
  static_assert(D % 16 == 0);
  // Chains at once, so that the processor fills the waits of one with the work of the other.
  static constexpr int chains = D == 16 ? 4 : D == 32 ? 2 : 1;

  // The working memory of one chain: `flat` and `insertion` lie as four rows do.
  struct Chain {
    S *x, *q, *k, *difference, *flat, *insertion, *pre, *rates;
    const S* w;
    S* delta;
    int64_t b, h;
  };
  Workspace<S> space;
  Chain all[chains];

  FlatStep() : L(D, D), space(chains * (4 * D + 9 * C + 32)) {
    for (Chain& c : all) {
      c.x = space.take(D);
      c.q = space.take(D);
      c.k = space.take(D);
      c.difference = space.take(D);
      c.flat = space.take(4 * C);
      c.insertion = space.take(4 * C);
      c.pre = space.take(C);
      c.rates = space.take(16);
    }
  }

  // The first whole vector of a group that starts in row r of its four; the last one of a row reaches 4 (r + 1) lanes into it.
  static constexpr int begin(int r) { return (r * C + 15) / 16; }

  // Calls f(row of the group, its first vector, its number of vectors) for the four rows of a group.
  template <class F>
  SRWM_INLINE void rows(F&& f) {
    f(Int<0>{}, Int<begin(0)>{}, Int<begin(1) - begin(0)>{});
    f(Int<1>{}, Int<begin(1)>{}, Int<begin(2) - begin(1)>{});
    f(Int<2>{}, Int<begin(2)>{}, Int<begin(3) - begin(2)>{});
    f(Int<3>{}, Int<begin(3)>{}, Int<begin(4) - begin(3)>{});
  }

  // What the vectors of row r of a group are multiplied by: v[r], and in the last one v[r + 1] from the next row on.
  template <int R>
  struct Factors {
    V whole, last;
    SRWM_INLINE Factors of(const S* v) {
      const V whole = A::fill(v[R]);
      if constexpr (R == 3) return {whole, whole};
      else return {whole, A::template mix<4 * (R + 1)>(whole, A::fill(v[R + 1]))};
    }
  };

  // flat <- the products of v's numbers with the rows of w + delta, summed over groups.
  SRWM_INLINE void multiply(const Chain& c, const S* v) {
    rows([&](auto r, auto from, auto n) __attribute__((always_inline)) {
      V a[n.n];
      for (int i = 0; i < n.n; i++) a[i] = A::fill(0);
      for (int g = 0; g < groups; g++) {
        const auto factors = Factors<r.n>::of(v + 4 * g);
        for (int i = 0; i < n.n; i++) {
          const int at = 16 * (g * vectors + from.n + i);
          a[i] = A::fma(i + 1 < n.n ? factors.whole : factors.last, A::add(A::load(c.w + at), A::load(c.delta + at)), a[i]);
        }
      }
      for (int i = 0; i < n.n; i++) A::store(c.flat + 16 * (from.n + i), a[i]);
    });
  }

  // The sum of a group's four rows at a column of sixteen.
  SRWM_INLINE V folded(const S* flat, int column) {
    const V a = A::add(A::load(flat + column), A::load(flat + C + column));
    return A::add(a, A::add(A::load(flat + 2 * C + column), A::load(flat + 3 * C + column)));
  }

  SRWM_INLINE void add_outer_in_place(const Chain& c) {
    rows([&](auto r, auto from, auto n) __attribute__((always_inline)) {
      V in[n.n];
      for (int i = 0; i < n.n; i++) in[i] = A::load(c.insertion + 16 * (from.n + i));
      for (int g = 0; g < groups; g++) {
        const auto factors = Factors<r.n>::of(c.k + 4 * g);
        for (int i = 0; i < n.n; i++) {
          S* to = c.delta + 16 * (g * vectors + from.n + i);
          A::store(to, A::fma(i + 1 < n.n ? factors.whole : factors.last, in[i], A::load(to)));
        }
      }
    });
  }

  inline void read(const Step<S>& f, Chain& c) {
    if (f.is_first && f.is_first[c.b * f.is_first_b]) std::memset(c.delta, 0, D * C * sizeof(S));
    this->load_x(c.x, f.x, {c.b, c.b, c.h, 0, 1}, 0, f.input_softmax);
  }

  inline void choose(const Step<S>& f, Chain& c) {
    for (int i = 0; i < 3 * D; i += 16) A::store(c.pre + i, folded(c.flat, i));
    A::store(c.rates, folded(c.flat, C - 16));
    write_row(f.y, c.b * f.y_b + c.h * f.y_h, c.pre, D, f.x.stored);
    this->softmax(c.pre + D, c.q);
    this->softmax(c.pre + 2 * D, c.k);
    const V one = A::fill(1), zero = A::fill(0);
    A::store(c.rates, A::div(one, A::add(one, A::exp(A::sub(zero, A::load(c.rates))))));
    for (int i = 0; i < D; i += 16) A::store(c.difference + i, A::sub(A::load(c.q + i), A::load(c.k + i)));
  }

  inline void insert(Chain& c) {
    // The rates are the last four of the sixteen columns that they were read with.
    const S* rates = c.rates + 12;
    for (int i = 0; i < 3 * D; i += 16) {
      const V in = A::mul(A::fill(rates[i / D]), folded(c.flat, i));
      for (int r = 0; r < 4; r++) A::store(c.insertion + r * C + i, in);
    }
    S last[16];
    A::store(last, A::mul(A::fill(rates[3]), folded(c.flat, C - 16)));
    for (int r = 0; r < 4; r++) std::memcpy(c.insertion + r * C + 3 * D, last + 12, 4 * sizeof(S));
  }

  // One chain after the other of a head, so that its slow weights stay near.
  void run(const Step<S>& f, int64_t first, int64_t last) {
    for (int64_t h = 0; h < f.H; h++) {
      int n = 0;
      for (int64_t chain = first + ((h - first) % f.H + f.H) % f.H; chain < last; chain += f.H) {
        const int64_t b = chain / f.H;
        Chain& c = all[n++];
        c.w = f.w + h * D * C;
        c.delta = f.delta + b * f.delta_b + h * f.delta_h;
        c.b = b, c.h = h;
        if (n < chains && chain + f.H < last) continue;
        for (int i = 0; i < n; i++) read(f, all[i]);
        for (int i = 0; i < n; i++) multiply(all[i], all[i].x);
        for (int i = 0; i < n; i++) choose(f, all[i]);
        for (int i = 0; i < n; i++) multiply(all[i], all[i].difference);
        for (int i = 0; i < n; i++) insert(all[i]);
        for (int i = 0; i < n; i++) add_outer_in_place(all[i]);
        n = 0;
      }
    }
  }
};

}  // namespace
