// The gradient of the weights with tiles: sixteen channels after by 32 places times those by sixteen channels before.
#pragma once
#include "amx_convolve.h"

namespace {

using conv2d::Outer16;

// The sums of one tap, [16, 16].
constexpr int64_t TAP = 256;

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
  _tile_loadd(1, sums + TAP, 64);
  _tile_loadd(2, sums + 2 * TAP, 64);
  _tile_loadd(3, sums + 3 * TAP, 64);
  _tile_loadd(4, sums + 4 * TAP, 64);
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
  _tile_stored(1, sums + TAP, 64);
  _tile_stored(2, sums + 2 * TAP, 64);
  _tile_stored(3, sums + 3 * TAP, 64);
  _tile_stored(4, sums + 4 * TAP, 64);
}

inline void last_taps(const Taps& t, const uint16_t* dy, int64_t apart, int64_t places, float* sums, Coming& next) {
  const int64_t row = apart * int64_t(sizeof(uint16_t));
  _tile_loadd(0, sums + 5 * TAP, 64);
  _tile_loadd(1, sums + 6 * TAP, 64);
  _tile_loadd(2, sums + 7 * TAP, 64);
  _tile_loadd(3, sums + 8 * TAP, 64);
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
  _tile_stored(0, sums + 5 * TAP, 64);
  _tile_stored(1, sums + 6 * TAP, 64);
  _tile_stored(2, sums + 7 * TAP, 64);
  _tile_stored(3, sums + 8 * TAP, 64);
}

// Sums of outer products of the images of one plane, [C / 16, K / 16, 9, 16, 16] and [K, 16].
class OuterProducts {
 public:
  OuterProducts(const Plane& plane, int64_t C, int64_t K)
      : plane_(plane), C_(C), K_(K), pixels_(plane.pixels()), places_((plane.places(plane.images) + 31) / 32 * 32),
        // Rows of a tile that would meet in one set of the first-level cache lie an odd number of lines apart.
        apart_(places_ / 32 % 2 ? places_ : places_ + 32) {}

  // Numbers of working memory.
  int64_t numbers() const { return 2 * pixels_ * C_ + apart_ * K_; }
  int64_t parts() const { return C_ / 16 * (K_ / 16) * places_ / 32; }

  // x and dy lie in planes.
  void add(const uint16_t* x, const uint16_t* dy, uint16_t* space, float* sums, float* bias, Coming* next) const {
    uint16_t *const even = space, *const odd = even + pixels_ * C_, *const turned = odd + pixels_ * C_;
    pair_pixels(x, C_, pixels_ / 2, even);
    pair_pixels(x + C_, C_, pixels_ / 2 - 1, odd);
    transpose_pixels(dy + plane_.middle() * K_, K_, places_, turned, apart_);
    add_places(turned, K_, apart_, places_, bias);
    for (int64_t c = 0; c < C_; c += 16) {
      const Taps taps(even + c * pixels_, odd + c * (pixels_ - 2), plane_.pitch);
      for (int64_t k = 0; k < K_; k += 16, sums += 9 * TAP) {
        first_taps(taps, turned + k * apart_, apart_, places_, sums, next[0]);
        last_taps(taps, turned + k * apart_, apart_, places_, sums, next[1]);
      }
    }
  }

 private:
  const Plane& plane_;
  const int64_t C_, K_, pixels_, places_, apart_;
};

template <bool Relu>
void outer_chunks(const Outer16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const OuterProducts products(plane, s.C, s.K);
  const int64_t pixels = plane.pixels(), of_x = s.H * s.W * s.C, of_dy = s.H * s.W * s.K;
  uint16_t* const x = kept(pixels * (s.C + s.K) + products.numbers());
  uint16_t *const dy = x + pixels * s.C, *const space = dy + pixels * s.K;
  const TileRegisters registers;
  for (int64_t chunk = first; chunk < last; chunk++) {
    float* const sums = f.partial + chunk * 9 * s.C * s.K;
    float* const bias = f.bias_partial + chunk * 16 * s.K;
    std::memset(sums, 0, 9 * s.C * s.K * sizeof(float));
    std::memset(bias, 0, 16 * s.K * sizeof(float));
    const int64_t past = lesser(s.N, (chunk + 1) * f.chunk);
    for (int64_t image = chunk * f.chunk; image < past; image += f.unit) {
      const int64_t count = lesser(f.unit, past - image), after = lesser(f.unit, s.N - image - count);
      place<Relu>(f.x + image * of_x, plane, s.C, count, x);
      place<false>(f.dy + image * of_dy, plane, s.K, count, dy);
      Coming next[2] = {{f.x + (image + count) * of_x, after * of_x, products.parts()},
                        {f.dy + (image + count) * of_dy, after * of_dy, products.parts()}};
      products.add(x, dy, space, sums, bias, next);
    }
  }
}

void outer16(const Outer16& f, int64_t first, int64_t last) {
  if (f.relu) outer_chunks<true>(f, first, last);
  else outer_chunks<false>(f, first, last);
}

}  // namespace
