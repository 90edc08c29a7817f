// One step of acting, in place: no padding, no copy of the state, nothing kept for a gradient. Two passes over a chain:
// the first reads x W, the second forms (q - k) W and adds k outer insertion to the fast_weight_delta.
#pragma once
#include "step_flat.h"

namespace {

template <class A, int HeadDim, int OutputDim>
struct StepChain : Layout<A, HeadDim, OutputDim> {
  using L = Layout<A, HeadDim, OutputDim>;
  using typename L::S;
  using typename L::V;
  using L::C, L::D, L::DP, L::DV, L::Y;

  Workspace<S> space;
  S *x, *q, *k, *difference, *pre, *beta, *mask;

  StepChain(int64_t head_dim, int64_t output_dim)
      : L(head_dim, output_dim), space(4 * DP() + 2 * ((C() + 15) / 16 * 16) + 16) {
    x = space.take(DP());
    q = space.take(DP());
    k = space.take(DP());
    difference = space.take(DP());
    pre = space.take(C());
    beta = space.take(C());
    mask = space.take(16);
    for (int64_t i = 0; i < 16; i++) mask[i] = i < 16 * vectors() - C() ? S(0) : S(1);
  }

  inline int64_t vectors() const { return (C() + 15) / 16; }
  // The last vector overlaps the one before it, so that no lane lies outside the row; it needs C of at least 16.
  inline int64_t column(int64_t j) const { return j + 1 < vectors() ? 16 * j : C() - 16; }

  // pre <- x W.
  inline void read(const S* w, const S* delta) {
    this->blocks(vectors(), [&](auto n, int64_t j) __attribute__((always_inline)) {
      V a[n.n];
      for (int i = 0; i < n.n; i++) a[i] = A::fill(0);
      for (int64_t e = 0; e < D(); e++) {
        const V xe = A::fill(x[e]);
        for (int i = 0; i < n.n; i++) {
          const int64_t at = e * C() + column(j + i);
          a[i] = A::fma(xe, A::add(A::load(w + at), A::load(delta + at)), a[i]);
        }
      }
      for (int i = 0; i < n.n; i++) A::store(pre + column(j + i), a[i]);
    });
  }

  // delta <- delta + k outer beta (q - k) W. Lanes that the last vector shares with the one before it get a zero.
  inline void write(const S* w, S* delta) {
    const int64_t last = vectors() - 1;
    this->blocks(vectors(), [&](auto n, int64_t j) __attribute__((always_inline)) {
      V a[n.n];
      for (int i = 0; i < n.n; i++) a[i] = A::fill(0);
      for (int64_t e = 0; e < D(); e++) {
        const V de = A::fill(difference[e]);
        for (int i = 0; i < n.n; i++) {
          const int64_t at = e * C() + column(j + i);
          a[i] = A::fma(de, A::add(A::load(w + at), A::load(delta + at)), a[i]);
        }
      }
      for (int i = 0; i < n.n; i++) {
        a[i] = A::mul(a[i], A::load(beta + column(j + i)));
        if (j + i == last) a[i] = A::mul(a[i], A::load(mask));
      }
      for (int64_t e = 0; e < D(); e++) {
        const V ke = A::fill(k[e]);
        for (int i = 0; i < n.n; i++) {
          S* d = delta + e * C() + column(j + i);
          A::store(d, A::fma(ke, a[i], A::load(d)));
        }
      }
    });
  }

  // Both passes for rows shorter than a vector.
  inline void read_short(const S* w, const S* delta) {
    for (int64_t c = 0; c < C(); c++) {
      pre[c] = 0;
      for (int64_t e = 0; e < D(); e++) pre[c] += x[e] * (w[e * C() + c] + delta[e * C() + c]);
    }
  }
  inline void write_short(const S* w, S* delta) {
    for (int64_t c = 0; c < C(); c++) {
      S a = 0;
      for (int64_t e = 0; e < D(); e++) a += difference[e] * (w[e * C() + c] + delta[e * C() + c]);
      for (int64_t e = 0; e < D(); e++) delta[e * C() + c] += k[e] * (beta[c] * a);
    }
  }

  void run(const Step<S>& f, int64_t chain) {
    const int64_t b = chain / f.H, h = chain % f.H;
    const S* w = f.w + h * D() * C();
    S* delta = f.delta + b * f.delta_b + h * f.delta_h;
    if (f.is_first && f.is_first[b * f.is_first_b]) std::memset(delta, 0, D() * C() * sizeof(S));
    this->load_x(x, f.x, {b, b, h, 0, 1}, 0, f.input_softmax);
    const bool is_short = C() < 16;
    is_short ? read_short(w, delta) : read(w, delta);
    write_row(f.y, b * f.y_b + h * f.y_h, pre, Y(), f.x.stored);
    std::memcpy(q, pre + Y(), D() * sizeof(S));
    std::memcpy(k, pre + Y() + D(), D() * sizeof(S));
    S rates[16] = {};
    std::memcpy(rates, pre + Y() + 2 * D(), 4 * sizeof(S));
    this->softmax(q, q);
    this->softmax(k, k);
    const V one = A::fill(1), zero = A::fill(0);
    A::store(rates, A::div(one, A::add(one, A::exp(A::sub(zero, A::load(rates))))));
    for (int64_t i = 0; i < DV(); i++)
      A::store(difference + 16 * i, A::sub(A::load(q + 16 * i), A::load(k + 16 * i)));
    S* to = beta;
    for (int64_t i = 0; i < Y(); i++) *to++ = rates[0];
    for (int64_t i = 0; i < D(); i++) *to++ = rates[1];
    for (int64_t i = 0; i < D(); i++) *to++ = rates[2];
    for (int64_t i = 0; i < 4; i++) *to++ = rates[3];
    is_short ? write_short(w, delta) : write(w, delta);
  }
};

template <class A, int HeadDim, int OutputDim>
void step_range(const Step<typename A::S>& f, int64_t first, int64_t last) {
  StepChain<A, HeadDim, OutputDim> chain(f.D, f.Y);
  for (int64_t c = first; c < last; c++) chain.run(f, c);
}

template <class A>
void step_generic(const Step<typename A::S>& f, int64_t first, int64_t last) {
  step_range<A, 0, 0>(f, first, last);
}

template <class A, int HeadDim>
void step_flat(const Step<typename A::S>& f, int64_t first, int64_t last) {
  FlatStep<A, HeadDim>().run(f, first, last);
}

template <class A>
void step_tuned(const Step<typename A::S>& f, int64_t first, int64_t last) {
  const int64_t d = f.D == f.Y ? f.D : 0;
  if (d == 16) return step_flat<A, 16>(f, first, last);
  if (d == 32) return step_flat<A, 32>(f, first, last);
  if (d == 64) return step_flat<A, 64>(f, first, last);
  step_range<A, 0, 0>(f, first, last);
}

}  // namespace
