// Max-pooling of 3x3 with stride 2 and padding 1 between planes and smaller images, as max_pool2d has it: the last NaN of
// a window, else the first of its largest numbers, and its place in the window.
#pragma once
#include "amx_images.h"

namespace {

// A number as an integer that orders as numbers do, with room for its place in the lowest four bits: a NaN is above all
// others, and its bits are set, so that an exclusive or with a place turns the order of places round.
constexpr int32_t SIGNLESS = 0x7fff0000, NOT_A_NUMBER = 0x7fff000f, BELOW_ALL = int32_t(0x80000000);

inline __m512i key(const uint16_t* p) {
  const __m512 v = _mm512_add_ps(widen(p), _mm512_setzero_ps());  // -0 is 0
  const __m512i bits = _mm512_castps_si512(v);
  const __m512i ordered = _mm512_xor_si512(bits, _mm512_and_si512(_mm512_srai_epi32(bits, 31), _mm512_set1_epi32(SIGNLESS)));
  return _mm512_mask_mov_epi32(ordered, _mm512_cmp_ps_mask(v, v, _CMP_UNORD_Q), _mm512_set1_epi32(NOT_A_NUMBER));
}

// Of equal numbers the first place wins: its bits are the largest.
inline __m512i at_place(__m512i key, int32_t place, int32_t shift) {
  return _mm512_xor_si512(key, _mm512_set1_epi32((3 - place) << shift));
}

// The largest of three pixels of a row, for every second one.
inline void pool_row(const uint16_t* row, int64_t W, int64_t K, int32_t* to) {
  for (int64_t k = 0; k < K; k += 16) {
    __m512i before = _mm512_set1_epi32(BELOW_ALL);
    for (int64_t q = 0; 2 * q < W; q++) {
      __m512i best = _mm512_max_epi32(at_place(before, 0, 0), at_place(key(row + 2 * q * K + k), 1, 0));
      if (2 * q + 1 < W) {
        before = key(row + (2 * q + 1) * K + k);
        best = _mm512_max_epi32(best, at_place(before, 2, 0));
      }
      _mm512_storeu_si512(to + q * K + k, best);
    }
  }
}

// `rows` holds three rows of keys.
inline void pool(const Plane& plane, int64_t K, int64_t count, const uint16_t* from, int32_t* rows, uint16_t* y, uint8_t* tap) {
  const int64_t P = (plane.H + 1) / 2, Q = (plane.W + 1) / 2;
  for (int64_t n = 0; n < count; n++) {
    const uint16_t* const image = from + (plane.middle() + n * (plane.H + 1) * plane.pitch) * K;
    const auto row = [&](int64_t i) { return rows + i % 3 * Q * K; };
    for (int64_t p = 0; p < P; p++) {
      const bool above = p > 0, below = 2 * p + 1 < plane.H;
      pool_row(image + 2 * p * plane.pitch * K, plane.W, K, row(2 * p));
      if (below) pool_row(image + (2 * p + 1) * plane.pitch * K, plane.W, K, row(2 * p + 1));
      for (int64_t at = 0; at < Q * K; at += 16, y += 16, tap += 16) {
        __m512i best = at_place(_mm512_loadu_si512(row(2 * p) + at), 1, 2);
        if (above) best = _mm512_max_epi32(best, at_place(_mm512_loadu_si512(row(2 * p - 1) + at), 0, 2));
        if (below) best = _mm512_max_epi32(best, at_place(_mm512_loadu_si512(row(2 * p + 1) + at), 2, 2));
        const __mmask16 nan = _mm512_cmpge_epi32_mask(best, _mm512_set1_epi32(SIGNLESS));
        const __m512i low = _mm512_and_si512(best, _mm512_set1_epi32(15));
        const __m512i place = _mm512_mask_xor_epi32(low, nan, low, _mm512_set1_epi32(15));
        // 4 (3 - a) + 3 - b to 3 a + b.
        const __m512i taps = _mm512_add_epi32(_mm512_sub_epi32(_mm512_set1_epi32(12), place), _mm512_srli_epi32(place, 2));
        const __m512i number =
            _mm512_xor_si512(best, _mm512_and_si512(_mm512_srai_epi32(best, 31), _mm512_set1_epi32(SIGNLESS)));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(y), _mm512_cvtepi32_epi16(_mm512_srli_epi32(number, 16)));
        _mm_storeu_si128(reinterpret_cast<__m128i*>(tap), _mm512_cvtepi32_epi8(taps));
      }
    }
  }
}

// One window's numbers, each kept where a row of pixels has its place: at columns -1, 0 and 1 of the window.
struct Window {
  __m512 left, middle, right;
};

inline Window window(const uint16_t* dy, const uint8_t* tap, int32_t first) {
  const __m512 d = widen(dy);
  const __m512i taps = _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(tap)));
  const auto of = [&](int32_t place) { return _mm512_maskz_mov_ps(_mm512_cmpeq_epi32_mask(taps, _mm512_set1_epi32(place)), d); };
  return {of(first), of(first + 1), of(first + 2)};
}

// A row of pixels from one row of windows (`Rows` = 1) or two, the upper one first; `first`: the place of its left column.
template <int Rows>
inline void spread_row(const uint16_t* const* dy, const uint8_t* const* tap, const int32_t* first, int64_t W, int64_t K, uint16_t* to) {
  const int64_t Q = (W + 1) / 2;
  for (int64_t k = 0; k < K; k += 16) {
    Window now[Rows];
    for (int r = 0; r < Rows; r++) now[r] = window(dy[r] + k, tap[r] + k, first[r]);
    for (int64_t q = 0; q < Q; q++) {
      __m512 even = now[0].middle, odd = now[0].right;
      if constexpr (Rows == 2) even = _mm512_add_ps(even, now[1].middle);
      if (q + 1 < Q)
        for (int r = 0; r < Rows; r++) {
          if (r) odd = _mm512_add_ps(odd, now[r].right);
          now[r] = window(dy[r] + (q + 1) * K + k, tap[r] + (q + 1) * K + k, first[r]);
          odd = _mm512_add_ps(odd, now[r].left);
        }
      else if constexpr (Rows == 2) odd = _mm512_add_ps(odd, now[1].right);
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + 2 * q * K + k), narrow(even));
      if (2 * q + 1 < W) _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + (2 * q + 1) * K + k), narrow(odd));
    }
  }
}

// The gradient of what was pooled, in a plane.
inline void spread(const Plane& plane, int64_t K, int64_t count, const uint16_t* dy, const uint8_t* tap, uint16_t* to) {
  const int64_t P = (plane.H + 1) / 2, row = (plane.W + 1) / 2 * K;
  for (int64_t n = 0; n < count; n++, dy += P * row, tap += P * row)
    for (int64_t i = 0; i < plane.H; i++) {
      uint16_t* const line = to + (plane.middle() + (n * (plane.H + 1) + i) * plane.pitch) * K;
      const int64_t p = i / 2;
      const uint16_t* const of[2] = {dy + p * row, dy + (p + 1) * row};
      const uint8_t* const taps[2] = {tap + p * row, tap + (p + 1) * row};
      // An even row lies in the middle of one row of windows, an odd one ends one and begins the next.
      const int32_t middle[1] = {3}, ends[2] = {6, 0};
      if (i % 2 == 0) spread_row<1>(of, taps, middle, plane.W, K, line);
      else if (p + 1 == P) spread_row<1>(of, taps, ends, plane.W, K, line);
      else spread_row<2>(of, taps, ends, plane.W, K, line);
    }
}

}  // namespace
