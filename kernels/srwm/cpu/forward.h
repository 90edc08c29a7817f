// The forward recurrence of one chain. The state stays in the first-level cache; two passes over it a step:
// the first forms (q - k) W, the second writes k outer insertion and forms the next step's x W on the way.
#pragma once
#include "layout.h"

namespace {

template <class A, int HeadDim, int OutputDim>
struct ForwardChain : Layout<A, HeadDim, OutputDim> {
  using L = Layout<A, HeadDim, OutputDim>;
  using typename L::S;
  using typename L::V;
  using L::C, L::CV, L::D, L::DP, L::DV, L::P, L::Y, L::YP;

  Workspace<S> space;
  S *W, *x, *pre, *insertion, *q, *k, *difference, *beta;
  // The chain at hand, its next step, and whether that one is between wait() and work().
  const Forward<S>* f;
  const S *w, *delta;
  Span s;
  int64_t t;
  bool waited = false;

  ForwardChain(int64_t head_dim, int64_t output_dim)
      : L(head_dim, output_dim), space(D() * P() + 4 * DP() + 2 * P() + 16) {
    W = space.take(D() * P());
    x = space.take(DP());
    q = space.take(DP());
    k = space.take(DP());
    difference = space.take(DP());
    pre = space.take(P());
    insertion = space.take(P());
    beta = space.take(16);
  }

  // Insertion, new weights, and pre <- x W of the new weights.
  inline __attribute__((always_inline)) void update() {
    // Locals: the compiler must take a vector store for a possible change of any member.
    S *const W = this->W, *const insertion = this->insertion, *const pre = this->pre;
    const S *const difference = this->difference, *const k = this->k, *const x = this->x, *const beta = this->beta;
    this->blocks(CV(), [&](auto n, int64_t j) __attribute__((always_inline)) {
      V a[n.n], in[n.n];
      for (int i = 0; i < n.n; i++) a[i] = A::fill(0);
      for (int64_t e = 0; e < D(); e++) {
        const V d = A::fill(difference[e]);
        for (int i = 0; i < n.n; i++) a[i] = A::fma(d, A::load(W + e * P() + 16 * (j + i)), a[i]);
      }
      for (int i = 0; i < n.n; i++) {
        in[i] = A::mul(a[i], A::fill(beta[this->part(j + i)]));
        A::store(insertion + 16 * (j + i), in[i]);
        a[i] = A::fill(0);
      }
      for (int64_t e = 0; e < D(); e++) {
        const V ke = A::fill(k[e]), xe = A::fill(x[e]);
        for (int i = 0; i < n.n; i++) {
          S* w = W + e * P() + 16 * (j + i);
          const V moved = A::fma(ke, in[i], A::load(w));
          A::store(w, moved);
          a[i] = A::fma(xe, moved, a[i]);
        }
      }
      for (int i = 0; i < n.n; i++) A::store(pre + 16 * (j + i), a[i]);
    });
  }

  // A step is wait(), then work(); between them `waited` holds.
  void begin(const Forward<S>& forward, int64_t chain) {
    f = &forward;
    const Geometry& g = f->geometry;
    s = span_of(g, chain);
    t = s.begin;
    w = f->w + s.h * D() * C();
    delta = f->delta.data ? f->delta.data + s.n * f->delta.n + s.h * f->delta.h : nullptr;
    if (!more()) return;
    this->load_weights(W, w, is_first(g, s, t) ? nullptr : delta);
    this->load_x(x, f->x, s, t, g.input_softmax);
    this->apply(W, P(), CV(), x, pre);
  }

  inline bool more() const { return t < s.end; }

  // y; q, k and beta; the next x.
  __attribute__((noinline)) void wait() {
    const Geometry& g = f->geometry;
    const int64_t at = ((t * g.B + s.b) * g.H + s.h) * Y();
    if (t + PREFETCH < s.end) {
      this->prefetch_row(f->x, s, t + PREFETCH, D());
      prefetch_to_write(f->y, at + PREFETCH * g.B * g.H * Y(), Y(), this->size_of(f->x.stored));
    }
    write_row(f->y, at, pre, Y(), f->x.stored);
    this->softmax(pre + YP(), q);
    this->softmax(pre + YP() + DP(), k);
    const V one = A::fill(1), zero = A::fill(0);
    A::store(beta, A::div(one, A::add(one, A::exp(A::sub(zero, A::load(pre + YP() + 2 * DP()))))));
    for (int64_t i = 0; i < DV(); i++)
      A::store(difference + 16 * i, A::sub(A::load(q + 16 * i), A::load(k + 16 * i)));
    if (t + 1 < s.end) this->load_x(x, f->x, s, t + 1, g.input_softmax);
    waited = true;
  }

  __attribute__((noinline)) void work() {
    const Geometry& g = f->geometry;
    update();
    if (f->saved) save(f->saved + ((s.b * g.H + s.h) * g.T + t) * this->saved_width(g.step), g.step);
    t++;
    waited = false;
    if (!more() || !is_first(g, s, t)) return;
    this->load_weights(W, w, nullptr);
    this->apply(W, P(), CV(), x, pre);
  }

  void end() {
    S* to = f->delta_out + (s.n * f->geometry.H + s.h) * D() * C();
    if (s.begin < s.end) return this->store_columns(to, W, w);
    // Without a step the state passes as it is: taking w from w + delta would round it.
    for (int64_t i = 0; i < D() * C(); i++) to[i] = delta ? delta[i] : S(0);
  }

  inline void save(S* to, bool step) const {
    if (step) {
      std::memcpy(to, k, DP() * sizeof(S));
      std::memcpy(to + DP(), insertion, YP() * sizeof(S));
      return;
    }
    std::memcpy(to, q, DP() * sizeof(S));
    std::memcpy(to + DP(), k, DP() * sizeof(S));
    std::memcpy(to + 2 * DP(), insertion, P() * sizeof(S));
    std::memcpy(to + 2 * DP() + P(), beta, 4 * sizeof(S));
  }
};

template <class A, int HeadDim, int OutputDim>
void forward_range(const Forward<typename A::S>& f, int64_t first, int64_t last) {
  using Chain = ForwardChain<A, HeadDim, OutputDim>;
  run_chains<Chain>(f, first, last);
}

template <class A>
void forward_generic(const Forward<typename A::S>& f, int64_t first, int64_t last) {
  forward_range<A, 0, 0>(f, first, last);
}

// Fixed sizes let the compiler keep a step's operands in registers; other sizes run the same code with sizes in variables.
template <class A>
void forward_tuned(const Forward<typename A::S>& f, int64_t first, int64_t last) {
  const int64_t d = f.geometry.D == f.geometry.Y ? f.geometry.D : 0;
  if (d == 16) return forward_range<A, 16, 16>(f, first, last);
  if (d == 32) return forward_range<A, 32, 32>(f, first, last);
  if (d == 64) return forward_range<A, 64, 64>(f, first, last);
  forward_range<A, 0, 0>(f, first, last);
}

}  // namespace
