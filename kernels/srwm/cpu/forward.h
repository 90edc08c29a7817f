// The forward recurrence of one chain. The state stays in the first-level cache, and is written once for two steps: for
// the second of them, what the first one inserts stands beside W as a rank-one term.
#pragma once
#include "layout.h"
#include "small_row.h"

namespace {

template <class A, int HeadDim, int OutputDim>
struct ForwardChain : Layout<A, HeadDim, OutputDim> {
  using L = Layout<A, HeadDim, OutputDim>;
  using typename L::S;
  using typename L::V;
  using L::C, L::CV, L::D, L::DP, L::DV, L::P, L::Y, L::YP;

  Workspace<S> space;
  // Steps go by blocks of one or two; `ahead` is x W of a block's second step, of which W does not yet know the first.
  S *W, *x, *x_ahead, *pre, *ahead, *insertion, *insertion_first, *q, *k, *k_first, *difference, *beta;
  // The chain at hand, its next step, and whether that one is between wait() and work().
  const Forward<S>* f;
  const S *w, *delta;
  Span s;
  int64_t t;
  bool waited = false, second = false;
  int loaded = 0;
  // What a stage of wait() leaves to the next: shifts, then sums, of q, k, x and x_ahead.
  V between[4];

  ForwardChain(int64_t head_dim, int64_t output_dim)
      : L(head_dim, output_dim), space(D() * P() + 6 * DP() + 4 * P() + 16) {
    W = space.take(D() * P());
    x = space.take(DP());
    x_ahead = space.take(DP());
    q = space.take(DP());
    k = space.take(DP());
    k_first = space.take(DP());
    difference = space.take(DP());
    pre = space.take(P());
    ahead = space.take(P());
    insertion = space.take(P());
    insertion_first = space.take(P());
    beta = space.take(16);
  }

  // Calls f(row of W); after each half another chain gets on with a stage of its wait.
  template <int Stage, class F>
  inline __attribute__((always_inline)) void each_row(ForwardChain* other, F&& f) {
    if constexpr (L::is_small) {
      for (int64_t e = 0; e < 8; e++) f(e);
      if (other) other->template stage<Stage>();
      for (int64_t e = 8; e < 16; e++) f(e);
      if (other) other->template stage<Stage + 1>();
    } else {
      for (int64_t e = 0; e < D(); e++) f(e);
    }
  }

  // insertion <- beta (q - k) (W + pending), where `pending` is what the block's first step inserts.
  inline __attribute__((always_inline)) void insert(bool pending, ForwardChain* other) {
    // Locals: the compiler must take a vector store for a possible change of any member.
    const S *const W = this->W, *const difference = this->difference, *const beta = this->beta;
    const S* const first = insertion_first;
    S* const insertion = this->insertion;
    const V share = pending ? A::fill(dot(k_first, difference)) : A::fill(0);
    if constexpr (has_small_rows<A, HeadDim, OutputDim>()) {
      auto sum = SmallRow<A>::zero();
      if (pending) sum.plus(share, SmallRow<A>::at(first));
      each_row<0>(other, [&](int64_t e) __attribute__((always_inline)) {
        sum.plus(A::fill(difference[e]), SmallRow<A>::at(W + e * P()));
      });
      return sum.scaled(beta).to(insertion);
    }
    this->blocks(CV(), [&](auto n, int64_t j) __attribute__((always_inline)) {
      V a[n.n];
      for (int i = 0; i < n.n; i++) a[i] = pending ? A::mul(share, A::load(first + 16 * (j + i))) : A::fill(0);
      each_row<0>(other, [&](int64_t e) __attribute__((always_inline)) {
        const V d = A::fill(difference[e]);
        for (int i = 0; i < n.n; i++) a[i] = A::fma(d, A::load(W + e * P() + 16 * (j + i)), a[i]);
      });
      for (int i = 0; i < n.n; i++)
        A::store(insertion + 16 * (j + i), A::mul(a[i], A::fill(beta[this->part(j + i)])));
    });
  }

  // W takes what the block inserts; pre <- x W and ahead <- x_ahead W for the next block.
  template <bool Two>
  inline __attribute__((always_inline)) void update(ForwardChain* other) {
    S *const W = this->W, *const pre = this->pre, *const ahead = this->ahead;
    const S *const k = Two ? k_first : this->k, *const k_second = this->k, *const x = this->x, *const x_ahead = this->x_ahead;
    const S *const first = Two ? insertion_first : this->insertion, *const second = this->insertion;
    if constexpr (has_small_rows<A, HeadDim, OutputDim>()) {
      const auto in = SmallRow<A>::at(first), in_second = SmallRow<A>::at(second);
      auto a = SmallRow<A>::zero(), b = a;
      each_row<2>(other, [&](int64_t e) __attribute__((always_inline)) {
        auto w = SmallRow<A>::at(W + e * P());
        w.plus(A::fill(k[e]), in);
        if constexpr (Two) w.plus(A::fill(k_second[e]), in_second);
        w.to(W + e * P());
        a.plus(A::fill(x[e]), w);
        b.plus(A::fill(x_ahead[e]), w);
      });
      a.to(pre);
      return b.to(ahead);
    }
    this->blocks(CV(), [&](auto n, int64_t j) __attribute__((always_inline)) {
      V in[n.n], in_second[n.n], a[n.n], b[n.n];
      for (int i = 0; i < n.n; i++) {
        in[i] = A::load(first + 16 * (j + i));
        if constexpr (Two) in_second[i] = A::load(second + 16 * (j + i));
        a[i] = b[i] = A::fill(0);
      }
      each_row<2>(other, [&](int64_t e) __attribute__((always_inline)) {
        const V ke = A::fill(k[e]), xe = A::fill(x[e]), xa = A::fill(x_ahead[e]);
        const V ks = Two ? A::fill(k_second[e]) : A::fill(0);
        for (int i = 0; i < n.n; i++) {
          S* w = W + e * P() + 16 * (j + i);
          V moved = A::fma(ke, in[i], A::load(w));
          if constexpr (Two) moved = A::fma(ks, in_second[i], moved);
          A::store(w, moved);
          a[i] = A::fma(xe, moved, a[i]);
          b[i] = A::fma(xa, moved, b[i]);
        }
      });
      for (int i = 0; i < n.n; i++) {
        A::store(pre + 16 * (j + i), a[i]);
        A::store(ahead + 16 * (j + i), b[i]);
      }
    });
  }

  inline S dot(const S* a, const S* b) const {
    V sum = A::mul(A::load(a), A::load(b));
    for (int64_t i = 1; i < DV(); i++) sum = A::fma(A::load(a + 16 * i), A::load(b + 16 * i), sum);
    return A::sum(sum);
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
    load_block();
    apply_block();
    second = false;
  }

  // Whether the step after t is of the same episode.
  inline bool goes_on(int64_t t) const { return t + 1 < s.end && !is_first(f->geometry, s, t + 1); }

  // The inputs of the block that begins with step t, before the softmax; `loaded` says how many there are.
  inline void load_rows(int64_t t) {
    loaded = t >= s.end ? 0 : goes_on(t) ? 2 : 1;
    if (loaded > 0) this->load_row(x, f->x, s, t, D(), DP());
    if (loaded > 1) this->load_row(x_ahead, f->x, s, t + 1, D(), DP());
  }
  inline void load_block() {
    load_rows(t);
    if (!f->geometry.input_softmax) return;
    this->softmax(x, x);
    if (loaded > 1) this->softmax(x_ahead, x_ahead);
  }
  inline void apply_block() {
    this->apply(W, P(), CV(), x, pre);
    this->apply(W, P(), CV(), x_ahead, ahead);
  }

  inline bool more() const { return t < s.end; }

  __attribute__((noinline)) void wait() {
    stage<0>();
    stage<1>();
    stage<2>();
    stage<3>();
  }

  // y; q, k and beta; in a block's last step the next block's inputs.
  template <int Stage>
  inline void stage() {
    const Geometry& g = f->geometry;
    const V one = A::fill(1), zero = A::fill(0);
    if constexpr (Stage == 0) {
      const int64_t at = ((t * g.B + s.b) * g.H + s.h) * Y();
      if (t + PREFETCH < s.end) {
        this->prefetch_row(f->x, s, t + PREFETCH, D());
        prefetch_to_write(f->y, at + PREFETCH * g.B * g.H * Y(), Y(), this->size_of(f->x.stored));
      }
      write_row(f->y, at, pre, Y(), f->x.stored);
      between[0] = this->shift(pre + YP());
      between[1] = this->shift(pre + YP() + DP());
      loaded = 0;
      if (second || !goes_on(t)) load_rows(t + 1);
      if (!g.input_softmax) loaded = 0;
      if (loaded > 0) between[2] = this->shift(x);
      if (loaded > 1) between[3] = this->shift(x_ahead);
    } else if constexpr (Stage == 1) {
      between[0] = this->exponentials(pre + YP(), q, between[0]);
      between[1] = this->exponentials(pre + YP() + DP(), k, between[1]);
      A::store(beta, A::add(one, A::exp(A::sub(zero, A::load(pre + YP() + 2 * DP())))));
    } else if constexpr (Stage == 2) {
      this->divide(q, between[0]);
      this->divide(k, between[1]);
      A::store(beta, A::div(one, A::load(beta)));
      if (loaded > 0) between[2] = this->exponentials(x, x, between[2]);
      if (loaded > 1) between[3] = this->exponentials(x_ahead, x_ahead, between[3]);
    } else {
      for (int64_t i = 0; i < DV(); i++)
        A::store(difference + 16 * i, A::sub(A::load(q + 16 * i), A::load(k + 16 * i)));
      if (loaded > 0) this->divide(x, between[2]);
      if (loaded > 1) this->divide(x_ahead, between[3]);
      waited = true;
    }
  }

  // Meanwhile another chain, if there is one, waits.
  __attribute__((noinline)) void work(ForwardChain* other) {
    insert(second, other);
    if (f->saved) save();
    waited = false;
    if (!second && goes_on(t)) {
      go_on();
      return wait_rest(other);
    }
    const bool two = second;
    second = false;
    t++;
    two ? update<true>(other) : update<false>(other);
    if (!more() || !is_first(f->geometry, s, t)) return;
    this->load_weights(W, w, nullptr);
    apply_block();
  }

  // The stages that no rows were left for.
  inline void wait_rest(ForwardChain* other) {
    if (!L::is_small || !other) return;
    other->template stage<2>();
    other->template stage<3>();
  }

  // To the block's second step: its x W is `ahead`, and what the first one inserts.
  inline void go_on() {
    S *const k_now = k, *const insertion_now = insertion;
    k = k_first;
    k_first = k_now;
    insertion = insertion_first;
    insertion_first = insertion_now;
    const V share = A::fill(dot(k_first, x_ahead));
    for (int64_t j = 0; j < CV(); j++)
      A::store(pre + 16 * j, A::fma(share, A::load(insertion_first + 16 * j), A::load(ahead + 16 * j)));
    second = true;
    t++;
  }

  void end() {
    S* to = f->delta_out + (s.n * f->geometry.H + s.h) * D() * C();
    if (s.begin < s.end) return this->store_columns(to, W, w);
    // Without a step the state passes as it is: taking w from w + delta would round it.
    for (int64_t i = 0; i < D() * C(); i++) to[i] = delta ? delta[i] : S(0);
  }

  inline void save() {
    const Geometry& g = f->geometry;
    S* to = f->saved + ((s.b * g.H + s.h) * g.T + t) * this->saved_width(g.step);
    if (g.step) {
      std::memcpy(to, k, DP() * sizeof(S));
      std::memcpy(to + DP(), insertion, YP() * sizeof(S));
      return;
    }
    // beta stands behind its own columns of the insertion, in a vector that they do not fill.
    std::memcpy(insertion + P() - 12, beta, 4 * sizeof(S));
    if (f->stream) write<true>(to);
    else write<false>(to);
    std::memset(insertion + P() - 12, 0, 4 * sizeof(S));
  }

  template <bool Stream>
  inline void write(S* to) const {
    const auto put = [](S* to, const S* from) { Stream ? A::stream(to, A::load(from)) : A::store(to, A::load(from)); };
    for (int64_t i = 0; i < DP(); i += 16) put(to + i, q + i);
    for (int64_t i = 0; i < DP(); i += 16) put(to + DP() + i, k + i);
    for (int64_t i = 0; i < P(); i += 16) put(to + 2 * DP() + i, insertion + i);
  }
};

template <class A, int HeadDim, int OutputDim>
void forward_range(const Forward<typename A::S>& f, int64_t first, int64_t last) {
  using Chain = ForwardChain<A, HeadDim, OutputDim>;
  run_chains<Chain>(f, first, last);
  if (f.stream) A::fence();
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
