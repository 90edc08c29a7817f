// The analytic backward pass of one chain (README.md, "Backward"). The weights before each step are recovered by
// subtracting the stored insertions; at an episode's border the episode before it is replayed from its start.
#pragma once
#include <type_traits>

#include "by_rows.h"
#include "transposed.h"

namespace {

template <class A, int HeadDim, int OutputDim>
using Sweeps = typename std::conditional_t<has_small_rows<A, HeadDim, OutputDim>(), std::type_identity<ByRows<A, HeadDim, OutputDim>>,
                                           std::type_identity<Transposed<A, HeadDim, OutputDim>>>::type;

template <class A, int HeadDim, int OutputDim>
struct BackwardChain : Sweeps<A, HeadDim, OutputDim> {
  using M = Sweeps<A, HeadDim, OutputDim>;
  using typename M::S;
  using typename M::V;
  using M::C, M::CV, M::D, M::DP, M::DV, M::P, M::Y, M::YP, M::YV;
  using M::W, M::G, M::dW, M::v, M::u, M::dpre, M::x, M::difference, M::zero, M::r, M::p, M::r_x, M::part_sum;

  // So many steps ahead are rows of x, dy and dx fetched. Small ones of a whole unroll are asked for at once, when the chain
  // begins: so many lie on their way from memory at one time that none is waited for long.
  static constexpr int64_t AHEAD = M::is_small ? 64 : PREFETCH;
  // What a stage of wait() leaves to the next: sums for q and k; the shift, then the sum, of x.
  V between[3];
  // The chain at hand, its next step, and whether that one is between wait() and work().
  const Backward<S>* f;
  Span s;
  const S *w, *delta;
  int64_t t;
  bool waited = false;
  // w gets the sum of all updates of G. While G still holds the final state's cotangent they are summed apart from it:
  // subtracting it at the end would cancel most digits.
  bool mixed;
  // Whether dW holds anything: until an episode ends, what w gets is what the state gets.
  bool apart;

  using M::M;

  // dx_t from W dpre.
  inline void store_dx(int64_t t) {
    if (f->geometry.input_softmax) {
      V dot = A::fill(0);
      for (int64_t i = 0; i < DP(); i += 16) dot = A::fma(A::load(x + i), A::load(r_x + i), dot);
      const V d = A::fill(A::sum(dot));
      for (int64_t i = 0; i < DP(); i += 16)
        A::store(r_x + i, A::mul(A::load(x + i), A::sub(A::load(r_x + i), d)));
    }
    write_row(f->dx, dx_at(t), r_x, D(), f->x.stored);
  }

  inline void load_dy(int64_t t) {
    if (f->dy.data) this->load_row(dpre, f->dy, s, t, Y(), YP());
  }

  inline const S* saved_at(int64_t t) const {
    const Geometry& g = f->geometry;
    return f->saved + ((s.b * g.H + s.h) * g.T + t) * this->saved_width(g.step);
  }

  // The first element of dx_t.
  inline int64_t dx_at(int64_t t) const {
    return ((t * f->geometry.B + s.b) * f->geometry.H + s.h) * D();
  }

  // W <- the weights after step end - 1, rebuilt from the start of that step's episode.
  inline void replay(int64_t end) {
    int64_t start = end - 1;
    while (start > s.begin && !is_first(f->geometry, s, start)) start--;
    this->load(W, w, is_first(f->geometry, s, start) ? nullptr : delta);
    for (int64_t t = start; t < end; t++) {
      const S* saved = saved_at(t);
      this->add_outer(W, P(), saved + 2 * DP(), saved + DP());
    }
  }

  void take(const Backward<S>& backward, int64_t chain) {
    f = &backward;
    const Geometry& g = f->geometry;
    s = span_of(g, chain);
    w = f->w + s.h * D() * C();
    delta = f->delta.data ? f->delta.data + s.n * f->delta.n + s.h * f->delta.h : nullptr;
    std::memset(dpre, 0, P() * sizeof(S));
  }

  // A step is wait(), then work(), from the last to the first; between them `waited` holds.
  void begin(const Backward<S>& backward, int64_t chain) {
    take(backward, chain);
    t = s.end - 1;
    mixed = apart = f->ddelta_out.data != nullptr;
    if (apart) std::memset(dW, 0, P() * DP() * sizeof(S));
    if (mixed) this->load(G, f->ddelta_out.data + s.n * f->ddelta_out.n + s.h * f->ddelta_out.h, nullptr);
    else std::memset(G, 0, P() * DP() * sizeof(S));
    if (!more()) return;
    for (int64_t i = t; M::is_small && i >= s.begin && i > t - AHEAD; i--) prefetch_rows(i);
    this->load(W, w, f->delta_out.data + s.n * f->delta_out.n + s.h * f->delta_out.h);
    const S* k = saved_at(t) + DP();
    this->project(mixed ? k : nullptr);
    this->start(k);
  }

  inline bool more() const { return t >= s.begin; }

  __attribute__((noinline)) void wait() {
    stage<0>();
    stage<1>();
    stage<2>();
  }

  // dx of the step behind; dpre of q, k and beta from r = W u and p = G insertion, with both softmax derivatives; x and q - k.
  template <int Stage>
  inline void stage() {
    const S *q = saved_at(t), *k = q + DP(), *beta = this->beta_of(k);
    const bool softmax_x = f->geometry.input_softmax;
    if constexpr (Stage == 0) {
      if (t + 1 < s.end) store_dx(t + 1);
      if (t - AHEAD >= s.begin) prefetch_rows(t - AHEAD);
      load_dy(t);
      this->load_row(x, f->x, s, t, D(), DP());
      V q_dot = A::fill(0), k_dot = A::fill(0);
      for (int64_t i = 0; i < DP(); i += 16) {
        const V ri = A::load(r + i), pi = A::sub(A::load(p + i), ri);
        A::store(p + i, pi);
        q_dot = A::fma(A::load(q + i), ri, q_dot);
        k_dot = A::fma(A::load(k + i), pi, k_dot);
      }
      between[0] = A::fill(A::sum(q_dot));
      between[1] = A::fill(A::sum(k_dot));
      if (softmax_x) between[2] = this->shift(x);
    } else if constexpr (Stage == 1) {
      for (int64_t i = 0; i < DP(); i += 16) {
        const V qi = A::load(q + i), ki = A::load(k + i);
        A::store(dpre + YP() + i, A::mul(qi, A::sub(A::load(r + i), between[0])));
        A::store(dpre + YP() + DP() + i, A::mul(ki, A::sub(A::load(p + i), between[1])));
        A::store(difference + i, A::sub(qi, ki));
      }
      S sums[16];
      A::store(sums, A::row_sums4(part_sum));
      for (int i = 0; i < 4; i++) dpre[YP() + 2 * DP() + i] = (1 - beta[i]) * sums[i];
      if (softmax_x) between[2] = this->exponentials(x, x, between[2]);
    } else if constexpr (Stage == 2) {
      if (softmax_x) this->divide(x, between[2]);
      waited = true;
    }
  }

  // Meanwhile another chain, if there is one, waits.
  __attribute__((noinline)) void work(BackwardChain* other) {
    const bool first = is_first(f->geometry, s, t), walk = t > s.begin && !first;
    if (mixed) {
      this->add_outer(dW, P(), u, difference);
      this->add_outer(dW, P(), dpre, x);
    }
    const S* before = t > s.begin ? saved_at(t - 1) + DP() : zero;
    this->advance(before, walk, other);
    if (first) leave_episode(before);
    t--;
    waited = false;
  }

  void end() {
    const int64_t matrix = (s.n * f->geometry.H + s.h) * D() * C();
    if (s.begin < s.end) store_dx(s.begin);
    S *const of_state = f->ddelta ? f->ddelta + matrix : nullptr, *const of_w = f->dw_partial + matrix;
    if (of_state) this->store(of_state, G);
    f->of_w[s.n * f->geometry.H + s.h] = apart || !of_state ? of_w : of_state;
    if (!apart) {
      if (!of_state) this->store(of_w, G);
      return;
    }
    if (!mixed) this->add(dW, G);
    this->store(of_w, dW);
  }

  // Step t was the first of its episode: G begins anew, and W at the end of the episode before it.
  void leave_episode(const S* before) {
    if (!apart) std::memset(dW, 0, P() * DP() * sizeof(S));
    if (!mixed) this->add(dW, G);
    mixed = false;
    apart = true;
    std::memset(G, 0, P() * DP() * sizeof(S));
    if (t == s.begin) return;
    replay(t);
    this->project(nullptr);
    this->start(before);
  }

  inline void prefetch_rows(int64_t at) const {
    this->prefetch_row(f->x, s, at, D());
    if (f->dy.data) this->prefetch_row(f->dy, s, at, Y());
    prefetch_to_write(f->dx, dx_at(at), D(), this->size_of(f->x.stored));
  }

  // bptt="step": every step is on its own, only y reaches a gradient, and the weights are rebuilt forwards.
  void run_step(const Backward<S>& backward, int64_t chain) {
    take(backward, chain);
    const Geometry& g = f->geometry;
    std::memset(G, 0, P() * DP() * sizeof(S));
    for (int64_t t = s.begin; t < s.end; t++) {
      const bool first = is_first(g, s, t);
      if (t == s.begin || first) this->load(W, w, first ? nullptr : delta);
      load_dy(t);
      this->load_x(x, f->x, s, t, g.input_softmax);
      this->apply_y(W);
      this->add_outer(G, YP(), dpre, x);
      store_dx(t);
      const S* saved = saved_at(t);
      this->add_outer(W, YP(), saved + DP(), saved);
    }
    S* const of_w = f->dw_partial + (s.n * g.H + s.h) * D() * C();
    this->store(of_w, G);
    f->of_w[s.n * g.H + s.h] = of_w;
  }

};

template <class A, int HeadDim, int OutputDim>
void backward_range(const Backward<typename A::S>& f, int64_t first, int64_t last) {
  using Chain = BackwardChain<A, HeadDim, OutputDim>;
  if (!f.geometry.step) return run_chains<Chain>(f, first, last);
  Chain chain(f.geometry.D, f.geometry.Y);
  for (int64_t c = first; c < last; c++) chain.run_step(f, c);
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
