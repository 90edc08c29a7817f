// Weights to tiles, and their gradients from the sums of chunks.
#pragma once
#include "amx_few.h"

namespace {

using conv2d::Collect16;
using conv2d::Pack16;

void pack16(const Pack16& f) {
  if (f.C < 16) return pack_few(f.weight, f.C, f.K, f.tiles);
  const Steps steps(f.turned ? f.K : f.C);
  const int64_t results = f.turned ? f.C : f.K;
  uint16_t* to = f.tiles;
  for (int64_t k = 0; k < results; k += 16)
    for (int64_t a = 0; a < 3; a++)
      for (int64_t i = 0; i < steps.each; i++, to += TILE) {
        const int64_t first = steps.first(i), shared = steps.shared(i);
        if (!f.turned) {
          Avx512::V rows[16];
          for (int n = 0; n < 16; n++)
            rows[n].a = _mm512_castsi512_ps(_mm512_loadu_si512(f.weight + (k + n) * 9 * f.C + a * 3 * f.C + first));
          Avx512::transpose(rows);
          for (int r = 0; r < 16; r++)
            _mm512_storeu_si512(to + 32 * r, 2 * r < shared ? _mm512_setzero_si512() : _mm512_castps_si512(rows[r].a));
          continue;
        }
        for (int64_t r = 0; r < 16; r++) {
          const int64_t number = first + 2 * r, b = number / f.K, before = number % f.K;
          const uint16_t* const w = f.weight + (before * 9 + (2 - a) * 3 + 2 - b) * f.C + k;
          _mm512_storeu_si512(to + 32 * r, 2 * r < shared ? _mm512_setzero_si512() : paired(w, w + 9 * f.C));
        }
      }
}

// The sums of all chunks in their order, rounded once.
void collect16(const Collect16& f) {
  if (f.C < 16) collect_few(f.partial, f.C, f.K, f.chunks, f.dweight);
  else for (int64_t c = 0; c < f.C; c += 16)
    for (int64_t k = 0; k < f.K; k += 16)
      for (int64_t tap = 0; tap < 9; tap++) {
        const float* const from = f.partial + ((c / 16 * (f.K / 16) + k / 16) * 9 + tap) * TAP;
        for (int64_t i = 0; i < 16; i++) {
          __m512 sum = _mm512_setzero_ps();
          for (int64_t chunk = 0; chunk < f.chunks; chunk++)
            sum = _mm512_add_ps(sum, _mm512_loadu_ps(from + chunk * 9 * f.C * f.K + 16 * i));
          _mm256_storeu_si256(reinterpret_cast<__m256i*>(f.dweight + ((k + i) * 9 + tap) * f.C + c), narrow(sum));
        }
      }
  for (int64_t k = 0; k < f.K; k += 16) {
    Avx512::V rows[16];
    for (int64_t i = 0; i < 16; i++) {
      rows[i] = Avx512::fill(0);
      for (int64_t chunk = 0; chunk < f.chunks; chunk++)
        rows[i] = Avx512::add(rows[i], Avx512::load(f.bias_partial + (chunk * f.K + k + i) * 16));
    }
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(f.dbias + k), narrow(Avx512::row_sums(rows).a));
  }
}

}  // namespace
