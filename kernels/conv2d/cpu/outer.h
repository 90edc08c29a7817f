// The gradient of the weights: sums over tiles of outer products, a position each, chunk by chunk.
#pragma once
#include <cstring>

#include "../../cpu/sizes.h"
#include "../../cpu/workspace.h"
#include "transforms.h"

namespace {

using conv2d::Outer;

// Registers hold T channels before by O times sixteen channels after.
template <class A, int T, int O>
struct OuterProducts {
  using V = typename A::V;
  static constexpr int64_t SLOTS = Transforms<A>::SLOTS;
  static_assert(16 % T == 0);

  // Added up apart and then added to what is there: fewer roundings of large sums.
  static inline void some(const float* v, const float* z, float* sums, int64_t C, int64_t count) {
    V of_these[T][O];
    SRWM_UNROLL(16)
    for (int t = 0; t < T; t++) {
      SRWM_UNROLL(2)
      for (int o = 0; o < O; o++) of_these[t][o] = A::fill(0);
    }
    for (int64_t slot = 0; slot < count; slot++, v += 16, z += 16) {
      V d[O];
      SRWM_UNROLL(2)
      for (int o = 0; o < O; o++) d[o] = A::load(z + o * 16 * SLOTS);
      SRWM_UNROLL(16)
      for (int t = 0; t < T; t++) {
        const V x = A::fill(v[t]);
        SRWM_UNROLL(2)
        for (int o = 0; o < O; o++) of_these[t][o] = A::fma(x, d[o], of_these[t][o]);
      }
    }
    SRWM_UNROLL(16)
    for (int t = 0; t < T; t++) {
      SRWM_UNROLL(2)
      for (int o = 0; o < O; o++) {
        float* to = sums + o * 16 * C + 16 * t;
        A::store(to, A::add(A::load(to), of_these[t][o]));
      }
    }
  }

  static inline void all(const float* v, const float* z, float* sums, const Sizes& s, int64_t count) {
    for (int64_t k = 0; k < s.K; k += 16 * O)
      for (int64_t c = 0; c < s.C; c += T)
        some(v + c / 16 * 16 * SLOTS + c % 16, z + k * SLOTS, sums + k * s.C + c * 16, s.C, count);
  }
};

// Position 5 of A dy A^T is the sum over a tile.
template <class A>
inline void add_bias(const float* z, float* sums, int64_t K, int64_t count) {
  for (int64_t k = 0; k < K; k += 16, z += 16 * Transforms<A>::SLOTS) {
    typename A::V sum = A::fill(0);
    for (int64_t slot = 0; slot < count; slot++) sum = A::add(sum, A::load(z + 16 * slot));
    A::store(sums + k, A::add(A::load(sums + k), sum));
  }
}

template <class A, int T, int O, bool Relu>
void outer_chunks(const Outer& f, int64_t first, int64_t last) {
  using W = Transforms<A>;
  const Sizes& s = f.sizes;
  const Tiles tiles(s);
  const int64_t v_apart = W::apart(s.C), z_apart = W::apart(s.K);
  Workspace<float> space(16 * (v_apart + z_apart) + s.W * s.C);
  float *const v = space.take(16 * v_apart), *const z = space.take(16 * z_apart), *const zeros = space.take(s.W * s.C);
  for (int64_t chunk = first; chunk < last; chunk++) {
    float* const sums = f.partial + chunk * 16 * s.C * s.K;
    float* const bias = f.bias_partial ? f.bias_partial + chunk * s.K : nullptr;
    std::memset(sums, 0, 16 * s.C * s.K * sizeof(float));
    if (bias) std::memset(bias, 0, s.K * sizeof(float));
    const int64_t past = (chunk + 1) * f.chunk < tiles.count ? (chunk + 1) * f.chunk : tiles.count;
    for (int64_t tile = chunk * f.chunk; tile < past; tile += W::SLOTS) {
      const int64_t end = tile + W::SLOTS < past ? tile + W::SLOTS : past;
      tiles.each_run(tile, end, [&](const Run& run, int64_t slot) {
        W::template input<Relu>(f.x, s, run, zeros, v + slot * 16);
        W::cotangent(f.dy, s, run, z + slot * 16);
      });
      const int64_t next = tiles.pixel_row(end), later = tiles.pixel_row(end + W::SLOTS), below = s.N * s.H;
      Ahead x(f.x, next + 1 < below ? next + 1 : below, later + 1 < below ? later + 1 : below, s.W * s.C);
      Ahead dy(f.dy, next, later, s.W * s.K);
      for (int p = 0; p < 16; p++) {
        x.fetch();
        dy.fetch();
        OuterProducts<A, T, O>::all(v + p * v_apart, z + p * z_apart, sums + p * s.C * s.K, s, end - tile);
        if (p == 5 && bias) add_bias<A>(z + p * z_apart, bias, s.K, end - tile);
      }
    }
  }
}

template <class A, int T, int O>
void outer_any(const Outer& f, int64_t first, int64_t last) {
  if (f.relu) outer_chunks<A, T, O, true>(f, first, last);
  else outer_chunks<A, T, O, false>(f, first, last);
}

template <class A>
void outer_tuned(const Outer& f, int64_t first, int64_t last) {
  if constexpr (A::registers == 32) {
    if (f.sizes.K % 32 == 0) return outer_any<A, 8, 2>(f, first, last);
    outer_any<A, 16, 1>(f, first, last);
  } else {
    outer_any<A, 4, 1>(f, first, last);
  }
}

}  // namespace
