// The three kernels in sixteen channels a step, in the compiler's vectors. Internal linkage: compiled under several
// instruction sets.
#pragma once
#include <cstdint>
#include <cstring>
#include <limits>

#include "args.h"

namespace {

using max_pool2d::Pool;
using max_pool2d::Sizes;
using max_pool2d::Stored;

// clang-format off
typedef float V __attribute__((vector_size(64)));
typedef int32_t I __attribute__((vector_size(64)));
typedef uint32_t U __attribute__((vector_size(64)));
typedef uint16_t Half __attribute__((vector_size(32)));
typedef uint8_t Byte __attribute__((vector_size(16)));
// clang-format on

constexpr int64_t LANES = 16;

// Vectors are handed over by reference: by value their calls would differ between instruction sets.
struct Float32 {
  using Number = float;
  static inline void load(const float* p, V& v) { std::memcpy(&v, p, sizeof v); }
  static inline void store(float* p, const V& v) { std::memcpy(p, &v, sizeof v); }
  static inline void store_exact(float* p, const V& v) { store(p, v); }
};

struct Bfloat16 {
  using Number = uint16_t;
  static inline void load(const uint16_t* p, V& v) {
    Half half;
    std::memcpy(&half, p, sizeof half);
    const U wide = __builtin_convertvector(half, U) << 16;
    std::memcpy(&v, &wide, sizeof v);
  }
  static inline void put(uint16_t* p, const U& bits) {
    const Half half = __builtin_convertvector(bits >> 16, Half);
    std::memcpy(p, &half, sizeof half);
  }
  // Of a number that was a bfloat16.
  static inline void store_exact(uint16_t* p, const V& v) {
    U bits;
    std::memcpy(&bits, &v, sizeof v);
    put(p, bits);
  }
  // To the nearest, to even between two; a NaN stays one.
  static inline void store(uint16_t* p, const V& v) {
    U bits;
    std::memcpy(&bits, &v, sizeof v);
    const U rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
    put(p, (v != v) ? (bits | 0x400000u) : rounded);
  }
};

inline void load_taps(const uint8_t* p, I& taps) {
  Byte bytes;
  std::memcpy(&bytes, p, sizeof bytes);
  // In two steps, each of which is an instruction.
  taps = __builtin_convertvector(__builtin_convertvector(bytes, Half), I);
}

template <class A>
void largest_rows(const Pool& f, int64_t first, int64_t last) {
  using Number = typename A::Number;
  const Sizes& s = f.sizes;
  const Number* const x = static_cast<const Number*>(f.from);
  Number* const y = static_cast<Number*>(f.to);
  for (int64_t row = first; row < last; row++) {
    const int64_t n = row / s.P, top = 2 * (row % s.P) - 1;
    const int64_t a0 = top < 0 ? 1 : 0, a1 = top + 3 > s.H ? s.H - top : 3;
    for (int64_t q = 0; q < s.Q; q++) {
      const int64_t left = 2 * q - 1, b0 = left < 0 ? 1 : 0, b1 = left + 3 > s.W ? s.W - left : 3;
      const int64_t window = ((n * s.H + top) * s.W + left) * s.C;
      const int64_t at = (row * s.Q + q) * s.C;
      for (int64_t c = 0; c < s.C; c += LANES) {
        V best = V{} - std::numeric_limits<float>::infinity();
        I place = I{} + int32_t(3 * a0 + b0);
        for (int64_t a = a0; a < a1; a++)
          for (int64_t b = b0; b < b1; b++) {
            V v;
            A::load(x + window + (a * s.W + b) * s.C + c, v);
            // The last NaN of a window, else the first of its largest numbers.
            const I better = (v > best) | (v != v);
            best = better ? v : best;
            place = better ? I{} + int32_t(3 * a + b) : place;
          }
        A::store_exact(y + at + c, best);
        const Byte bytes = __builtin_convertvector(__builtin_convertvector(place, Half), Byte);
        std::memcpy(f.tap_to + at + c, &bytes, sizeof bytes);
      }
    }
  }
}

template <class A>
void pick_rows(const Pool& f, int64_t first, int64_t last) {
  using Number = typename A::Number;
  const Sizes& s = f.sizes;
  const Number* const x = static_cast<const Number*>(f.from);
  Number* const y = static_cast<Number*>(f.to);
  for (int64_t row = first; row < last; row++) {
    const int64_t n = row / s.P, top = 2 * (row % s.P) - 1;
    for (int64_t q = 0; q < s.Q; q++)
      for (int64_t c = 0, at = (row * s.Q + q) * s.C; c < s.C; c++) {
        const int64_t i = top + f.tap[at + c] / 3, j = 2 * q - 1 + f.tap[at + c] % 3;
        // Only taps that nobody has made lie outside.
        const bool inside = i >= 0 && i < s.H && j >= 0 && j < s.W;
        y[at + c] = inside ? x[((n * s.H + i) * s.W + j) * s.C + c] : Number(0);
      }
  }
}

// One window's numbers, as a pixel sees them.
template <class A>
struct Windows {
  const typename A::Number* dy;
  const uint8_t* tap;
  inline void load(int64_t at, V& d, I& taps) const {
    A::load(dy + at, d);
    load_taps(tap + at, taps);
  }
};

// One row of dx, made of one row of windows (`at`, their taps from `tap`) or of two, in their order.
template <class A, int Rows>
inline void spread_row(const Pool& f, const int64_t (&at)[2], const int32_t (&tap)[2], typename A::Number* dx) {
  const Sizes& s = f.sizes;
  const Windows<A> windows{static_cast<const typename A::Number*>(f.from), f.tap};
  for (int64_t q = 0; q < s.Q; q++) {
    const bool odd = 2 * q + 1 < s.W, more = q + 1 < s.Q;
    for (int64_t c = 0; c < s.C; c += LANES) {
      V even_sum = {}, odd_sum = {};
      for (int r = 0; r < Rows; r++) {
        V d;
        I taps;
        windows.load(at[r] + q * s.C + c, d, taps);
        even_sum += (taps == tap[r] + 1) ? d : V{};
        if (!odd) continue;
        odd_sum += (taps == tap[r] + 2) ? d : V{};
        if (!more) continue;
        windows.load(at[r] + (q + 1) * s.C + c, d, taps);
        odd_sum += (taps == tap[r]) ? d : V{};
      }
      A::store(dx + 2 * q * s.C + c, even_sum);
      if (odd) A::store(dx + (2 * q + 1) * s.C + c, odd_sum);
    }
  }
}

template <class A>
void spread_rows(const Pool& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  for (int64_t row = first; row < last; row++) {
    const int64_t n = row / s.H, i = row % s.H, p = i / 2, windows = (n * s.P + p) * s.Q * s.C;
    typename A::Number* const dx = static_cast<typename A::Number*>(f.to) + row * s.W * s.C;
    // An even row lies in the middle of one row of windows, an odd one ends one and begins the next.
    const int64_t at[2] = {windows, windows + s.Q * s.C};
    if (i % 2 == 0) spread_row<A, 1>(f, at, {3, 0}, dx);
    else if (p + 1 == s.P) spread_row<A, 1>(f, at, {6, 0}, dx);
    else spread_row<A, 2>(f, at, {6, 0}, dx);
  }
}

void largest(const Pool& f, int64_t first, int64_t last) {
  if (f.stored == Stored::bfloat16) largest_rows<Bfloat16>(f, first, last);
  else largest_rows<Float32>(f, first, last);
}
void pick(const Pool& f, int64_t first, int64_t last) {
  if (f.stored == Stored::bfloat16) pick_rows<Bfloat16>(f, first, last);
  else pick_rows<Float32>(f, first, last);
}
void spread(const Pool& f, int64_t first, int64_t last) {
  if (f.stored == Stored::bfloat16) spread_rows<Bfloat16>(f, first, last);
  else spread_rows<Float32>(f, first, last);
}

}  // namespace
