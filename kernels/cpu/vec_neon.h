// Sixteen floats as four NEON registers. Never timed: no such processor was at hand; an emulator has run it.
#pragma once
#include <arm_neon.h>

#define SRWM_INLINE static inline __attribute__((always_inline))

namespace {

struct Neon {
  using S = float;
  static constexpr int block = 4;
  // Vectors that the registers hold.
  static constexpr int registers = 8;
  struct V {
    float32x4_t a, b, c, d;
  };

  SRWM_INLINE V load(const S* p) { return {vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}; }
  SRWM_INLINE void store(S* p, V v) {
    vst1q_f32(p, v.a);
    vst1q_f32(p + 4, v.b);
    vst1q_f32(p + 8, v.c);
    vst1q_f32(p + 12, v.d);
  }
  // Where other instruction sets write past the caches.
  SRWM_INLINE void stream(S* p, V v) { store(p, v); }
  SRWM_INLINE void fence() {}
  SRWM_INLINE V fill(S x) {
    const float32x4_t v = vdupq_n_f32(x);
    return {v, v, v, v};
  }
  SRWM_INLINE V add(V x, V y) {
    return {vaddq_f32(x.a, y.a), vaddq_f32(x.b, y.b), vaddq_f32(x.c, y.c), vaddq_f32(x.d, y.d)};
  }
  SRWM_INLINE V sub(V x, V y) {
    return {vsubq_f32(x.a, y.a), vsubq_f32(x.b, y.b), vsubq_f32(x.c, y.c), vsubq_f32(x.d, y.d)};
  }
  SRWM_INLINE V mul(V x, V y) {
    return {vmulq_f32(x.a, y.a), vmulq_f32(x.b, y.b), vmulq_f32(x.c, y.c), vmulq_f32(x.d, y.d)};
  }
  SRWM_INLINE V div(V x, V y) {
    return {vdivq_f32(x.a, y.a), vdivq_f32(x.b, y.b), vdivq_f32(x.c, y.c), vdivq_f32(x.d, y.d)};
  }
  // x y + z, and z - x y.
  SRWM_INLINE V fma(V x, V y, V z) {
    return {vfmaq_f32(z.a, x.a, y.a), vfmaq_f32(z.b, x.b, y.b), vfmaq_f32(z.c, x.c, y.c), vfmaq_f32(z.d, x.d, y.d)};
  }
  SRWM_INLINE V fnma(V x, V y, V z) {
    return {vfmsq_f32(z.a, x.a, y.a), vfmsq_f32(z.b, x.b, y.b), vfmsq_f32(z.c, x.c, y.c), vfmsq_f32(z.d, x.d, y.d)};
  }
  SRWM_INLINE V max(V x, V y) {
    return {vmaxq_f32(x.a, y.a), vmaxq_f32(x.b, y.b), vmaxq_f32(x.c, y.c), vmaxq_f32(x.d, y.d)};
  }
  // Lanes below N of x, the others of y; N is 4, 8 or 12.
  template <int N>
  SRWM_INLINE V mix(V x, V y) {
    return {x.a, N > 4 ? x.b : y.b, N > 8 ? x.c : y.c, y.d};
  }
  SRWM_INLINE V exp(V x) { return {exp4(x.a), exp4(x.b), exp4(x.c), exp4(x.d)}; }

  SRWM_INLINE S sum(V v) { return vaddvq_f32(across(v)); }
  SRWM_INLINE S max_lane(V v) { return vmaxvq_f32(vmaxq_f32(vmaxq_f32(v.a, v.b), vmaxq_f32(v.c, v.d))); }
  // Lane i of the result is the sum of rows[i].
  SRWM_INLINE V row_sums(const V* rows) { return {sums4(rows), sums4(rows + 4), sums4(rows + 8), sums4(rows + 12)}; }
  // The same of four rows; the other lanes are zero.
  SRWM_INLINE V row_sums4(const V* rows) {
    const float32x4_t zero = vdupq_n_f32(0);
    return {sums4(rows), zero, zero, zero};
  }
  SRWM_INLINE void transpose(V* rows) {
    float32x4_t r[16][4];
    for (int i = 0; i < 16; i++) r[i][0] = rows[i].a, r[i][1] = rows[i].b, r[i][2] = rows[i].c, r[i][3] = rows[i].d;
    // Four-by-four blocks, each written to the place across the diagonal.
    for (int i = 0; i < 4; i++) {
      V* to = rows + 4 * i;
      for (int j = 0; j < 4; j++) {
        const float32x4_t *a = &r[4 * j][i], *b = &r[4 * j + 1][i], *c = &r[4 * j + 2][i], *d = &r[4 * j + 3][i];
        const float32x4_t ac = vzip1q_f32(*a, *c), bd = vzip1q_f32(*b, *d);
        const float32x4_t ac_high = vzip2q_f32(*a, *c), bd_high = vzip2q_f32(*b, *d);
        part(to[0], j) = vzip1q_f32(ac, bd);
        part(to[1], j) = vzip2q_f32(ac, bd);
        part(to[2], j) = vzip1q_f32(ac_high, bd_high);
        part(to[3], j) = vzip2q_f32(ac_high, bd_high);
      }
    }
  }

 private:
  SRWM_INLINE float32x4_t& part(V& v, int j) { return j == 0 ? v.a : j == 1 ? v.b : j == 2 ? v.c : v.d; }
  SRWM_INLINE float32x4_t across(V v) { return vaddq_f32(vaddq_f32(v.a, v.b), vaddq_f32(v.c, v.d)); }
  SRWM_INLINE float32x4_t sums4(const V* rows) {
    return vpaddq_f32(vpaddq_f32(across(rows[0]), across(rows[1])), vpaddq_f32(across(rows[2]), across(rows[3])));
  }
  // Cephes' expf as in the AVX2 form; max and min hand a NaN on.
  SRWM_INLINE float32x4_t exp4(float32x4_t x) {
    const float32x4_t z = vminq_f32(vdupq_n_f32(88.37f), vmaxq_f32(vdupq_n_f32(-87.33f), x));
    const float32x4_t n = vrndnq_f32(vmulq_f32(z, vdupq_n_f32(1.44269504f)));
    float32x4_t r = vfmsq_f32(z, n, vdupq_n_f32(0.693359375f));
    r = vfmsq_f32(r, n, vdupq_n_f32(-2.12194440e-4f));
    float32x4_t p = vdupq_n_f32(1.9875691500e-4f);
    p = vfmaq_f32(vdupq_n_f32(1.3981999507e-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(8.3334519073e-3f), p, r);
    p = vfmaq_f32(vdupq_n_f32(4.1665795894e-2f), p, r);
    p = vfmaq_f32(vdupq_n_f32(1.6666665459e-1f), p, r);
    p = vfmaq_f32(vdupq_n_f32(5.0000001201e-1f), p, r);
    p = vfmaq_f32(vaddq_f32(r, vdupq_n_f32(1.f)), p, vmulq_f32(r, r));
    const int32x4_t e = vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127)), 23);
    return vmulq_f32(p, vreinterpretq_f32_s32(e));
  }
};

}  // namespace
