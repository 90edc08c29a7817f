// A block of the state, `n` vectors wide: the columns of the delta rule never meet, so that a block runs through all time
// steps alone. It lies in registers where it is known to fit, else in memory. Also rows in and out of memory.
#pragma once
#include <cstdint>
#include <cstring>

#include "../../cpu/sizes.h"
#include "../../cpu/span.h"
#include "../../cpu/stored.h"
#include "../../cpu/workspace.h"
#include "args.h"

#define DELTA_INLINE inline __attribute__((always_inline))
#define DELTA_INLINE_LAMBDA __attribute__((always_inline))

// Internal linkage throughout: the same template compiled for two instruction sets must stay two functions.
namespace {

using delta_rule::Backward;
using delta_rule::Forward;
using delta_rule::Kernels;
using delta_rule::Step;
using srwm::Sequence;

inline constexpr int64_t padded(int64_t n) { return (n + 15) / 16 * 16; }

template <class A, int Rows, int N>
struct InRegisters {
  static constexpr int rows_known = Rows;
  typename A::V state[Rows * N];
  DELTA_INLINE typename A::V load(int64_t e, int i) const { return state[e * N + i]; }
  DELTA_INLINE void store(int64_t e, int i, typename A::V value) { state[e * N + i] = value; }
};

template <class A, int N>
struct InMemory {
  static constexpr int rows_known = 0;
  typename A::S* state;
  DELTA_INLINE typename A::V load(int64_t e, int i) const { return A::load(state + 16 * (e * N + i)); }
  DELTA_INLINE void store(int64_t e, int i, typename A::V value) { A::store(state + 16 * (e * N + i), value); }
};

// Calls body(row, accumulator) for every row; rows take turns over the accumulators, which shortens the chain of sums.
template <int Known, int Accumulators, class F>
DELTA_INLINE void each_row(int64_t rows, F&& body) {
  if constexpr (Known > 0) {
#pragma GCC unroll 16
    for (int e = 0; e < Known; e++) body(e, e % Accumulators);
  } else {
    const int64_t rest = rows % Accumulators, whole = rows - rest;
    for (int64_t e = 0; e < whole; e += Accumulators) {
#pragma GCC unroll 4
      for (int c = 0; c < Accumulators; c++) body(e + c, c);
    }
    for (int64_t i = 0; i < rest; i++) body(whole + i, 0);
  }
}

// `n` sums over rows, each kept in several accumulators.
template <class A, int n>
struct Sums {
  using V = typename A::V;
  static constexpr int count = n == 1 ? 4 : n == 2 ? 2 : 1;
  V value[count * n];
  DELTA_INLINE Sums() {
#pragma GCC unroll 16
    for (int i = 0; i < count * n; i++) value[i] = A::fill(0);
  }
  DELTA_INLINE void add(int accumulator, int i, V x, V y) {
    V& sum = value[accumulator * n + i];
    sum = A::fma(x, y, sum);
  }
  DELTA_INLINE V total(int i) const {
    if constexpr (count == 4) return A::add(A::add(value[i], value[n + i]), A::add(value[2 * n + i], value[3 * n + i]));
    if constexpr (count == 2) return A::add(value[i], value[n + i]);
    return value[i];
  }
};

// Runs f(Int<n>, first vector) over `vectors` vectors in blocks of A::block, then of one.
template <class A, class F>
DELTA_INLINE void blocks(int64_t vectors, F&& f) {
  int64_t j = 0;
  for (; j + A::block <= vectors; j += A::block) f(Int<A::block>{}, j);
  for (; j < vectors; j++) f(Int<1>{}, j);
}

template <class S>
DELTA_INLINE int64_t offset(const Sequence<S>& x, const Span& s, int64_t t) {
  return t * x.t + s.b * x.b + s.h * x.h;
}

// The row of step t as numbers of S: where it lies, or in `buffer` if it is stored in half precision.
template <class S>
DELTA_INLINE const S* row(const Sequence<S>& x, const Span& s, int64_t t, int64_t size, S* buffer) {
  const int64_t at = offset(x, s, t);
  if (x.stored == srwm::Stored::as_computed) return static_cast<const S*>(x.data) + at;
  read_half(buffer, static_cast<const uint16_t*>(x.data) + at, size, x.stored);
  return buffer;
}

template <class S>
DELTA_INLINE S scalar(const Sequence<S>& x, const Span& s, int64_t t) {
  S buffer[1];
  return *row(x, s, t, 1, buffer);
}

// to [n vectors] <- from [count], zeros behind; reads nothing past it.
template <class A, int n>
DELTA_INLINE void load_row(typename A::V* to, const typename A::S* from, int64_t count) {
  if (count >= 16 * n) {
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) to[i] = A::load(from + 16 * i);
    return;
  }
  typename A::S buffer[16 * n] = {};
  for (int64_t i = 0; i < count; i++) buffer[i] = from[i];
  for (int i = 0; i < n; i++) to[i] = A::load(buffer + 16 * i);
}

template <class A, int n>
DELTA_INLINE void load_row(typename A::V* to, const Sequence<typename A::S>& x, const Span& s, int64_t t, int64_t first,
                      int64_t count) {
  const int64_t at = offset(x, s, t) + first;
  if (x.stored == srwm::Stored::as_computed) return load_row<A, n>(to, static_cast<const typename A::S*>(x.data) + at, count);
  typename A::S buffer[16 * n] = {};
  read_half(buffer, static_cast<const uint16_t*>(x.data) + at, count < 16 * n ? count : 16 * n, x.stored);
  for (int i = 0; i < n; i++) to[i] = A::load(buffer + 16 * i);
}

// Elements at, at + 1, ... <- from, `count` of them at most.
template <class A, int n>
DELTA_INLINE void store_row(void* to, int64_t at, const typename A::V* from, int64_t count, srwm::Stored stored) {
  using S = typename A::S;
  if (stored == srwm::Stored::as_computed && count >= 16 * n) {
#pragma GCC unroll 4
    for (int i = 0; i < n; i++) A::store(static_cast<S*>(to) + at + 16 * i, from[i]);
    return;
  }
  S buffer[16 * n];
  for (int i = 0; i < n; i++) A::store(buffer + 16 * i, from[i]);
  write_row(to, at, buffer, count < 16 * n ? count : 16 * n, stored);
}

}  // namespace
