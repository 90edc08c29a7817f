// The gradient of the weights with tiles: sixteen channels after by 32 places times those by sixteen channels before.
#pragma once
#include "amx_forward.h"

namespace {

using conv2d::Collect16;
using conv2d::Outer16;

// The sums of one tap, [16, 16].
constexpr int64_t SUMS = 256;

// dbias, sixteen lanes a channel: the sums of `places` numbers of each row of dy.
inline void add_places(const uint16_t* dy, int64_t channels, int64_t apart, int64_t places, float* sums) {
  const __m512bh ones = reinterpret_cast<__m512bh>(_mm512_set1_epi16(0x3f80));
  for (int64_t k = 0; k < channels; k++, dy += apart) {
    __m512 sum[2] = {_mm512_loadu_ps(sums + 16 * k), _mm512_setzero_ps()};
    for (int64_t q = 0; q < places; q += 32)
      sum[q / 32 % 2] = _mm512_dpbf16_ps(sum[q / 32 % 2], reinterpret_cast<__m512bh>(_mm512_load_si512(dy + q)), ones);
    _mm512_storeu_ps(sums + 16 * k, _mm512_add_ps(sum[0], sum[1]));
  }
}

// Pairs of pixels for the nine taps of sixteen channels. A tap an odd number of pixels away reads other pairs than one an
// even number away, so that every tile is made of whole lines of memory.
struct Taps {
  const uint16_t* x[9];
  Taps(const uint16_t* even, const uint16_t* odd, int64_t pitch) {
    for (int64_t a = 0; a < 3; a++)
      for (int64_t b = 0; b < 3; b++) {
        const int64_t away = a * pitch + b;
        x[3 * a + b] = (away % 2 ? odd : even) + away / 2 * 32;
      }
  }
};

// Sums of the taps, in two groups: beside one tile of dy and two of x the registers hold five.
inline void first_taps(const Taps& t, const uint16_t* dy, int64_t apart, int64_t places, float* sums, Coming& next) {
  const int64_t row = apart * int64_t(sizeof(uint16_t));
  _tile_loadd(0, sums, 64);
  _tile_loadd(1, sums + SUMS, 64);
  _tile_loadd(2, sums + 2 * SUMS, 64);
  _tile_loadd(3, sums + 3 * SUMS, 64);
  _tile_loadd(4, sums + 4 * SUMS, 64);
  for (int64_t q = 0; q < places; q += 32, dy += 32) {
    next.fetch();
    _tile_loadd(5, dy, row);
    _tile_loadd(6, t.x[0] + q * 16, 64);
    _tile_dpbf16ps(0, 5, 6);
    _tile_loadd(7, t.x[1] + q * 16, 64);
    _tile_dpbf16ps(1, 5, 7);
    _tile_loadd(6, t.x[2] + q * 16, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(7, t.x[3] + q * 16, 64);
    _tile_dpbf16ps(3, 5, 7);
    _tile_loadd(6, t.x[4] + q * 16, 64);
    _tile_dpbf16ps(4, 5, 6);
  }
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + SUMS, 64);
  _tile_stored(2, sums + 2 * SUMS, 64);
  _tile_stored(3, sums + 3 * SUMS, 64);
  _tile_stored(4, sums + 4 * SUMS, 64);
}

inline void last_taps(const Taps& t, const uint16_t* dy, int64_t apart, int64_t places, float* sums, Coming& next) {
  const int64_t row = apart * int64_t(sizeof(uint16_t));
  _tile_loadd(0, sums + 5 * SUMS, 64);
  _tile_loadd(1, sums + 6 * SUMS, 64);
  _tile_loadd(2, sums + 7 * SUMS, 64);
  _tile_loadd(3, sums + 8 * SUMS, 64);
  for (int64_t q = 0; q < places; q += 32, dy += 32) {
    next.fetch();
    _tile_loadd(5, dy, row);
    _tile_loadd(6, t.x[5] + q * 16, 64);
    _tile_dpbf16ps(0, 5, 6);
    _tile_loadd(7, t.x[6] + q * 16, 64);
    _tile_dpbf16ps(1, 5, 7);
    _tile_loadd(6, t.x[7] + q * 16, 64);
    _tile_dpbf16ps(2, 5, 6);
    _tile_loadd(7, t.x[8] + q * 16, 64);
    _tile_dpbf16ps(3, 5, 7);
  }
  _tile_stored(0, sums + 5 * SUMS, 64);
  _tile_stored(1, sums + 6 * SUMS, 64);
  _tile_stored(2, sums + 7 * SUMS, 64);
  _tile_stored(3, sums + 8 * SUMS, 64);
}

template <bool Relu>
void outer_chunks(const Outer16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const int64_t pixels = plane.pixels(), places = (plane.places(f.unit) + 31) / 32 * 32;
  // Rows of a tile that would meet in one set of the first-level cache lie an odd number of lines apart.
  const int64_t apart = places / 32 % 2 ? places : places + 32;
  uint16_t* const x = kept(pixels * (3 * s.C + s.K) + apart * s.K);
  uint16_t *const dy = x + pixels * s.C, *const even = dy + pixels * s.K, *const odd = even + pixels * s.C;
  uint16_t* const turned = odd + pixels * s.C;
  const TileRegisters registers;
  for (int64_t chunk = first; chunk < last; chunk++) {
    float* const partial = f.partial + chunk * 9 * s.C * s.K;
    float* const bias = f.bias_partial + chunk * 16 * s.K;
    std::memset(partial, 0, 9 * s.C * s.K * sizeof(float));
    std::memset(bias, 0, 16 * s.K * sizeof(float));
    const int64_t past = lesser(s.N, (chunk + 1) * f.chunk);
    for (int64_t image = chunk * f.chunk; image < past; image += f.unit) {
      const int64_t count = lesser(f.unit, past - image);
      place<Relu>(f.x + image * s.H * s.W * s.C, plane, s.C, count, x);
      place<false>(f.dy + image * s.H * s.W * s.K, plane, s.K, count, dy);
      pair_pixels(x, s.C, pixels / 2, even);
      pair_pixels(x + s.C, s.C, pixels / 2 - 1, odd);
      transpose_pixels(dy + plane.middle() * s.K, s.K, places, turned, apart);
      add_places(turned, s.K, apart, places, bias);
      const int64_t of_x = s.H * s.W * s.C, of_dy = s.H * s.W * s.K, after = lesser(f.unit, s.N - image - count);
      Coming next[2] = {{f.x + (image + count) * of_x, after * of_x, places / 32},
                        {f.dy + (image + count) * of_dy, after * of_dy, places / 32}};
      float* sums = partial;
      for (int64_t c = 0; c < s.C; c += 16) {
        const Taps taps(even + c * pixels, odd + c * (pixels - 2), plane.pitch);
        for (int64_t k = 0; k < s.K; k += 16, sums += 9 * SUMS) {
          first_taps(taps, turned + k * apart, apart, places, sums, next[0]);
          last_taps(taps, turned + k * apart, apart, places, sums, next[1]);
        }
      }
    }
  }
}

void outer16(const Outer16& f, int64_t first, int64_t last) {
  if (f.relu) outer_chunks<true>(f, first, last);
  else outer_chunks<false>(f, first, last);
}

// The sums of all chunks in their order, rounded once.
void collect16(const Collect16& f) {
  for (int64_t c = 0; c < f.C; c += 16)
    for (int64_t k = 0; k < f.K; k += 16)
      for (int64_t tap = 0; tap < 9; tap++) {
        const float* const from = f.partial + ((c / 16 * (f.K / 16) + k / 16) * 9 + tap) * SUMS;
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
