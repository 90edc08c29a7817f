// One step of acting, in place: nothing is kept for a gradient. Two passes over a block of the state: the first reads k W,
// the second adds k outer beta (v - k W) and reads q W on the way.
#pragma once
#include "block.h"

namespace {

template <class A, int KeyDim, int ValueDim>
struct StepChain {
  using S = typename A::S;
  using V = typename A::V;
  Size<KeyDim> key;
  Size<ValueDim> value;
  Workspace<S> space;
  S *q_row, *k_row;

  StepChain(int64_t key_dim, int64_t value_dim)
      : key(key_dim), value(value_dim), space(2 * padded(key_dim)) {
    q_row = space.take(key.n);
    k_row = space.take(key.n);
  }

  void run(const Step<S>& f, int64_t chain) {
    const int64_t b = chain / f.H, h = chain % f.H;
    const Span s{b, b, h, 0, 1};
    S* state = f.state + b * f.state_b + h * f.state_h;
    if (f.is_first && f.is_first[b * f.is_first_b]) std::memset(state, 0, key.n * value.n * sizeof(S));
    const S *q = row(f.q, s, 0, key.n, q_row), *k = row(f.k, s, 0, key.n, k_row);
    const V beta = A::fill(scalar(f.beta, s, 0));
    blocks<A>(padded(value.n) / 16, [&](auto n, int64_t j) DELTA_INLINE_LAMBDA {
      using Row = Sums<A, n.n>;
      const int64_t first = 16 * j, count = value.n - first;
      const auto load = [&](int64_t e, V* to) DELTA_INLINE_LAMBDA {
        load_row<A, n.n>(to, state + e * value.n + first, count);
      };
      V write[n.n], o[n.n];
      load_row<A, n.n>(write, f.v, s, 0, first, count);
      Row recall, read;
      each_row<0, Row::count>(key.n, [&](int64_t e, int c) DELTA_INLINE_LAMBDA {
        V w[n.n];
        load(e, w);
        for (int i = 0; i < n.n; i++) recall.add(c, i, A::fill(k[e]), w[i]);
      });
      for (int i = 0; i < n.n; i++) write[i] = A::mul(beta, A::sub(write[i], recall.total(i)));
      each_row<0, Row::count>(key.n, [&](int64_t e, int c) DELTA_INLINE_LAMBDA {
        V w[n.n];
        load(e, w);
        for (int i = 0; i < n.n; i++) {
          w[i] = A::fma(A::fill(k[e]), write[i], w[i]);
          read.add(c, i, A::fill(q[e]), w[i]);
        }
        store_row<A, n.n>(state, e * value.n + first, w, count, srwm::Stored::as_computed);
      });
      for (int i = 0; i < n.n; i++) o[i] = read.total(i);
      store_row<A, n.n>(f.o, b * f.o_b + h * f.o_h + first, o, count, f.v.stored);
    });
  }
};

template <class A, int KeyDim, int ValueDim>
void step_range(const Step<typename A::S>& f, int64_t first, int64_t last) {
  StepChain<A, KeyDim, ValueDim> chain(f.K, f.V);
  for (int64_t c = first; c < last; c++) chain.run(f, c);
}

template <class A>
void step_generic(const Step<typename A::S>& f, int64_t first, int64_t last) {
  step_range<A, 0, 0>(f, first, last);
}

template <class A>
void step_tuned(const Step<typename A::S>& f, int64_t first, int64_t last) {
  const int64_t d = f.K == f.V ? f.K : 0;
  if (d == 16) return step_range<A, 16, 16>(f, first, last);
  if (d == 32) return step_range<A, 32, 32>(f, first, last);
  if (d == 64) return step_range<A, 64, 64>(f, first, last);
  step_range<A, 0, 0>(f, first, last);
}

}  // namespace
