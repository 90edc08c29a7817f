// Convolutions of images with one to three channels: all 9 C numbers of a window fit into one row of a tile.
#pragma once
#include "amx_outer.h"

namespace {

// Windows of places as rows of 32 numbers: nine C, then zeros.
struct Windows {
  const uint16_t* x;
  const int64_t C, pitch;
  inline __m512i operator()(int64_t q) const {
    const int64_t part = 3 * C, row = pitch * C;
    const __mmask32 mask = (1u << part) - 1;
    const uint16_t* const at = x + q * C;
    __m512i v = _mm512_maskz_loadu_epi16(mask, at);
    v = _mm512_mask_loadu_epi16(v, mask << part, at + row - part);
    return _mm512_mask_loadu_epi16(v, mask << 2 * part, at + 2 * (row - part));
  }
};

void pack_few(const uint16_t* weight, int64_t C, int64_t K, uint16_t* tiles) {
  for (int64_t k = 0; k < K; k += 16, tiles += TILE)
    for (int64_t e = 0; e < 32; e++)
      for (int64_t n = 0; n < 16; n++) tiles[e / 2 * 32 + 2 * n + e % 2] = e < 9 * C ? weight[(k + n) * 9 * C + e] : 0;
}

// As `convolve`; `rows` are working memory, 64 rows of 32 numbers.
inline void convolve_few(const uint16_t* x, int64_t C, int64_t count, const uint16_t* tiles, Finish finish, float* sums,
                         uint16_t* rows, Coming& next) {
  const Plane& plane = finish.plane;
  const Windows windows{x, C, plane.pitch};
  const int64_t places = plane.places(count) - plane.pitch - 1;
  for (; finish.k < finish.K; finish.k += 16) {
    Block former{0, 0, sums};
    _tile_loadd(6, tiles + finish.k / 16 * TILE, 64);
    for (int64_t q = 0; q < places; q += 64) {
      next.fetch();
      for (int64_t i = 0; i < 64; i++) _mm512_store_si512(rows + 32 * i, windows(q + i));
      _tile_zero(0);
      _tile_zero(1);
      _tile_zero(2);
      _tile_zero(3);
      _tile_loadd(4, rows, 64);
      _tile_dpbf16ps(0, 4, 6);
      _tile_loadd(5, rows + TILE, 64);
      _tile_dpbf16ps(1, 5, 6);
      _tile_loadd(4, rows + 2 * TILE, 64);
      _tile_dpbf16ps(2, 4, 6);
      _tile_loadd(5, rows + 3 * TILE, 64);
      _tile_dpbf16ps(3, 5, 6);
      finish.block<1>(former);
      float* const to = sums + (q / 64 % 2) * 1024;
      put<1>(to);
      former = {q, lesser(places, q + 64), to};
    }
    finish.block<1>(former);
  }
}

// Sums of outer products, [K / 16, 2, 16, 16] (the numbers of a window last, 32 of them) and [K, 16].
class FewProducts {
 public:
  FewProducts(const Plane& plane, int64_t C, int64_t K)
      : plane_(plane), C_(C), K_(K), places_((plane.places(plane.images) + 127) / 128 * 128), apart_(places_ + 32) {}
  int64_t numbers() const { return apart_ * K_ + 8 * TILE; }

  void add(const uint16_t* x, const uint16_t* dy, uint16_t* space, float* sums, float* bias) const {
    uint16_t *const turned = space, *const pairs = turned + apart_ * K_;
    transpose_pixels(dy + plane_.middle() * K_, K_, places_, turned, apart_);
    add_places(turned, K_, apart_, places_, bias);
    alignas(64) uint16_t order[2][32];
    for (int i = 0; i < 32; i++) order[0][i] = uint16_t(i / 2 + i % 2 * 32), order[1][i] = uint16_t(16 + i / 2 + i % 2 * 32);
    const __m512i low = _mm512_load_si512(order[0]), high = _mm512_load_si512(order[1]);
    const Windows windows{x, C_, plane_.pitch};
    for (int64_t q = 0; q < places_; q += 128) {
      for (int64_t i = 0; i < 64; i++) {
        const __m512i even = windows(q + 2 * i), odd = windows(q + 2 * i + 1);
        uint16_t* const to = pairs + i / 16 * 2 * TILE + i % 16 * 32;
        _mm512_store_si512(to, _mm512_permutex2var_epi16(even, low, odd));
        _mm512_store_si512(to + TILE, _mm512_permutex2var_epi16(even, high, odd));
      }
      for (int64_t k = 0; k < K_; k += 16) some(turned + k * apart_ + q, pairs, sums + k * 32);
    }
  }

 private:
  void some(const uint16_t* dy, const uint16_t* pairs, float* sums) const {
    const int64_t row = apart_ * int64_t(sizeof(uint16_t));
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + TAP, 64);
    for (int i = 0; i < 4; i++, dy += 32, pairs += 2 * TILE) {
      _tile_loadd(4, dy, row);
      _tile_loadd(5, pairs, 64);
      _tile_dpbf16ps(0, 4, 5);
      _tile_loadd(6, pairs + TILE, 64);
      _tile_dpbf16ps(1, 4, 6);
    }
    _tile_stored(0, sums, 64);
    _tile_stored(1, sums + TAP, 64);
  }

  const Plane& plane_;
  const int64_t C_, K_, places_, apart_;
};

// The sums of all chunks in their order, rounded once: dweight [K, 9 C].
inline void collect_few(const float* partial, int64_t C, int64_t K, int64_t chunks, uint16_t* dweight) {
  for (int64_t k = 0; k < K; k++)
    for (int64_t e = 0; e < 9 * C; e += 16) {
      __m512 sum = _mm512_setzero_ps();
      const float* const from = partial + k / 16 * 2 * TAP + e / 16 * TAP + k % 16 * 16;
      for (int64_t chunk = 0; chunk < chunks; chunk++) sum = _mm512_add_ps(sum, _mm512_loadu_ps(from + chunk * 32 * K));
      const __mmask16 mask = 9 * C - e < 16 ? (1u << (9 * C - e)) - 1 : 0xffff;
      _mm256_mask_storeu_epi16(dweight + k * 9 * C + e, mask, narrow(sum));
    }
}

}  // namespace
