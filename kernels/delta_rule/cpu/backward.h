// The backward pass of one chain (README.md, "Backward"). The first walk runs over G alone, from the last step to the first,
// the second over the weights alone, from the first to the last, in transposed form: no sum lies across lanes there.
#pragma once
#include "block.h"

namespace {

template <class A, int KeyDim, int ValueDim, int Registers>
struct BackwardChain {
  using S = typename A::S;
  using V = typename A::V;
  Size<KeyDim> key;
  Size<ValueDim> value;
  const int64_t KP, VP;
  Workspace<S> space;
  // By step: the gradient of k through the outer product [KP], the gradient of v [VP], what was written [VP], that of beta.
  S *dk_outer, *dv, *written, *dbeta;
  S *memory, *q_row, *k_row[2], *do_row, *zeros;
  V* rows;

  BackwardChain(int64_t key_dim, int64_t value_dim, int64_t steps)
      : key(key_dim),
        value(value_dim),
        KP(padded(key_dim)),
        VP(padded(value_dim)),
        space(steps * (KP + 2 * VP + 1) + 16 + 16 * A::block * (KP > VP ? KP : VP) + 4 * KP + VP + 16 * KP) {
    dk_outer = space.take(steps * KP);
    dv = space.take(steps * VP);
    written = space.take(steps * VP);
    dbeta = space.take(steps);
    memory = space.take(16 * A::block * (KP > VP ? KP : VP));
    q_row = space.take(KP);
    for (S*& buffer : k_row) buffer = space.take(KP);
    zeros = space.take(KP);
    do_row = space.take(VP);
    rows = reinterpret_cast<V*>(space.take(16 * KP));
  }

  void run(const Backward<S>& f, int64_t chain) {
    const Span s = span_of(f.geometry, chain);
    blocks<A>(VP / 16, [&](auto n, int64_t j) DELTA_INLINE_LAMBDA {
      if (f.geometry.step) return single_steps<n.n>(f, s, j);
      if constexpr (KeyDim > 0 && KeyDim * n.n <= Registers) {
        InRegisters<A, KeyDim, n.n> state;
        first_walk<n.n>(state, f, s, j);
      } else {
        InMemory<A, n.n> state{memory};
        first_walk<n.n>(state, f, s, j);
      }
    });
    for (int64_t t = s.begin; t < s.end; t++)
      write_row(f.dbeta, (t * f.geometry.B + s.b) * f.geometry.H + s.h, dbeta + t - s.begin, 1, f.q.stored);
    blocks<A>(KP / 16, [&](auto n, int64_t j) DELTA_INLINE_LAMBDA {
      if constexpr (ValueDim > 0 && ValueDim * n.n <= Registers) {
        InRegisters<A, ValueDim, n.n> state;
        second_walk<n.n>(state, f, s, j);
      } else {
        InMemory<A, n.n> state{memory};
        second_walk<n.n>(state, f, s, j);
      }
    });
  }

  inline const S* saved_at(const Backward<S>& f, const Span& s, int64_t t) const {
    return f.saved + ((s.b * f.geometry.H + s.h) * f.geometry.T + t) * VP;
  }
  inline int64_t out_at(const Backward<S>& f, const Span& s, int64_t t, int64_t size) const {
    return ((t * f.geometry.B + s.b) * f.geometry.H + s.h) * size;
  }

  // What vectors j to j + n of the values give step t: dv, dbeta and the written value, from dwrite = k G.
  template <int n>
  DELTA_INLINE void finish(const Backward<S>& f, const Span& s, int64_t t, int64_t j, const V* dwrite, V* dv_now) {
    const int64_t i0 = t - s.begin;
    const V beta = A::fill(scalar(f.beta, s, t));
    V product = A::fill(0);
    for (int i = 0; i < n; i++) {
      const V difference = A::load(saved_at(f, s, t) + 16 * (j + i));
      product = A::fma(dwrite[i], difference, product);
      dv_now[i] = A::mul(beta, dwrite[i]);
      A::store(dv + i0 * VP + 16 * (j + i), dv_now[i]);
    }
    dbeta[i0] = (j == 0 ? S(0) : dbeta[i0]) + A::sum(product);
    store_row<A, n>(f.dv, out_at(f, s, t, value.n) + 16 * j, dv_now, value.n - 16 * j, f.q.stored);
  }

  // written <- beta difference, by the forward pass's own multiplication.
  template <int n>
  DELTA_INLINE void load_written(const Backward<S>& f, const Span& s, int64_t t, int64_t j, V* to) {
    const V beta = A::fill(scalar(f.beta, s, t));
    for (int i = 0; i < n; i++) {
      to[i] = A::mul(beta, A::load(saved_at(f, s, t) + 16 * (j + i)));
      A::store(written + (t - s.begin) * VP + 16 * (j + i), to[i]);
    }
  }

  DELTA_INLINE void add_dk(int64_t step, int64_t vector, int64_t j, V sum) {
    S* to = dk_outer + step * KP + 16 * vector;
    A::store(to, j == 0 ? sum : A::add(A::load(to), sum));
  }

  // One pass over G a step: it takes off the step behind it, adds q outer do of its own, and reads k G and G written.
  template <int n, class State>
  DELTA_INLINE void first_walk(State& state, const Backward<S>& f, const Span& s, int64_t j) {
    using Row = Sums<A, n>;
    constexpr int known = State::rows_known;
    const auto& g = f.geometry;
    const int64_t first = 16 * j, count = value.n - first;
    const auto clear = [&]() DELTA_INLINE_LAMBDA {
      each_row<known, 1>(key.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
        for (int i = 0; i < n; i++) state.store(e, i, A::fill(0));
      });
    };
    if (f.dend.data) {
      const S* dend = f.dend.data + s.n * f.dend.n + s.h * f.dend.h + first;
      each_row<known, 1>(key.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
        V loaded[n];
        load_row<A, n>(loaded, dend + e * value.n, count);
        for (int i = 0; i < n; i++) state.store(e, i, loaded[i]);
      });
    } else {
      clear();
    }
    const S* k_behind = zeros;
    V dv_behind[n];
    for (int i = 0; i < n; i++) dv_behind[i] = A::fill(0);
    for (int64_t t = s.end - 1; t >= s.begin; t--) {
      const S *q = row(f.q, s, t, key.n, q_row), *k = row(f.k, s, t, key.n, k_row[(t - s.begin) & 1]);
      V d_o[n], write[n], dwrite[n];
      if (f.d_o.data) {
        load_row<A, n>(d_o, f.d_o, s, t, first, count);
      } else {
        for (int i = 0; i < n; i++) d_o[i] = A::fill(0);
      }
      load_written<n>(f, s, t, j, write);
      Row sums;
      each_row<known, Row::count>(key.n, [&](int64_t e, int c) DELTA_INLINE_LAMBDA {
        const V be = A::fill(k_behind[e]), qe = A::fill(q[e]), ke = A::fill(k[e]);
        V along = A::fill(0);
        for (int i = 0; i < n; i++) {
          const V moved = A::fma(qe, d_o[i], A::fnma(be, dv_behind[i], state.load(e, i)));
          state.store(e, i, moved);
          sums.add(c, i, ke, moved);
          along = i == 0 ? A::mul(moved, write[i]) : A::fma(moved, write[i], along);
        }
        rows[e] = along;
      });
      for (int i = 0; i < n; i++) dwrite[i] = sums.total(i);
      for (int64_t i = 0; i < KP / 16; i++) add_dk(t - s.begin, i, j, A::row_sums(rows + 16 * i));
      finish<n>(f, s, t, j, dwrite, dv_behind);
      k_behind = k;
      if (!is_first(g, s, t)) continue;
      clear();
      k_behind = zeros;
      for (int i = 0; i < n; i++) dv_behind[i] = A::fill(0);
    }
    if (!f.dstart) return;
    S* to = f.dstart + (s.n * g.H + s.h) * key.n * value.n + first;
    each_row<known, 1>(key.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
      V last[n];
      const V be = A::fill(k_behind[e]);
      for (int i = 0; i < n; i++) last[i] = A::fnma(be, dv_behind[i], state.load(e, i));
      store_row<A, n>(to, e * value.n, last, count, srwm::Stored::as_computed);
    });
  }

  // bptt="step": G is q outer do of the step alone, so that k G = (k.q) do and G written = (do.written) q.
  template <int n>
  DELTA_INLINE void single_steps(const Backward<S>& f, const Span& s, int64_t j) {
    for (int64_t t = s.begin; t < s.end; t++) {
      V d_o[n], write[n], dwrite[n], dv_now[n], sum = A::fill(0), dot = A::fill(0);
      for (int i = 0; i < n; i++) d_o[i] = A::fill(0);
      if (f.d_o.data) load_row<A, n>(d_o, f.d_o, s, t, 16 * j, value.n - 16 * j);
      load_written<n>(f, s, t, j, write);
      for (int64_t i = 0; i < KP / 16; i++) {
        V q[1], k[1];
        load_row<A, 1>(q, f.q, s, t, 16 * i, key.n - 16 * i);
        load_row<A, 1>(k, f.k, s, t, 16 * i, key.n - 16 * i);
        dot = A::fma(q[0], k[0], dot);
      }
      const V score = A::fill(A::sum(dot));
      for (int i = 0; i < n; i++) {
        dwrite[i] = A::mul(score, d_o[i]);
        sum = A::fma(d_o[i], write[i], sum);
      }
      const V along = A::fill(A::sum(sum));
      for (int64_t i = 0; i < KP / 16; i++) {
        V q[1];
        load_row<A, 1>(q, f.q, s, t, 16 * i, key.n - 16 * i);
        add_dk(t - s.begin, i, j, A::mul(along, q[0]));
      }
      finish<n>(f, s, t, j, dwrite, dv_now);
    }
  }

  // Vectors j to j + n of the keys through all steps; row v of the state is column v of the weights.
  template <int n, class State>
  DELTA_INLINE void second_walk(State& state, const Backward<S>& f, const Span& s, int64_t j) {
    using Row = Sums<A, n>;
    constexpr int known = State::rows_known;
    const auto& g = f.geometry;
    const int64_t first = 16 * j, count = key.n - first;
    const S* start = f.start.data && s.begin < s.end && !is_first(g, s, s.begin)
                         ? f.start.data + s.n * f.start.n + s.h * f.start.h + first * value.n
                         : nullptr;
    each_row<known, 1>(value.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
      S column[16 * n] = {};
      if (start)
        for (int64_t i = 0; i < (count < 16 * n ? count : 16 * n); i++) column[i] = start[i * value.n + e];
      for (int i = 0; i < n; i++) state.store(e, i, A::load(column + 16 * i));
    });
    for (int64_t t = s.begin; t < s.end; t++) {
      if (t > s.begin && is_first(g, s, t)) {
        each_row<known, 1>(value.n, [&](int64_t e, int) DELTA_INLINE_LAMBDA {
          for (int i = 0; i < n; i++) state.store(e, i, A::fill(0));
        });
      }
      const int64_t i0 = t - s.begin;
      const S *d_o = f.d_o.data ? row(f.d_o, s, t, value.n, do_row) : do_row;
      const S *write = written + i0 * VP, *dv_now = dv + i0 * VP;
      V k[n], dk[n], dq[n];
      load_row<A, n>(k, f.k, s, t, first, count);
      Row recall, read;
      each_row<known, Row::count>(value.n, [&](int64_t e, int c) DELTA_INLINE_LAMBDA {
        const V we = A::fill(write[e]), de = A::fill(dv_now[e]), oe = A::fill(d_o[e]);
        for (int i = 0; i < n; i++) {
          const V before = state.load(e, i);
          recall.add(c, i, de, before);
          const V after = A::fma(we, k[i], before);
          state.store(e, i, after);
          read.add(c, i, oe, after);
        }
      });
      for (int i = 0; i < n; i++) {
        dk[i] = A::sub(A::load(dk_outer + i0 * KP + first + 16 * i), recall.total(i));
        dq[i] = read.total(i);
      }
      store_row<A, n>(f.dk, out_at(f, s, t, key.n) + first, dk, count, f.q.stored);
      store_row<A, n>(f.dq, out_at(f, s, t, key.n) + first, dq, count, f.q.stored);
    }
  }
};

template <class A, int KeyDim, int ValueDim, int Registers>
void backward_range(const Backward<typename A::S>& f, int64_t first, int64_t last) {
  int64_t steps = 0;
  for (int64_t c = first; c < last; c++) {
    const Span s = span_of(f.geometry, c);
    if (s.end - s.begin > steps) steps = s.end - s.begin;
  }
  BackwardChain<A, KeyDim, ValueDim, Registers> chain(f.geometry.K, f.geometry.V, steps);
  for (int64_t c = first; c < last; c++) chain.run(f, c);
}

template <class A>
void backward_generic(const Backward<typename A::S>& f, int64_t first, int64_t last) {
  backward_range<A, 0, 0, 0>(f, first, last);
}

template <class A, int Registers>
void backward_tuned(const Backward<typename A::S>& f, int64_t first, int64_t last) {
  const int64_t d = f.geometry.K == f.geometry.V ? f.geometry.K : 0;
  if (d == 16) return backward_range<A, 16, 16, Registers>(f, first, last);
  if (d == 32) return backward_range<A, 32, 32, Registers>(f, first, last);
  if (d == 64) return backward_range<A, 64, 64, Registers>(f, first, last);
  backward_range<A, 0, 0, 0>(f, first, last);
}

}  // namespace
