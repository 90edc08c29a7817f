// Sixteen numbers of any type as an array: for float64, and for machines without the instruction sets beside it.
#pragma once
#include <cmath>

#define SRWM_INLINE static inline __attribute__((always_inline))

namespace {

template <class Scalar>
struct Portable {
  using S = Scalar;
  static constexpr int block = 1;
  // Vectors that the registers hold.
  static constexpr int registers = 8;
  struct V {
    S a[16];
  };

  SRWM_INLINE V load(const S* p) {
    return each([&](int i) { return p[i]; });
  }
  SRWM_INLINE void store(S* p, V v) {
    for (int i = 0; i < 16; i++) p[i] = v.a[i];
  }
  // Where other instruction sets write past the caches.
  SRWM_INLINE void stream(S* p, const V& v) { store(p, v); }
  SRWM_INLINE void fence() {}
  SRWM_INLINE V fill(S x) {
    return each([&](int) { return x; });
  }
  SRWM_INLINE V add(V x, V y) {
    return each([&](int i) { return x.a[i] + y.a[i]; });
  }
  SRWM_INLINE V sub(V x, V y) {
    return each([&](int i) { return x.a[i] - y.a[i]; });
  }
  SRWM_INLINE V mul(V x, V y) {
    return each([&](int i) { return x.a[i] * y.a[i]; });
  }
  SRWM_INLINE V div(V x, V y) {
    return each([&](int i) { return x.a[i] / y.a[i]; });
  }
  // x y + z, and z - x y.
  SRWM_INLINE V fma(V x, V y, V z) {
    return each([&](int i) { return x.a[i] * y.a[i] + z.a[i]; });
  }
  SRWM_INLINE V fnma(V x, V y, V z) {
    return each([&](int i) { return z.a[i] - x.a[i] * y.a[i]; });
  }
  SRWM_INLINE V max(V x, V y) {
    return each([&](int i) { return x.a[i] > y.a[i] ? x.a[i] : y.a[i]; });
  }
  // y where x is positive or NaN, else zero.
  SRWM_INLINE V where_positive(V x, V y) {
    return each([&](int i) { return x.a[i] <= 0 ? S(0) : y.a[i]; });
  }
  // Lanes below N of x, the others of y.
  template <int N>
  SRWM_INLINE V mix(V x, V y) {
    return each([&](int i) { return i < N ? x.a[i] : y.a[i]; });
  }
  SRWM_INLINE V exp(V x) {
    return each([&](int i) { return std::exp(x.a[i]); });
  }
  SRWM_INLINE S sum(V v) {
    S s[4];
    for (int i = 0; i < 4; i++) s[i] = (v.a[i] + v.a[i + 4]) + (v.a[i + 8] + v.a[i + 12]);
    return (s[0] + s[2]) + (s[1] + s[3]);
  }
  SRWM_INLINE S max_lane(V v) {
    S m = v.a[0];
    for (int i = 1; i < 16; i++) m = v.a[i] > m ? v.a[i] : m;
    return m;
  }
  // Lane i of the result is the sum of rows[i].
  SRWM_INLINE V row_sums(const V* rows) {
    return each([&](int i) { return sum(rows[i]); });
  }
  // Lane i of the result is the sum of rows[i], i < 4; the other lanes are zero.
  SRWM_INLINE V row_sums4(const V* rows) {
    return each([&](int i) { return i < 4 ? sum(rows[i]) : S(0); });
  }
  SRWM_INLINE void transpose(V* rows) {
    for (int i = 0; i < 16; i++)
      for (int j = 0; j < i; j++) {
        const S kept = rows[i].a[j];
        rows[i].a[j] = rows[j].a[i];
        rows[j].a[i] = kept;
      }
  }

 private:
  template <class F>
  SRWM_INLINE V each(F&& f) {
    V r;
    for (int i = 0; i < 16; i++) r.a[i] = f(i);
    return r;
  }
};

}  // namespace
