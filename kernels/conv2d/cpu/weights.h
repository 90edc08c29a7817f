// Between weights [K, 3, 3, C] and their sixteen positions [16, K / 16, C, 16], sixteen by sixteen channels at a time.
#pragma once
#include "args.h"

namespace {

using conv2d::Collect;
using conv2d::Transform;

template <class A>
struct Weights {
  using V = typename A::V;

  // G g: three numbers to four.
  static inline void spread(V g0, V g1, V g2, V* to) {
    const V half = A::fill(0.5f), ends = A::mul(half, A::add(g0, g2)), middle = A::mul(half, g1);
    to[0] = g0;
    to[1] = A::add(ends, middle);
    to[2] = A::sub(ends, middle);
    to[3] = g2;
  }

  // G^T m: four numbers to three.
  static inline void gather(V m0, V m1, V m2, V m3, V* to) {
    const V half = A::fill(0.5f), both = A::mul(half, A::add(m1, m2));
    to[0] = A::add(m0, both);
    to[1] = A::mul(half, A::sub(m1, m2));
    to[2] = A::add(both, m3);
  }

  static void transform(const Transform& f) {
    const int64_t C = f.C, K = f.K;
    for (int64_t k = 0; k < K; k += 16)
      for (int64_t c = 0; c < C; c += 16) {
        V taps[9][16];
        for (int tap = 0; tap < 9; tap++) {
          V* rows = taps[f.turned ? 8 - tap : tap];
          for (int i = 0; i < 16; i++) rows[i] = A::load(f.weight + ((k + i) * 9 + tap) * C + c);
          if (!f.turned) A::transpose(rows);
        }
        // Row i is now the channel before, lanes are channels after.
        const int64_t from = f.turned ? k : c, to = f.turned ? c : k, before = f.turned ? K : C;
        for (int i = 0; i < 16; i++) {
          V down[3][4];
          for (int j = 0; j < 3; j++) spread(taps[j][i], taps[3 + j][i], taps[6 + j][i], down[j]);
          for (int r = 0; r < 4; r++) {
            V across[4];
            spread(down[0][r], down[1][r], down[2][r], across);
            for (int j = 0; j < 4; j++)
              A::store(f.u + (4 * r + j) * C * K + to * before + (from + i) * 16, across[j]);
          }
        }
      }
  }

  static void collect(const Collect& f, int64_t first, int64_t last) {
    const int64_t C = f.C, K = f.K, across = C / 16;
    for (int64_t block = first; block < last; block++) {
      const int64_t k = block / across * 16, c = block % across * 16;
      V taps[9][16];
      for (int i = 0; i < 16; i++) {
        V down[3][4];
        for (int j = 0; j < 4; j++) {
          V m[4], g[3];
          for (int r = 0; r < 4; r++) m[r] = sum(f, (4 * r + j) * C * K + k * C + (c + i) * 16);
          gather(m[0], m[1], m[2], m[3], g);
          for (int r = 0; r < 3; r++) down[r][j] = g[r];
        }
        for (int r = 0; r < 3; r++) {
          V g[3];
          gather(down[r][0], down[r][1], down[r][2], down[r][3], g);
          for (int j = 0; j < 3; j++) taps[3 * r + j][i] = g[j];
        }
      }
      for (int tap = 0; tap < 9; tap++) {
        A::transpose(taps[tap]);
        for (int i = 0; i < 16; i++) A::store(f.dweight + ((k + i) * 9 + tap) * C + c, taps[tap][i]);
      }
      if (f.dbias && c == 0) {
        V total = A::fill(0);
        for (int64_t chunk = 0; chunk < f.chunks; chunk++) total = A::add(total, A::load(f.bias_partial + chunk * K + k));
        A::store(f.dbias + k, total);
      }
    }
  }

 private:
  static inline V sum(const Collect& f, int64_t at) {
    V total = A::fill(0);
    for (int64_t chunk = 0; chunk < f.chunks; chunk++) total = A::add(total, A::load(f.partial + chunk * 16 * f.C * f.K + at));
    return total;
  }
};

}  // namespace
