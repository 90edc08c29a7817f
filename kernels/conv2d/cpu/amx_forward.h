// Convolutions of bfloat16 with tiles: sixteen places by 32 numbers of the window times those by sixteen channels.
#pragma once
#include "amx_images.h"
#include "bfloat16.h"

namespace {

using conv2d::Forward16;
using conv2d::Pack16;

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

void pack16(const Pack16& f) {
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

// Sums of a block of places, to be finished while the tiles of the next one are multiplied.
struct Block {
  int64_t place, end;
  const float* sums;  // [places, 16 O]
};

// What is added to the sums as they are stored, sixteen O channels from k on.
template <int O>
struct Finish {
  const Forward16& f;
  const Plane& plane;
  int64_t image, k;
  const uint16_t *residual, *mask;

  inline __m512 number(__m512 y, __m512 bias, int64_t at) const {
    y = _mm512_add_ps(y, bias);
    if (mask) y = _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(widen(mask + at), _mm512_setzero_ps(), _CMP_NLE_UQ), y);
    return residual ? _mm512_add_ps(y, widen(residual + at)) : y;
  }

  inline void run(const float* sums, int64_t count, int64_t at) const {
    const int64_t K = f.sizes.K;
    __m512 bias[O];
    for (int o = 0; o < O; o++) bias[o] = f.bias ? _mm512_loadu_ps(f.bias + k + 16 * o) : _mm512_setzero_ps();
    if constexpr (O == 2) {
      for (int64_t i = 0; i < count; i++, sums += 32, at += K) {
        const __m512i y = narrow(number(_mm512_load_ps(sums), bias[0], at), number(_mm512_load_ps(sums + 16), bias[1], at + 16));
        if (f.stream) _mm512_stream_si512(reinterpret_cast<__m512i*>(f.y + at), y);
        else _mm512_storeu_si512(f.y + at, y);
      }
    } else {
      for (int64_t i = 0; i < count; sums += 16, at += K, i++) {
        const __m512 one = number(_mm512_load_ps(sums), bias[0], at);
        if (K == 16 && i + 1 < count && at % 32 == 0) {  // two pixels fill a line
          const __m512i y = narrow(one, number(_mm512_load_ps(sums + 16), bias[0], at + 16));
          if (f.stream) _mm512_stream_si512(reinterpret_cast<__m512i*>(f.y + at), y);
          else _mm512_storeu_si512(f.y + at, y);
          sums += 16, at += 16, i++;
          continue;
        }
        __m256i* const to = reinterpret_cast<__m256i*>(f.y + at);
        if (f.stream) _mm256_stream_si256(to, narrow(one));
        else _mm256_storeu_si256(to, narrow(one));
      }
    }
  }

  inline void operator()(const Block& block) const {
    for (int64_t q = block.place; q < block.end;) {
      const int64_t row = q / plane.pitch, column = q % plane.pitch, n = row / (plane.H + 1), i = row % (plane.H + 1);
      const int64_t past = lesser(block.end, (row + 1) * plane.pitch), width = lesser(past, row * plane.pitch + plane.W) - q;
      if (i < plane.H && width > 0)
        run(block.sums + (q - block.place) * 16 * O, width, (((image + n) * plane.H + i) * plane.W + column) * f.sizes.K + k);
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
inline void convolve(const uint16_t* x, const Plane& plane, int64_t count, const Steps& steps, const uint16_t* tiles,
                     const Finish<O>& finish, float* sums, Coming& next) {
  constexpr int64_t many = 64 / O;
  const int64_t places = plane.places(count) - plane.pitch - 1;
  Block former{0, 0, sums};
  for (int64_t q = 0; q < places; q += many) {
    next.fetch();
    multiply<O>(x + q * steps.C, plane.pitch, steps, tiles);
    finish(former);
    float* const to = sums + (q / many % 2) * 1024;
    put<O>(to);
    former = {q, lesser(places, q + many), to};
  }
  finish(former);
}

template <bool Relu>
void forward_units(const Forward16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const Steps steps(s.C);
  const int64_t pixels = plane.pixels() * s.C;
  uint16_t* const x = kept(pixels + 4096);
  float* const sums = reinterpret_cast<float*>(x + pixels);
  const TileRegisters registers;
  for (int64_t unit = first; unit < last; unit++) {
    const int64_t image = unit * f.unit, count = lesser(f.unit, s.N - image);
    const int64_t numbers = s.H * s.W * s.C, after = lesser(f.unit, s.N - image - count);
    place<Relu>(f.x + image * numbers, plane, s.C, count, x);
    Coming next(f.x + (image + count) * numbers, after * numbers, plane.places(count) / 64 + 1);
    for (int64_t k = 0; k < s.K;) {
      const uint16_t* const tiles = f.tiles + k / 16 * steps.count() * TILE;
      if (k + 32 <= s.K) {
        convolve<2>(x, plane, count, steps, tiles, {f, plane, image, k, f.residual, f.mask}, sums, next);
        k += 32;
      } else {
        convolve<1>(x, plane, count, steps, tiles, {f, plane, image, k, f.residual, f.mask}, sums, next);
        k += 16;
      }
    }
  }
  if (f.stream) _mm_sfence();
}

void forward16(const Forward16& f, int64_t first, int64_t last) {
  if (f.relu) forward_units<true>(f, first, last);
  else forward_units<false>(f, first, last);
}

}  // namespace
