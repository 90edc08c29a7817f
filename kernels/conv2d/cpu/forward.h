// Convolutions of a range of tiles: y from x, or dx from dy where the weights are turned.
#pragma once
#include "../../cpu/sizes.h"
#include "../../cpu/workspace.h"
#include "transforms.h"

namespace {

using conv2d::Forward;

// The products of a position: [tiles, C] times [C, K]. Registers hold T tiles by O times sixteen channels.
template <class A, int T, int O>
struct Products {
  using V = typename A::V;
  static constexpr int64_t SLOTS = Transforms<A>::SLOTS;
  static_assert(SLOTS % T == 0);

  static inline void some(const float* v, const float* u, const float* bias, float* m, int64_t C) {
    V sums[T][O];
    SRWM_UNROLL(2)
    for (int o = 0; o < O; o++) {
      const V start = bias ? A::load(bias + 16 * o) : A::fill(0);
      SRWM_UNROLL(16)
      for (int t = 0; t < T; t++) sums[t][o] = start;
    }
    for (int64_t c = 0; c < C; c += 16, v += 16 * SLOTS)
      for (int k = 0; k < 16; k++, u += 16) {
        V w[O];
        SRWM_UNROLL(2)
        for (int o = 0; o < O; o++) w[o] = A::load(u + o * 16 * C);
        SRWM_UNROLL(16)
        for (int t = 0; t < T; t++) {
          const V x = A::fill(v[16 * t + k]);
          SRWM_UNROLL(2)
          for (int o = 0; o < O; o++) sums[t][o] = A::fma(x, w[o], sums[t][o]);
        }
      }
    SRWM_UNROLL(16)
    for (int t = 0; t < T; t++) {
      SRWM_UNROLL(2)
      for (int o = 0; o < O; o++) A::store(m + (o * SLOTS + t) * 16, sums[t][o]);
    }
  }

  // Slots past `count` up to a multiple of T are computed too, of whatever lies there, and read by nobody.
  static inline void all(const float* v, const float* u, const float* bias, float* m, const Sizes& s, int64_t count) {
    for (int64_t k = 0; k < s.K; k += 16 * O)
      for (int64_t slot = 0; slot < count; slot += T)
        some(v + slot * 16, u + k * s.C, bias ? bias + k : nullptr, m + k * SLOTS + slot * 16, s.C);
  }
};

template <class A, int T, int O, bool Relu>
void forward_tiles(const Forward& f, int64_t first, int64_t last) {
  using W = Transforms<A>;
  const Sizes& s = f.sizes;
  const Tiles tiles(s);
  const int64_t v_apart = W::apart(s.C), m_apart = W::apart(s.K);
  Workspace<float> space(16 * (v_apart + m_apart) + s.W * s.C);
  float *const v = space.take(16 * v_apart), *const m = space.take(16 * m_apart), *const zeros = space.take(s.W * s.C);
  const auto store = [&](typename A::V y, int64_t at) {
    if (f.residual) y = A::add(y, A::load(f.residual + at));
    if (f.mask) y = A::where_positive(A::load(f.mask + at), y);
    if (f.stream) A::stream(f.y + at, y);
    else A::store(f.y + at, y);
  };
  for (int64_t tile = first; tile < last; tile += W::SLOTS) {
    const int64_t end = tile + W::SLOTS < last ? tile + W::SLOTS : last, row = tiles.pixel_row(tile);
    tiles.each_run(tile, end, [&](const Run& run, int64_t slot) { W::template input<Relu>(f.x, s, run, zeros, v + slot * 16); });
    // What the next tiles read of x, and these of what is added to them: it arrives while the products are computed.
    const int64_t next = tiles.pixel_row(end), later = tiles.pixel_row(end + W::SLOTS), below = s.N * s.H;
    Ahead x(f.x, next + 1 < below ? next + 1 : below, later + 1 < below ? later + 1 : below, s.W * s.C);
    Ahead residual(f.residual, row, next, s.W * s.K), mask(f.mask, row, next, s.W * s.K);
    for (int p = 0; p < 16; p++) {
      x.fetch();
      residual.fetch();
      mask.fetch();
      // Position 5 alone reaches all four results, each with a factor of one.
      const float* bias = p == 5 ? f.bias : nullptr;
      Products<A, T, O>::all(v + p * v_apart, f.u + p * s.C * s.K, bias, m + p * m_apart, s, end - tile);
    }
    tiles.each_run(tile, end, [&](const Run& run, int64_t slot) { W::output(s, run, m + slot * 16, store); });
  }
  if (f.stream) A::fence();
}

template <class A, int T, int O>
void forward_any(const Forward& f, int64_t first, int64_t last) {
  if (f.relu) forward_tiles<A, T, O, true>(f, first, last);
  else forward_tiles<A, T, O, false>(f, first, last);
}

template <class A>
void forward_tuned(const Forward& f, int64_t first, int64_t last) {
  if constexpr (A::registers == 32) {
    if (f.sizes.K % 32 == 0) return forward_any<A, 8, 2>(f, first, last);
    forward_any<A, 16, 1>(f, first, last);
  } else {
    forward_any<A, 6, 1>(f, first, last);
  }
}

}  // namespace
