// The analytic backward pass of one chain (README.md, "Backward"). The weights before each step are recovered by
// subtracting the stored insertions; at an episode's border the episode before it is replayed from its start.
#pragma once
#include "transposed.h"

namespace {

// Numbers between matrices that a sweep reads and writes side by side. A column of C often has one address in them modulo
// 4 KB, and a load then waits for the store of another matrix: at D = 64 up to half the speed.
constexpr int64_t APART = 528;

template <class A, int HeadDim, int OutputDim>
struct BackwardChain : Transposed<A, HeadDim, OutputDim> {
  using M = Transposed<A, HeadDim, OutputDim>;
  using typename M::S;
  using typename M::V;
  using M::C, M::CV, M::D, M::DP, M::DV, M::P, M::Y, M::YP, M::YV;

  // Matrices are transposed [P, DP]. G is dL/dW after the step at hand; dW is what w gets so far.
  Workspace<S> space;
  S *W, *G, *dW, *v, *u, *dpre, *x, *difference, *zero, *r, *p, *r_x;
  V part_sum[4];
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

  BackwardChain(int64_t head_dim, int64_t output_dim)
      : M(head_dim, output_dim), space(3 * P() * DP() + 2 * APART + 3 * P() + 6 * DP()) {
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
    zero = space.take(DP());
    r = space.take(DP());
    p = space.take(DP());
    r_x = space.take(DP());
  }

  // Of one group: G takes both rank-one updates, v <- k_before G, and its share of W dpre.
  template <class N>
  inline __attribute__((always_inline)) void accumulate(N n, int64_t group, const S* k_before) {
    V product[16];
    for (int i = n.n; i < 16; i++) product[i] = A::fill(0);
    // Locals: the compiler must take a vector store for a possible change of any member.
    const S *un = u + 16 * group, *dn = dpre + 16 * group, *de_ = difference, *x_ = x;
    S *const Gn = G + 16 * group * DP(), *const Wn = W + 16 * group * DP(), *const r_ = r_x, *const to = v + 16 * group;
    const int64_t pitch = DP();
    this->lane_blocks([&](auto m, int64_t d) __attribute__((always_inline)) {
      constexpr int chains = 4 / m.n;
      V de[m.n], xe[m.n], ke[m.n], sum[chains][m.n];
      for (int j = 0; j < m.n; j++) {
        de[j] = A::load(de_ + 16 * (d + j));
        xe[j] = A::load(x_ + 16 * (d + j));
        ke[j] = A::load(k_before + 16 * (d + j));
        for (int c = 0; c < chains; c++) sum[c][j] = A::fill(0);
      }
      SRWM_UNROLL(4)
      for (int i = 0; i < n.n; i += 4) {
        SRWM_UNROLL(4)
        for (int c = 0; c < 4; c++) {
          const int64_t at = (i + c) * pitch + 16 * d;
          const V uc = A::fill(un[i + c]), dc = A::fill(dn[i + c]);
          V along = A::fill(0);
          for (int j = 0; j < m.n; j++) {
            const V moved = A::fma(uc, de[j], A::fma(dc, xe[j], A::load(Gn + at + 16 * j)));
            A::store(Gn + at + 16 * j, moved);
            along = j == 0 ? A::mul(ke[j], moved) : A::fma(ke[j], moved, along);
            sum[c % chains][j] = A::fma(dc, A::load(Wn + at + 16 * j), sum[c % chains][j]);
          }
          product[i + c] = d == 0 ? along : A::add(product[i + c], along);
        }
      }
      for (int j = 0; j < m.n; j++) add_to(r_ + 16 * (d + j), total<chains, m.n>(sum, j), group == 0);
    });
    A::store(to, n.n == 4 ? A::row_sums4(product) : A::row_sums(product));
  }

  // Of one group: u, W goes back one step, and its shares of W u and of G insertion.
  template <class N>
  inline __attribute__((always_inline)) void walk_back(N n, int64_t group, const S* k, const S* insertion,
                                                       const S* beta) {
    const S *in = insertion + 16 * group, *un = u + 16 * group;
    const int part = this->part(group);
    const V vn = A::load(v + 16 * group);
    S *const Gn = G + 16 * group * DP(), *const Wn = W + 16 * group * DP(), *const r_ = r, *const p_ = p;
    const int64_t pitch = DP();
    A::store(u + 16 * group, A::mul(vn, A::fill(beta[part])));
    part_sum[part] = A::fma(vn, A::load(in), part_sum[part]);
    this->lane_blocks([&](auto m, int64_t d) __attribute__((always_inline)) {
      constexpr int chains = 4 / m.n;
      V ke[m.n], wu[chains][m.n], gi[chains][m.n];
      for (int j = 0; j < m.n; j++) {
        ke[j] = A::load(k + 16 * (d + j));
        for (int c = 0; c < chains; c++) wu[c][j] = gi[c][j] = A::fill(0);
      }
      SRWM_UNROLL(4)
      for (int i = 0; i < n.n; i += 4) {
        SRWM_UNROLL(4)
        for (int c = 0; c < 4; c++) {
          const int64_t at = (i + c) * pitch + 16 * d;
          const V ic = A::fill(in[i + c]), uc = A::fill(un[i + c]);
          for (int j = 0; j < m.n; j++) {
            const V before = A::fnma(ic, ke[j], A::load(Wn + at + 16 * j));
            A::store(Wn + at + 16 * j, before);
            wu[c % chains][j] = A::fma(uc, before, wu[c % chains][j]);
            gi[c % chains][j] = A::fma(ic, A::load(Gn + at + 16 * j), gi[c % chains][j]);
          }
        }
      }
      for (int j = 0; j < m.n; j++) {
        add_to(r_ + 16 * (d + j), total<chains, m.n>(wu, j), group == 0);
        add_to(p_ + 16 * (d + j), total<chains, m.n>(gi, j), group == 0);
      }
    });
  }

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

  // One sweep over groups `from` to `to` - 1: of the step at hand (`accumulate_it`), of the step before it (`walk_it`), whose
  // k, insertion and beta are given. Matrices that outgrow the first-level cache are read once for both.
  __attribute__((noinline)) void sweep(bool accumulate_it, bool walk_it, const S* k, int64_t from, int64_t to) {
    const S *insertion = k + DP(), *beta = insertion + P();
    if (walk_it && from == 0)
      for (V& sum : part_sum) sum = A::fill(0);
    this->groups(from, to, [&](auto n, int64_t group) __attribute__((always_inline)) {
      if (accumulate_it) accumulate(n, group, k);
      if (walk_it) walk_back(n, group, k, insertion, beta);
    });
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
    this->load(W, w, f->delta_out.data + s.n * f->delta_out.n + s.h * f->delta_out.h);
    const S* k = saved_at(t) + DP();
    project(mixed ? k : nullptr);
    sweep(false, true, k, 0, CV());
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
    const S *q = saved_at(t), *k = q + DP(), *beta = k + DP() + P();
    const bool softmax_x = f->geometry.input_softmax;
    if constexpr (Stage == 0) {
      if (t + 1 < s.end) store_dx(t + 1);
      if (t - PREFETCH >= s.begin) prefetch_rows(t - PREFETCH);
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
    if constexpr (M::is_small) {
      sweep(true, false, before, 0, 2);
      if (other) other->template stage<0>();
      sweep(true, false, before, 2, CV());
      if (other) other->template stage<1>();
      if (walk) sweep(false, true, before, 0, 2);
      if (other) other->template stage<2>();
      if (walk) sweep(false, true, before, 2, CV());
    } else {
      sweep(true, walk, before, 0, CV());
    }
    if (first) leave_episode(before);
    t--;
    waited = false;
  }

  void end() {
    const int64_t matrix = (s.n * f->geometry.H + s.h) * D() * C();
    if (s.begin < s.end) store_dx(s.begin);
    S *const of_state = f->ddelta ? f->ddelta + matrix : nullptr, *const of_w = f->dw_partial + matrix;
    if (of_state) this->store(of_state, G);
    if (!apart) {
      if (of_state) std::memcpy(of_w, of_state, D() * C() * sizeof(S));
      else this->store(of_w, G);
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
    project(nullptr);
    sweep(false, true, before, 0, CV());
  }

  inline void prefetch_rows(int64_t at) const {
    this->prefetch_row(f->x, s, at, D());
    if (f->dy.data) this->prefetch_row(f->dy, s, at, Y());
    prefetch_to_write(f->dx, dx_at(at), D(), this->size_of(f->x.stored));
    prefetch(saved_at(at), this->saved_width(false) * sizeof(S));
  }

  // v <- k G; a null k stands for a G of zeros.
  inline void project(const S* k) {
    std::memset(v, 0, P() * sizeof(S));
    for (int64_t c = 0; k && c < P(); c++) {
      V sum = A::fill(0);
      for (int64_t i = 0; i < DP(); i += 16) sum = A::fma(A::load(k + i), A::load(G + c * DP() + i), sum);
      v[c] = A::sum(sum);
    }
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
      for (int64_t i = 0; i < DP(); i += 16) {
        V sum = A::fill(0);
        for (int64_t c = 0; c < Y(); c++) sum = A::fma(A::fill(dpre[c]), A::load(W + c * DP() + i), sum);
        A::store(r_x + i, sum);
      }
      this->add_outer(G, YP(), dpre, x);
      store_dx(t);
      const S* saved = saved_at(t);
      this->add_outer(W, YP(), saved + DP(), saved);
    }
    this->store(f->dw_partial + (s.n * g.H + s.h) * D() * C(), G);
  }

 private:
  SRWM_INLINE void add_to(S* to, V value, bool first) { A::store(to, first ? value : A::add(A::load(to), value)); }
  template <int Chains, int Width>
  SRWM_INLINE V total(const V (&sum)[Chains][Width], int j) {
    if constexpr (Chains == 1) return sum[0][j];
    else if constexpr (Chains == 2) return A::add(sum[0][j], sum[1][j]);
    else return A::add(A::add(sum[0][j], sum[1][j]), A::add(sum[2][j], sum[3][j]));
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
