// Where one chain (one sequence of one head) lies in memory, and its padded working copy.
// Columns are padded part by part to sixteen lanes: [y | q | k | beta]; pads are zero, so sums may include them.
#pragma once
#include <cstdint>
#include <cstring>

#include "../../cpu/sizes.h"
#include "../../cpu/stored.h"
#include "../../cpu/workspace.h"
#include "args.h"

// Internal linkage throughout: the same template compiled for two instruction sets must stay two functions.
namespace {

using srwm::Backward;
using srwm::Forward;
using srwm::Geometry;
using srwm::Kernels;
using srwm::Matrices;
using srwm::Sequence;
using srwm::Step;

struct Span {
  int64_t n, b, h, begin, end;  // sequence, batch column, head, first step and one past the last
};

SRWM_INLINE Span span_of(const Geometry& g, int64_t chain) {
  const int64_t n = chain / g.H, h = chain % g.H;
  if (!g.cu_seqlens) return {n, n, h, 0, g.T};
  return {n, 0, h, g.cu_seqlens[n], g.cu_seqlens[n + 1]};
}

SRWM_INLINE bool is_first(const Geometry& g, const Span& s, int64_t t) {
  return g.is_first && g.is_first[t * g.is_first_t + s.b * g.is_first_b];
}

// So many steps ahead are rows of [T, B, H, last] fetched: they lie further apart than hardware looks.
constexpr int64_t PREFETCH = 6;

SRWM_INLINE void prefetch(const void* from, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch(static_cast<const char*>(from) + i);
}
SRWM_INLINE void prefetch_to_write(void* base, int64_t at, int64_t count, int64_t size) {
  for (int64_t i = 0; i < count * size; i += 64) __builtin_prefetch(static_cast<char*>(base) + at * size + i, 1);
}

// Runs a chain to its end. A step has a part that waits for sums, exponentials and their quotients (`wait`) and a part of
// plain products (`work`).
template <class Chain>
void finish(Chain& chain) {
  if (chain.waited) chain.work(nullptr);
  while (chain.more()) {
    chain.wait();
    chain.work(nullptr);
  }
  chain.end();
}

// Runs chains first to last - 1. Where the matrices of two fit the first-level cache they take turns: while one works, the
// other waits, stage by stage, because the processor looks only some hundred instructions ahead for what it can do meanwhile.
template <class Chain, class F>
void run_chains(const F& f, int64_t first, int64_t last) {
  Chain a(f.geometry.D, f.geometry.Y);
  int64_t c = first;
  if constexpr (Chain::is_small) {
    Chain b(f.geometry.D, f.geometry.Y);
    for (; c + 1 < last; c += 2) {
      a.begin(f, c);
      b.begin(f, c + 1);
      if (a.more()) a.wait();
      while (a.waited && b.more()) {
        a.work(&b);
        if (a.more()) b.work(&a);
      }
      finish(a);
      finish(b);
    }
  }
  for (; c < last; c++) {
    a.begin(f, c);
    finish(a);
  }
}

template <class A, int HeadDim, int OutputDim>
struct Layout {
  using S = typename A::S;
  using V = typename A::V;
  static constexpr bool is_small = HeadDim == 16 && OutputDim == 16 && A::block == 4;
  Size<HeadDim> head;
  Size<OutputDim> out;

  Layout(int64_t head_dim, int64_t output_dim) : head(head_dim), out(output_dim) {}

  SRWM_INLINE int64_t vectors(int64_t n) { return (n + 15) / 16; }
  inline int64_t D() const { return head.n; }
  inline int64_t Y() const { return out.n; }
  inline int64_t C() const { return Y() + 2 * D() + 4; }
  inline int64_t DV() const { return vectors(D()); }
  inline int64_t YV() const { return vectors(Y()); }
  inline int64_t CV() const { return YV() + 2 * DV() + 1; }
  inline int64_t DP() const { return 16 * DV(); }
  inline int64_t YP() const { return 16 * YV(); }
  inline int64_t P() const { return 16 * CV(); }
  // A saved step: q, k, insertion, with beta in the last vector's pads: whole lines of cache. With bptt="step" only k and the
  // insertion's y columns.
  inline int64_t saved_width(bool step) const { return step ? DP() + YP() : 2 * DP() + P(); }
  // The part (0 y, 1 q, 2 k, 3 beta) that column vector j belongs to.
  inline int part(int64_t j) const { return j < YV() ? 0 : j < YV() + DV() ? 1 : j < YV() + 2 * DV() ? 2 : 3; }

  template <class F>
  inline __attribute__((always_inline)) void blocks(int64_t count, F&& f) const {
    int64_t j = 0;
    for (; j + A::block <= count; j += A::block) f(Int<A::block>{}, j);
    for (; j < count; j++) f(Int<1>{}, j);
  }

  // to [n padded to whole vectors] <- from [n], zeros behind.
  SRWM_INLINE void pad(S* to, const S* from, int64_t n) {
    const int64_t rest = n % 16, whole = n - rest;
    for (int64_t i = 0; i < whole; i += 16) A::store(to + i, A::load(from + i));
    if (!rest) return;
    A::store(to + whole, A::fill(0));
    for (int64_t i = 0; i < rest; i++) to[whole + i] = from[whole + i];
  }
  // Calls f(column of C, padded column, count) for each of the four parts of a row.
  template <class F>
  inline __attribute__((always_inline)) void parts(F&& f) const {
    f(int64_t(0), int64_t(0), Y());
    f(Y(), YP(), D());
    f(Y() + D(), YP() + DP(), D());
    f(Y() + 2 * D(), YP() + 2 * DP(), int64_t(4));
  }

  // One row [P] <- a [C].
  inline void pad_columns(S* to, const S* a) const {
    parts([&](int64_t c, int64_t p, int64_t n) { pad(to + p, a + c, n); });
  }

  // W [D, P] <- w + delta, both [D, C]; delta may be null.
  inline void load_weights(S* W, const S* w, const S* delta) const {
    for (int64_t e = 0; e < D(); e++) {
      S* row = W + e * P();
      pad_columns(row, w + e * C());
      if (!delta) continue;
      const S* d = delta + e * C();
      parts([&](int64_t c, int64_t p, int64_t n) {
        int64_t i = 0;
        for (; i + 16 <= n; i += 16) A::store(row + p + i, A::add(A::load(w + e * C() + c + i), A::load(d + c + i)));
        for (; i < n; i++) row[p + i] += d[c + i];
      });
    }
  }

  // to [D, C] <- a [D, P] - b [D, C]; b may be null.
  inline void store_columns(S* to, const S* a, const S* b) const {
    for (int64_t e = 0; e < D(); e++)
      parts([&](int64_t c, int64_t p, int64_t n) {
        S* t = to + e * C() + c;
        const S *ae = a + e * P() + p, *be = b ? b + e * C() + c : nullptr;
        int64_t i = 0;
        for (; i + 16 <= n; i += 16) A::store(t + i, be ? A::sub(A::load(ae + i), A::load(be + i)) : A::load(ae + i));
        for (; i < n; i++) t[i] = be ? ae[i] - be[i] : ae[i];
      });
  }

  // to [D, P] <- to + a.
  inline void add(S* to, const S* a) const {
    for (int64_t i = 0; i < D() * P(); i += 16) A::store(to + i, A::add(A::load(to + i), A::load(a + i)));
  }

  // Bytes of a number of a sequence.
  SRWM_INLINE int64_t size_of(Stored stored) { return stored == Stored::as_computed ? int64_t(sizeof(S)) : 2; }
  SRWM_INLINE void prefetch_row(const Sequence<S>& x, const Span& s, int64_t t, int64_t n) {
    const int64_t size = size_of(x.stored);
    prefetch(static_cast<const char*>(x.data) + (t * x.t + s.b * x.b + s.h * x.h) * size, n * size);
  }

  // to [padded] <- row t of a sequence, zeros behind its n numbers.
  SRWM_INLINE void load_row(S* to, const Sequence<S>& x, const Span& s, int64_t t, int64_t n, int64_t padded) {
    const int64_t at = t * x.t + s.b * x.b + s.h * x.h;
    if (x.stored == Stored::as_computed) return pad(to, static_cast<const S*>(x.data) + at, n);
    read_half(to, static_cast<const uint16_t*>(x.data) + at, n, x.stored);
    for (int64_t i = n; i < padded; i++) to[i] = 0;
  }

  inline void load_x(S* to, const Sequence<S>& x, const Span& s, int64_t t, bool softmax_it) const {
    load_row(to, x, s, t, D(), DP());
    if (softmax_it) softmax(to, to);
  }

  // The softmax of a row, as three stages that each wait for the one before. Writes the pads of p too; `to` may be p.
  inline void softmax(S* p, S* to) const { divide(to, exponentials(p, to, shift(p))); }
  inline V shift(S* p) const {
    for (int64_t i = D(); i < DP(); i++) p[i] = p[0];
    V m = A::load(p);
    for (int64_t i = 1; i < DV(); i++) m = A::max(m, A::load(p + 16 * i));
    return A::fill(A::max_lane(m));
  }
  inline V exponentials(const S* p, S* to, V shift) const {
    for (int64_t i = 0; i < DV(); i++) A::store(to + 16 * i, A::exp(A::sub(A::load(p + 16 * i), shift)));
    for (int64_t i = D(); i < DP(); i++) to[i] = 0;
    V sum = A::load(to);
    for (int64_t i = 1; i < DV(); i++) sum = A::add(sum, A::load(to + 16 * i));
    return sum;
  }
  inline void divide(S* to, V sum) const {
    const V scale = A::fill(S(1) / A::sum(sum));
    for (int64_t i = 0; i < DV(); i++) A::store(to + 16 * i, A::mul(A::load(to + 16 * i), scale));
  }

  // out [count vectors] <- v [D] times the first columns of M [D, pitch].
  inline void apply(const S* M, int64_t pitch, int64_t count, const S* v, S* out) const {
    blocks(count, [&](auto n, int64_t j) __attribute__((always_inline)) {
      V a[n.n];
      for (int i = 0; i < n.n; i++) a[i] = A::fill(0);
      for (int64_t e = 0; e < D(); e++) {
        const V s = A::fill(v[e]);
        for (int i = 0; i < n.n; i++) a[i] = A::fma(s, A::load(M + e * pitch + 16 * (j + i)), a[i]);
      }
      for (int i = 0; i < n.n; i++) A::store(out + 16 * (j + i), a[i]);
    });
  }

  // M [D, pitch] <- M + scale * (k outer insertion), over `count` column vectors.
  inline void add_outer(S* M, int64_t pitch, int64_t count, const S* k, const S* insertion) const {
    for (int64_t e = 0; e < D(); e++) {
      const V ke = A::fill(k[e]);
      for (int64_t j = 0; j < count; j++) {
        S* m = M + e * pitch + 16 * j;
        A::store(m, A::fma(ke, A::load(insertion + 16 * j), A::load(m)));
      }
    }
  }
};

}  // namespace
