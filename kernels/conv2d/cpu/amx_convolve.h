// Convolutions of bfloat16 with tiles: sixteen places by 32 numbers of the window times those by sixteen channels.
#pragma once
#include "amx_images.h"
#include "bfloat16.h"

namespace {


// A row of the window has 3 C numbers that lie together in memory: as many tiles of 32, the last of which ends where the
// row does and has zero weights where the one before it was.
struct Steps {
  int64_t C, each;
  explicit Steps(int64_t channels) : C(channels), each((3 * channels + 31) / 32) {}
  int64_t count() const { return 3 * each; }
  int64_t first(int64_t i) const { return lesser(32 * i, 3 * C - 32); }
  // Numbers of tile i that the one before it has.
  int64_t shared(int64_t i) const { return 32 * i - first(i); }
};

// Sums of a block of places, to be finished while the tiles of the next one are multiplied.
struct Block {
  int64_t place, end;
  const float* sums;  // [places, 16 O]
};

// What becomes of the sums of sixteen O channels from k on: y = sums + bias, not below zero with `relu`, zero where the mask
// is not positive, + residual. It goes to images, to a plane for the next convolution, or to both.
struct Finish {
  const Plane& plane;
  int64_t image, K, k;
  const float* bias;                       // [K] or null
  const uint16_t *mask, *residual;         // images, or null
  uint16_t *images, *placed;               // or null
  bool relu, stream;

  inline __m512 number(__m512 y, __m512 added, int64_t at) const {
    y = _mm512_add_ps(y, added);
    if (relu) y = _mm512_max_ps(_mm512_setzero_ps(), y);  // in this order a NaN stays one
    if (mask) y = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(widen(mask + at), _mm512_setzero_ps(), _CMP_NLE_UQ), y);
    return residual ? _mm512_add_ps(y, widen(residual + at)) : y;
  }

  inline void line(__m512i y, int64_t at, int64_t place) const {
    if (placed) _mm512_storeu_si512(placed + place, y);
    if (!images) return;
    if (stream) _mm512_stream_si512(reinterpret_cast<__m512i*>(images + at), y);
    else _mm512_storeu_si512(images + at, y);
  }
  inline void half_line(__m256i y, int64_t at, int64_t place) const {
    if (placed) _mm256_storeu_si256(reinterpret_cast<__m256i*>(placed + place), y);
    if (!images) return;
    __m256i* const to = reinterpret_cast<__m256i*>(images + at);
    if (stream) _mm256_stream_si256(to, y);
    else _mm256_storeu_si256(to, y);
  }

  // Places of one row; `at` counts numbers of images, `place` those of a plane.
  template <int O>
  inline void run(const float* sums, int64_t count, int64_t at, int64_t place) const {
    __m512 added[O];
    for (int o = 0; o < O; o++) added[o] = bias ? _mm512_loadu_ps(bias + k + 16 * o) : _mm512_setzero_ps();
    if constexpr (O == 2) {
      for (int64_t i = 0; i < count; i++, sums += 32, at += K, place += K)
        line(narrow(number(_mm512_load_ps(sums), added[0], at), number(_mm512_load_ps(sums + 16), added[1], at + 16)), at, place);
    } else {
      for (int64_t i = 0; i < count; i++, sums += 16, at += K, place += K) {
        const __m512 one = number(_mm512_load_ps(sums), added[0], at);
        if (K == 16 && i + 1 < count && at % 32 == 0) {  // two pixels fill a line
          line(narrow(one, number(_mm512_load_ps(sums + 16), added[0], at + 16)), at, place);
          sums += 16, at += 16, place += 16, i++;
        } else {
          half_line(narrow(one), at, place);
        }
      }
    }
  }

  template <int O>
  inline void block(const Block& b) const {
    for (int64_t q = b.place; q < b.end;) {
      const int64_t row = q / plane.pitch, column = q % plane.pitch, n = row / (plane.H + 1), i = row % (plane.H + 1);
      const int64_t past = lesser(b.end, (row + 1) * plane.pitch), width = lesser(past, row * plane.pitch + plane.W) - q;
      if (i < plane.H && width > 0)
        run<O>(b.sums + (q - b.place) * 16 * O, width, (((image + n) * plane.H + i) * plane.W + column) * K + k,
               (plane.middle() + q) * K + k);
      q = past;
    }
  }
};

// Places by 16 O channels: 64 by 16 or 32 by 32, four tiles of sums.
template <int O>
inline void multiply(const uint16_t* x, int64_t pitch, const Steps& steps, const uint16_t* tiles) {
  const int64_t C = steps.C, row = C * int64_t(sizeof(uint16_t));
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  const int64_t far = steps.count() * TILE;
  for (int64_t a = 0; a < 3; a++, x += pitch * C)
    for (int64_t i = 0; i < steps.each; i++, tiles += TILE) {
      const uint16_t* const at = x + steps.first(i);
      _tile_loadd(6, tiles, 64);
      if constexpr (O == 2) {
        _tile_loadd(4, at, row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(7, tiles + far, 64);
        _tile_dpbf16ps(1, 4, 7);
        _tile_loadd(5, at + 16 * C, row);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
      } else {
        _tile_loadd(4, at, row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_loadd(5, at + 16 * C, row);
        _tile_dpbf16ps(1, 5, 6);
        _tile_loadd(4, at + 32 * C, row);
        _tile_dpbf16ps(2, 4, 6);
        _tile_loadd(5, at + 48 * C, row);
        _tile_dpbf16ps(3, 5, 6);
      }
    }
}

template <int O>
inline void put(float* sums) {
  constexpr int64_t row = 64 * O;
  if constexpr (O == 2) {
    _tile_stored(0, sums, row);
    _tile_stored(1, sums + 16, row);
    _tile_stored(2, sums + 512, row);
    _tile_stored(3, sums + 528, row);
  } else {
    _tile_stored(0, sums, row);
    _tile_stored(1, sums + 256, row);
    _tile_stored(2, sums + 512, row);
    _tile_stored(3, sums + 768, row);
  }
}

template <int O>
inline void convolve_some(const uint16_t* x, int64_t count, const Steps& steps, const uint16_t* tiles, const Finish& finish,
                          float* sums, Coming& next) {
  constexpr int64_t many = 64 / O;
  const Plane& plane = finish.plane;
  const int64_t places = plane.places(count) - plane.pitch - 1;
  Block former{0, 0, sums};
  for (int64_t q = 0; q < places; q += many) {
    next.fetch();
    multiply<O>(x + q * steps.C, plane.pitch, steps, tiles);
    finish.block<O>(former);
    float* const to = sums + (q / many % 2) * 1024;
    put<O>(to);
    former = {q, lesser(places, q + many), to};
  }
  finish.block<O>(former);
}

// The convolution of the first `count` images of a plane; `sums` are working memory, SUMS of them.
constexpr int64_t SUMS = 2048;
inline void convolve(const uint16_t* x, int64_t C, int64_t count, const uint16_t* tiles, Finish finish, float* sums, Coming& next) {
  const Steps steps(C);
  const int64_t apart = steps.count() * TILE / 16;
  while (finish.k < finish.K) {
    const int64_t k = finish.k;
    if (k + 32 <= finish.K) convolve_some<2>(x, count, steps, tiles + k * apart, finish, sums, next), finish.k += 32;
    else convolve_some<1>(x, count, steps, tiles + k * apart, finish, sums, next), finish.k += 16;
  }
}

}  // namespace
