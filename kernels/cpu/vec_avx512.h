// Sixteen floats as one AVX-512 register.
#pragma once
#include <immintrin.h>

#define SRWM_INLINE static inline __attribute__((always_inline))

namespace {

struct Avx512 {
  using S = float;
  static constexpr int block = 4;
  // Vectors that the registers hold.
  static constexpr int registers = 32;
  struct V {
    __m512 a;
  };
  // Four floats.
  struct Q {
    __m128 a;
  };

  SRWM_INLINE V load(const S* p) { return {_mm512_loadu_ps(p)}; }
  SRWM_INLINE void store(S* p, V v) { _mm512_storeu_ps(p, v.a); }
  // Past the caches, for what is read much later; 64 bytes must be aligned there. fence() before another thread reads it.
  SRWM_INLINE void stream(S* p, V v) { _mm512_stream_ps(p, v.a); }
  SRWM_INLINE void fence() { _mm_sfence(); }
  SRWM_INLINE V fill(S x) { return {_mm512_set1_ps(x)}; }
  SRWM_INLINE V add(V x, V y) { return {_mm512_add_ps(x.a, y.a)}; }
  SRWM_INLINE V sub(V x, V y) { return {_mm512_sub_ps(x.a, y.a)}; }
  SRWM_INLINE V mul(V x, V y) { return {_mm512_mul_ps(x.a, y.a)}; }
  SRWM_INLINE V div(V x, V y) { return {_mm512_div_ps(x.a, y.a)}; }
  // x y + z, and z - x y.
  SRWM_INLINE V fma(V x, V y, V z) { return {_mm512_fmadd_ps(x.a, y.a, z.a)}; }
  SRWM_INLINE V fnma(V x, V y, V z) { return {_mm512_fnmadd_ps(x.a, y.a, z.a)}; }
  SRWM_INLINE V max(V x, V y) { return {_mm512_max_ps(x.a, y.a)}; }
  // y where x is positive or NaN, else zero.
  SRWM_INLINE V where_positive(V x, V y) {
    return {_mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x.a, _mm512_setzero_ps(), _CMP_NLE_UQ), y.a)};
  }
  // Lanes below N of x, the others of y.
  template <int N>
  SRWM_INLINE V mix(V x, V y) {
    return {_mm512_mask_blend_ps(__mmask16(0xffff << N), x.a, y.a)};
  }

  SRWM_INLINE Q load4(const S* p) { return {_mm_loadu_ps(p)}; }
  SRWM_INLINE void store4(S* p, Q v) { _mm_storeu_ps(p, v.a); }
  SRWM_INLINE Q low4(V v) { return {_mm512_castps512_ps128(v.a)}; }
  SRWM_INLINE V widen(Q v) { return {_mm512_zextps128_ps512(v.a)}; }
  SRWM_INLINE Q mul(Q x, Q y) { return {_mm_mul_ps(x.a, y.a)}; }
  SRWM_INLINE Q fma(Q x, Q y, Q z) { return {_mm_fmadd_ps(x.a, y.a, z.a)}; }
  SRWM_INLINE Q fnma(Q x, Q y, Q z) { return {_mm_fnmadd_ps(x.a, y.a, z.a)}; }

  // Cephes' expf: range reduction and a polynomial of degree 6, within 1.3 ulp on [-87, 88].
  // The constant is the first operand of max and min because they return the second one where either is NaN.
  SRWM_INLINE V exp(V x) {
    const __m512 z = _mm512_min_ps(_mm512_set1_ps(88.37f), _mm512_max_ps(_mm512_set1_ps(-87.33f), x.a));
    const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(z, _mm512_set1_ps(1.44269504f)), 8);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), z);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.f)));
    return {_mm512_scalef_ps(p, n)};
  }

  SRWM_INLINE S sum(V v) {
    const __m256 s = _mm256_add_ps(_mm512_castps512_ps256(v.a), _mm512_extractf32x8_ps(v.a, 1));
    __m128 r = _mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    r = _mm_add_ps(r, _mm_movehl_ps(r, r));
    return _mm_cvtss_f32(_mm_add_ss(r, _mm_movehdup_ps(r)));
  }
  SRWM_INLINE S max_lane(V v) {
    const __m256 s = _mm256_max_ps(_mm512_castps512_ps256(v.a), _mm512_extractf32x8_ps(v.a, 1));
    __m128 r = _mm_max_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1));
    r = _mm_max_ps(r, _mm_movehl_ps(r, r));
    return _mm_cvtss_f32(_mm_max_ss(r, _mm_movehdup_ps(r)));
  }
  // Lane i of the result is the sum of rows[i].
  SRWM_INLINE V row_sums(const V* rows) {
    const V folded[4] = {fold4(rows), fold4(rows + 4), fold4(rows + 8), fold4(rows + 12)};
    return sum_folded(folded);
  }
  // Of four rows, lanes i, i + 4, i + 8 and i + 12 add up to the sum of rows[i].
  SRWM_INLINE V fold4(const V* rows) {
    __m512d r[2];
    for (int i = 0; i < 2; i++)
      r[i] = _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps(rows[2 * i].a, rows[2 * i + 1].a),
                                            _mm512_unpackhi_ps(rows[2 * i].a, rows[2 * i + 1].a)));
    return {_mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(r[0], r[1])),
                          _mm512_castpd_ps(_mm512_unpackhi_pd(r[0], r[1])))};
  }
  // What fold4 made of sixteen rows to their sums.
  SRWM_INLINE V sum_folded(const V* folded) {
    __m512 r[2];
    for (int i = 0; i < 2; i++)
      r[i] = _mm512_add_ps(_mm512_shuffle_f32x4(folded[2 * i].a, folded[2 * i + 1].a, 0x88),
                           _mm512_shuffle_f32x4(folded[2 * i].a, folded[2 * i + 1].a, 0xdd));
    return {_mm512_add_ps(_mm512_shuffle_f32x4(r[0], r[1], 0x88), _mm512_shuffle_f32x4(r[0], r[1], 0xdd))};
  }
  // Lane i of the result is the sum of rows[i], i < 4; the other lanes are zero.
  SRWM_INLINE V row_sums4(const V* rows) {
    __m512 r[2];
    for (int i = 0; i < 2; i++)
      r[i] = _mm512_add_ps(_mm512_unpacklo_ps(rows[2 * i].a, rows[2 * i + 1].a),
                           _mm512_unpackhi_ps(rows[2 * i].a, rows[2 * i + 1].a));
    const __m512d x = _mm512_castps_pd(r[0]), y = _mm512_castps_pd(r[1]);
    const __m512 lanes =
        _mm512_add_ps(_mm512_castpd_ps(_mm512_unpacklo_pd(x, y)), _mm512_castpd_ps(_mm512_unpackhi_pd(x, y)));
    const __m256 s = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps(lanes, 1));
    return {_mm512_zextps128_ps512(_mm_add_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)))};
  }
  SRWM_INLINE void transpose(V* rows) {
    __m512 r[16];
    for (int i = 0; i < 16; i += 2) {
      r[i] = _mm512_unpacklo_ps(rows[i].a, rows[i + 1].a);
      r[i + 1] = _mm512_unpackhi_ps(rows[i].a, rows[i + 1].a);
    }
    // s[4 i + c] holds columns c, c + 4, c + 8 and c + 12 of rows 4 i to 4 i + 3.
    __m512 s[16];
    for (int i = 0; i < 16; i += 4)
      for (int c = 0; c < 2; c++) {
        const __m512d x = _mm512_castps_pd(r[i + c]), y = _mm512_castps_pd(r[i + c + 2]);
        s[i + 2 * c] = _mm512_castpd_ps(_mm512_unpacklo_pd(x, y));
        s[i + 2 * c + 1] = _mm512_castpd_ps(_mm512_unpackhi_pd(x, y));
      }
    for (int c = 0; c < 4; c++) {
      const __m512 a = _mm512_shuffle_f32x4(s[c], s[c + 4], 0x88), b = _mm512_shuffle_f32x4(s[c], s[c + 4], 0xdd);
      const __m512 d = _mm512_shuffle_f32x4(s[c + 8], s[c + 12], 0x88);
      const __m512 e = _mm512_shuffle_f32x4(s[c + 8], s[c + 12], 0xdd);
      rows[c].a = _mm512_shuffle_f32x4(a, d, 0x88);
      rows[c + 4].a = _mm512_shuffle_f32x4(b, e, 0x88);
      rows[c + 8].a = _mm512_shuffle_f32x4(a, d, 0xdd);
      rows[c + 12].a = _mm512_shuffle_f32x4(b, e, 0xdd);
    }
  }
};

}  // namespace
