// The forward recurrence of one chain. One pass over the state a step: it writes k outer beta (v - k W), and on the way
// reads this step's q W and the next step's k W.
#pragma once
#include "block.h"

namespace {

template <class A, int KeyDim, int ValueDim, int Registers>
struct ForwardChain {
  using S = typename A::S;
  using V = typename A::V;
  Size<KeyDim> key;
  Size<ValueDim> value;
  Workspace<S> space;
  S *memory, *q_row, *k_row[2], *zeros;

  ForwardChain(int64_t key_dim, int64_t value_dim)
      : key(key_dim), value(value_dim), space(16 * A::block * key_dim + 4 * padded(key_dim)) {
    memory = space.take(16 * A::block * key.n);
    q_row = space.take(key.n);
    for (S*& buffer : k_row) buffer = space.take(key.n);
    zeros = space.take(key.n);
  }

  void run(const Forward<S>& f, int64_t chain) {
    const Span s = span_of(f.geometry, chain);
    blocks<A>(padded(value.n) / 16, [&](auto n, int64_t j) DELTA_INLINE_LAMBDA {
      if constexpr (KeyDim > 0 && KeyDim * n.n <= Registers) {
        InRegisters<A, KeyDim, n.n> state;
        columns<n.n>(state, f, s, j);
      } else {
        InMemory<A, n.n> state{memory};
        columns<n.n>(state, f, s, j);
      }
    });
  }

  // Vectors j to j + n of the values, through all steps.
  template <int n, class State>
  DELTA_INLINE void columns(State& state, const Forward<S>& f, const Span& s, int64_t j) {
    using Row = Sums<A, n>;
    constexpr int known = State::rows_known;
    const auto& g = f.geometry;
    const int64_t first = 16 * j, count = value.n - first, width = padded(value.n);
    const auto clear = [&]() DELTA_INLINE_LAMBDA {
      each_row<known, 1>(key.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
        for (int i = 0; i < n; i++) state.store(e, i, A::fill(0));
      });
    };
    const bool fresh = !f.start.data || (s.begin < s.end && is_first(g, s, s.begin));
    if (fresh) {
      clear();
    } else {
      const S* start = f.start.data + s.n * f.start.n + s.h * f.start.h + first;
      each_row<known, 1>(key.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
        V loaded[n];
        load_row<A, n>(loaded, start + e * value.n, count);
        for (int i = 0; i < n; i++) state.store(e, i, loaded[i]);
      });
    }
    V recalled[n];  // k W of the step at hand
    const S* k = s.begin < s.end ? row(f.k, s, s.begin, key.n, k_row[0]) : zeros;
    {
      Row sums;
      each_row<known, Row::count>(key.n, [&](int64_t e, int c) DELTA_INLINE_LAMBDA {
        const V ke = A::fill(k[e]);
        for (int i = 0; i < n; i++) sums.add(c, i, ke, state.load(e, i));
      });
      for (int i = 0; i < n; i++) recalled[i] = sums.total(i);
    }
    for (int64_t t = s.begin; t < s.end; t++) {
      const S* q = row(f.q, s, t, key.n, q_row);
      const bool more = t + 1 < s.end;
      const S* k_next = more ? row(f.k, s, t + 1, key.n, k_row[(t + 1 - s.begin) & 1]) : zeros;
      const V beta = A::fill(scalar(f.beta, s, t));
      V write[n];
      load_row<A, n>(write, f.v, s, t, first, count);
      for (int i = 0; i < n; i++) write[i] = A::sub(write[i], recalled[i]);
      if (f.saved) {
        S* saved = f.saved + ((s.b * g.H + s.h) * g.T + t) * width + first;
        for (int i = 0; i < n; i++) A::store(saved + 16 * i, write[i]);
      }
      for (int i = 0; i < n; i++) write[i] = A::mul(beta, write[i]);
      Row read, next;
      each_row<known, Row::count>(key.n, [&](int64_t e, int c) DELTA_INLINE_LAMBDA {
        const V ke = A::fill(k[e]), qe = A::fill(q[e]), ne = A::fill(k_next[e]);
        for (int i = 0; i < n; i++) {
          const V w = A::fma(ke, write[i], state.load(e, i));
          state.store(e, i, w);
          read.add(c, i, qe, w);
          next.add(c, i, ne, w);
        }
      });
      V o[n];
      for (int i = 0; i < n; i++) o[i] = read.total(i), recalled[i] = next.total(i);
      store_row<A, n>(f.o, ((t * g.B + s.b) * g.H + s.h) * value.n + first, o, count, f.v.stored);
      if (more && is_first(g, s, t + 1)) {
        clear();
        for (int i = 0; i < n; i++) recalled[i] = A::fill(0);
      }
      k = k_next;
    }
    S* end = f.end + (s.n * g.H + s.h) * key.n * value.n + first;
    each_row<known, 1>(key.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
      V last[n];
      for (int i = 0; i < n; i++) last[i] = state.load(e, i);
      store_row<A, n>(end, e * value.n, last, count, srwm::Stored::as_computed);
    });
  }
};

template <class A, int KeyDim, int ValueDim, int Registers>
void forward_range(const Forward<typename A::S>& f, int64_t first, int64_t last) {
  ForwardChain<A, KeyDim, ValueDim, Registers> chain(f.geometry.K, f.geometry.V);
  for (int64_t c = first; c < last; c++) chain.run(f, c);
}

template <class A>
void forward_generic(const Forward<typename A::S>& f, int64_t first, int64_t last) {
  forward_range<A, 0, 0, 0>(f, first, last);
}

// Fixed sizes let the compiler keep a step's operands in registers; other sizes run the same code with sizes in variables.
template <class A, int Registers>
void forward_tuned(const Forward<typename A::S>& f, int64_t first, int64_t last) {
  const int64_t d = f.geometry.K == f.geometry.V ? f.geometry.K : 0;
  if (d == 16) return forward_range<A, 16, 16, Registers>(f, first, last);
  if (d == 32) return forward_range<A, 32, 32, Registers>(f, first, last);
  if (d == 64) return forward_range<A, 64, 64, Registers>(f, first, last);
  forward_range<A, 0, 0, 0>(f, first, last);
}

}  // namespace
