// Sixteen floats as two AVX2 registers.
#pragma once
#include <immintrin.h>

#define SRWM_INLINE static inline __attribute__((always_inline))

namespace {

struct Avx2 {
  using S = float;
  static constexpr int block = 4;
  // Vectors that the registers hold.
  static constexpr int registers = 8;
  struct V {
    __m256 a, b;
  };

  SRWM_INLINE V load(const S* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  SRWM_INLINE void store(S* p, V v) {
    _mm256_storeu_ps(p, v.a);
    _mm256_storeu_ps(p + 8, v.b);
  }
  // Past the caches, for what is read much later; 64 bytes must be aligned there. fence() before another thread reads it.
  SRWM_INLINE void stream(S* p, V v) {
    _mm256_stream_ps(p, v.a);
    _mm256_stream_ps(p + 8, v.b);
  }
  SRWM_INLINE void fence() { _mm_sfence(); }
  SRWM_INLINE V fill(S x) {
    const __m256 v = _mm256_set1_ps(x);
    return {v, v};
  }
  SRWM_INLINE V add(V x, V y) { return {_mm256_add_ps(x.a, y.a), _mm256_add_ps(x.b, y.b)}; }
  SRWM_INLINE V sub(V x, V y) { return {_mm256_sub_ps(x.a, y.a), _mm256_sub_ps(x.b, y.b)}; }
  SRWM_INLINE V mul(V x, V y) { return {_mm256_mul_ps(x.a, y.a), _mm256_mul_ps(x.b, y.b)}; }
  SRWM_INLINE V div(V x, V y) { return {_mm256_div_ps(x.a, y.a), _mm256_div_ps(x.b, y.b)}; }
  // x y + z, and z - x y.
  SRWM_INLINE V fma(V x, V y, V z) { return {_mm256_fmadd_ps(x.a, y.a, z.a), _mm256_fmadd_ps(x.b, y.b, z.b)}; }
  SRWM_INLINE V fnma(V x, V y, V z) { return {_mm256_fnmadd_ps(x.a, y.a, z.a), _mm256_fnmadd_ps(x.b, y.b, z.b)}; }
  SRWM_INLINE V max(V x, V y) { return {_mm256_max_ps(x.a, y.a), _mm256_max_ps(x.b, y.b)}; }
  // y where x is positive or NaN, else zero.
  SRWM_INLINE V where_positive(V x, V y) {
    const __m256 zero = _mm256_setzero_ps();
    return {_mm256_and_ps(_mm256_cmp_ps(x.a, zero, _CMP_NLE_UQ), y.a), _mm256_and_ps(_mm256_cmp_ps(x.b, zero, _CMP_NLE_UQ), y.b)};
  }
  // Lanes below N of x, the others of y; N is 4, 8 or 12.
  template <int N>
  SRWM_INLINE V mix(V x, V y) {
    if constexpr (N == 4) return {_mm256_blend_ps(x.a, y.a, 0xf0), y.b};
    else if constexpr (N == 8) return {x.a, y.b};
    else return {x.a, _mm256_blend_ps(x.b, y.b, 0xf0)};
  }
  SRWM_INLINE V exp(V x) { return {exp8(x.a), exp8(x.b)}; }

  SRWM_INLINE S sum(V v) {
    const __m256 s = _mm256_add_ps(v.a, v.b);
    __m128 r = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    r = _mm_add_ps(r, _mm_movehl_ps(r, r));
    return _mm_cvtss_f32(_mm_add_ss(r, _mm_movehdup_ps(r)));
  }
  SRWM_INLINE S max_lane(V v) {
    const __m256 s = _mm256_max_ps(v.a, v.b);
    __m128 r = _mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    r = _mm_max_ps(r, _mm_movehl_ps(r, r));
    return _mm_cvtss_f32(_mm_max_ss(r, _mm_movehdup_ps(r)));
  }
  // Lane i of the result is the sum of rows[i].
  SRWM_INLINE V row_sums(const V* rows) {
    __m256 r[16];
    for (int i = 0; i < 16; i++) r[i] = _mm256_add_ps(rows[i].a, rows[i].b);
    return {row_sums8(r), row_sums8(r + 8)};
  }
  // Lane i of the result is the sum of rows[i], i < 4; the other lanes are zero.
  SRWM_INLINE V row_sums4(const V* rows) {
    __m256 r[4];
    for (int i = 0; i < 4; i++) r[i] = _mm256_add_ps(rows[i].a, rows[i].b);
    const __m256 s = _mm256_hadd_ps(_mm256_hadd_ps(r[0], r[1]), _mm256_hadd_ps(r[2], r[3]));
    const __m128 lanes = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    return {_mm256_zextps128_ps256(lanes), _mm256_setzero_ps()};
  }
  SRWM_INLINE void transpose(V* rows) {
    __m256 r[32];
    for (int i = 0; i < 16; i++) {
      r[i] = rows[i].a;
      r[16 + i] = rows[i].b;
    }
    for (int i = 0; i < 32; i += 8) transpose8(r + i);
    for (int i = 0; i < 8; i++) {
      rows[i] = {r[i], r[8 + i]};
      rows[8 + i] = {r[16 + i], r[24 + i]};
    }
  }

 private:
  SRWM_INLINE void transpose8(__m256* r) {
    __m256 a[8], b[8];
    for (int i = 0; i < 8; i += 2) {
      a[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
      a[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
      for (int c = 0; c < 2; c++) {
        b[i + 2 * c] = _mm256_shuffle_ps(a[i + c], a[i + c + 2], 0x44);
        b[i + 2 * c + 1] = _mm256_shuffle_ps(a[i + c], a[i + c + 2], 0xee);
      }
    for (int c = 0; c < 4; c++) {
      r[c] = _mm256_permute2f128_ps(b[c], b[c + 4], 0x20);
      r[c + 4] = _mm256_permute2f128_ps(b[c], b[c + 4], 0x31);
    }
  }
  SRWM_INLINE __m256 row_sums8(const __m256* r) {
    const __m256 a = _mm256_hadd_ps(_mm256_hadd_ps(r[0], r[1]), _mm256_hadd_ps(r[2], r[3]));
    const __m256 b = _mm256_hadd_ps(_mm256_hadd_ps(r[4], r[5]), _mm256_hadd_ps(r[6], r[7]));
    return _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
  }
  // Cephes' expf: range reduction and a polynomial of degree 6, within 1.3 ulp on [-87, 88].
  // The constant is the first operand of max and min because they return the second one where either is NaN.
  SRWM_INLINE __m256 exp8(__m256 x) {
    const __m256 z = _mm256_min_ps(_mm256_set1_ps(88.37f), _mm256_max_ps(_mm256_set1_ps(-87.33f), x));
    const __m256 n = _mm256_round_ps(_mm256_mul_ps(z, _mm256_set1_ps(1.44269504f)), 8);
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), z);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.9875691500e-4f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
    p = _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.f)));
    const __m256i e = _mm256_slli_epi32(_mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127)), 23);
    return _mm256_mul_ps(p, _mm256_castsi256_ps(e));
  }
};

}  // namespace
