// Tiles to their sixteen positions and back (README.md, "Winograd's form"). A position p = 4 i + j of tile `slot`, channel c,
// lies at p * apart + (c / 16 * SLOTS + slot) * 16 + c % 16.
#pragma once
#include "tiles.h"

namespace {

template <class A>
struct Transforms {
  using V = typename A::V;
  // Tiles that are at work at once, and floats from one position to the next: not a multiple of 4 KB, so that the stores
  // of one tile do not meet in one set of the first-level cache.
  static constexpr int64_t SLOTS = A::registers == 32 ? 32 : 24;
  static constexpr int64_t apart(int64_t channels) { return SLOTS * channels + 16; }

  template <bool Relu>
  static inline __attribute__((always_inline)) V read(const float* p) {
    if constexpr (Relu) return A::max(A::fill(0), A::load(p));  // in this order a NaN stays one
    return A::load(p);
  }

  // B^T d over the four rows at one column.
  template <bool Relu>
  static inline __attribute__((always_inline)) void down(const float* const* rows, int64_t at, V* t) {
    const V d0 = read<Relu>(rows[0] + at), d1 = read<Relu>(rows[1] + at);
    const V d2 = read<Relu>(rows[2] + at), d3 = read<Relu>(rows[3] + at);
    t[0] = A::sub(d0, d2);
    t[1] = A::add(d1, d2);
    t[2] = A::sub(d2, d1);
    t[3] = A::sub(d1, d3);
  }

  // B^T d B of the four by four pixels around each tile; `zeros` stands for a row outside the image.
  template <bool Relu>
  static inline void input(const float* x, const Sizes& s, const Run& run, const float* zeros, float* v) {
    const int64_t C = s.C, W = s.W, far = apart(C);
    for (int64_t c = 0; c < C; c += 16) {
      const float* rows[4];
      for (int i = 0; i < 4; i++) {
        const int64_t row = 2 * run.row - 1 + i;
        rows[i] = row >= 0 && row < s.H ? x + (run.n * s.H + row) * W * C + c : zeros;
      }
      const V none = A::fill(0);
      V a[4] = {none, none, none, none}, b[4];
      if (run.first > 0) down<Relu>(rows, (2 * run.first - 1) * C, a);
      down<Relu>(rows, 2 * run.first * C, b);
      float* to = v + c * SLOTS;
      for (int64_t tile = run.first; tile < run.last; tile++, to += 16) {
        V e[4] = {none, none, none, none}, f[4] = {none, none, none, none};
        const int64_t column = 2 * tile + 1;
        if (column < W) down<Relu>(rows, column * C, e);
        if (column + 1 < W) down<Relu>(rows, (column + 1) * C, f);
        for (int i = 0; i < 4; i++) {
          A::store(to + 4 * i * far, A::sub(a[i], e[i]));
          A::store(to + (4 * i + 1) * far, A::add(b[i], e[i]));
          A::store(to + (4 * i + 2) * far, A::sub(e[i], b[i]));
          A::store(to + (4 * i + 3) * far, A::sub(b[i], f[i]));
          a[i] = e[i];
          b[i] = f[i];
        }
      }
    }
  }

  // A dy A^T of the two by two pixels of each tile.
  static inline void cotangent(const float* dy, const Sizes& s, const Run& run, float* z) {
    const int64_t K = s.K, W = s.W, far = apart(K);
    const V none = A::fill(0);
    const bool low = 2 * run.row + 1 < s.H;
    for (int64_t k = 0; k < K; k += 16) {
      const float* from = dy + ((run.n * s.H + 2 * run.row) * W + 2 * run.first) * K + k;
      float* to = z + k * SLOTS;
      for (int64_t tile = run.first; tile < run.last; tile++, to += 16, from += 2 * K) {
        const bool right = 2 * tile + 1 < W;
        V t[4][2];
        for (int j = 0; j < 2; j++) {
          const bool inside = j == 0 || right;
          const V d0 = inside ? A::load(from + j * K) : none, d1 = inside && low ? A::load(from + (W + j) * K) : none;
          t[0][j] = d0;
          t[1][j] = A::add(d0, d1);
          t[2][j] = A::sub(d0, d1);
          t[3][j] = A::sub(none, d1);
        }
        for (int i = 0; i < 4; i++) {
          A::store(to + 4 * i * far, t[i][0]);
          A::store(to + (4 * i + 1) * far, A::add(t[i][0], t[i][1]));
          A::store(to + (4 * i + 2) * far, A::sub(t[i][0], t[i][1]));
          A::store(to + (4 * i + 3) * far, A::sub(none, t[i][1]));
        }
      }
    }
  }

  // A^T m A, the two by two results of each tile; f(result, at) stores one of sixteen channels.
  template <class F>
  static inline void output(const Sizes& s, const Run& run, const float* m, const F& f) {
    const int64_t K = s.K, W = s.W, far = apart(K);
    for (int64_t k = 0; k < K; k += 16) {
      const float* from = m + k * SLOTS;
      int64_t at = ((run.n * s.H + 2 * run.row) * W + 2 * run.first) * K + k;
      for (int64_t tile = run.first; tile < run.last; tile++, from += 16, at += 2 * K) {
        V t[2][4];
        for (int j = 0; j < 4; j++) {
          const V m0 = A::load(from + j * far), m1 = A::load(from + (4 + j) * far);
          const V m2 = A::load(from + (8 + j) * far), m3 = A::load(from + (12 + j) * far);
          t[0][j] = A::add(A::add(m0, m1), m2);
          t[1][j] = A::sub(A::sub(m1, m2), m3);
        }
        for (int i = 0; i < 2 && 2 * run.row + i < s.H; i++) {
          f(A::add(A::add(t[i][0], t[i][1]), t[i][2]), at + i * W * K);
          if (2 * tile + 1 < W) f(A::sub(A::sub(t[i][1], t[i][2]), t[i][3]), at + (i * W + 1) * K);
        }
      }
    }
  }
};

}  // namespace
