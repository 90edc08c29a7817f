// A convolution and the max-pooling of its result: the larger images never leave the caches.
#pragma once
#include "amx_few.h"
#include "amx_pool.h"

namespace {

using conv2d::Pooled16;
using conv2d::PooledGradient16;

inline int64_t in_lines(int64_t numbers) { return (numbers + 31) / 32 * 32; }

void pooled16(const Pooled16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const int64_t pixels = plane.pixels(), numbers = s.H * s.W * s.C, smaller = (s.H + 1) / 2 * ((s.W + 1) / 2) * s.K;
  const int64_t of_x = in_lines(pixels * s.C), keys = 3 * ((s.W + 1) / 2) * s.K;
  uint16_t* const x = kept(of_x + pixels * s.K + 2 * SUMS + 4 * TILE + 2 * keys);
  uint16_t* const result = x + of_x;
  float* const sums = reinterpret_cast<float*>(result + pixels * s.K);
  uint16_t* const windows = reinterpret_cast<uint16_t*>(sums + SUMS);
  int32_t* const rows = reinterpret_cast<int32_t*>(windows + 4 * TILE);
  const TileRegisters registers;
  for (int64_t unit = first; unit < last; unit++) {
    const int64_t image = unit * f.unit, count = lesser(f.unit, s.N - image), after = lesser(f.unit, s.N - image - count);
    place<false>(f.x + image * numbers, plane, s.C, count, x);
    Coming next(f.x + (image + count) * numbers, after * numbers, plane.places(count) / 64 + 1);
    const Finish finish{.plane = plane,
                        .image = image,
                        .K = s.K,
                        .k = 0,
                        .bias = f.bias,
                        .mask = nullptr,
                        .residual = nullptr,
                        .images = nullptr,
                        .placed = result,
                        .relu = false,
                        .stream = false};
    if (s.C < 16) convolve_few(x, s.C, count, f.tiles, finish, sums, windows, next);
    else convolve(x, s.C, count, f.tiles, finish, sums, next);
    pool(plane, s.K, count, result, rows, f.y + image * smaller, f.tap + image * smaller);
  }
}

void pooled_gradient16(const PooledGradient16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const bool few = s.C < 16;
  const OuterProducts products(plane, few ? 16 : s.C, s.K);
  const FewProducts few_products(plane, s.C, s.K);
  const int64_t pixels = plane.pixels(), numbers = s.H * s.W * s.C, smaller = (s.H + 1) / 2 * ((s.W + 1) / 2) * s.K;
  const int64_t of_x = in_lines(pixels * s.C), of_sums = few ? 32 * s.K : 9 * s.C * s.K;
  // A block of places of few channels may be longer than the plane.
  const int64_t of_dy = (pixels + 128) * s.K;
  uint16_t* const x = kept(of_x + of_dy + 2 * SUMS + (few ? few_products.numbers() : products.numbers()));
  uint16_t* const dy = x + of_x;
  float* const sums = reinterpret_cast<float*>(dy + of_dy);
  uint16_t* const space = reinterpret_cast<uint16_t*>(sums + SUMS);
  const TileRegisters registers;
  for (int64_t chunk = first; chunk < last; chunk++) {
    float* const partial = f.partial + chunk * of_sums;
    float* const bias = f.bias_partial + chunk * 16 * s.K;
    std::memset(partial, 0, of_sums * sizeof(float));
    std::memset(bias, 0, 16 * s.K * sizeof(float));
    const int64_t past = lesser(s.N, (chunk + 1) * f.chunk);
    for (int64_t image = chunk * f.chunk; image < past; image += f.unit) {
      const int64_t count = lesser(f.unit, past - image), after = lesser(f.unit, s.N - image - count);
      spread(plane, s.K, count, f.dy + image * smaller, f.tap + image * smaller, dy);
      if (count < f.unit) clear_behind(plane, s.K, count, dy);
      place<false>(f.x + image * numbers, plane, s.C, count, x);
      Coming next[3] = {{f.x + (image + count) * numbers, after * numbers, products.parts()},
                        {f.dy + (image + count) * smaller, after * smaller, products.parts()},
                        {}};
      if (f.dx)
        convolve(dy, s.K, count, f.tiles,
                 {.plane = plane,
                  .image = image,
                  .K = s.C,
                  .k = 0,
                  .bias = nullptr,
                  .mask = nullptr,
                  .residual = nullptr,
                  .images = f.dx,
                  .placed = nullptr,
                  .relu = false,
                  .stream = f.stream},
                 sums, next[2]);
      if (few) few_products.add(x, dy, space, partial, bias);
      else products.add(x, dy, space, partial, bias, next);
    }
  }
  if (f.stream) _mm_sfence();
}

}  // namespace
