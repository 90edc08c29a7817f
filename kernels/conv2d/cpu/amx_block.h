// A residual block of some images at once: what lies between its two convolutions stays in the caches.
#pragma once
#include "amx_outer.h"

namespace {

using conv2d::Block16;
using conv2d::BlockGradient16;

void block16(const Block16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const int64_t pixels = plane.pixels() * s.C, numbers = s.H * s.W * s.C;
  uint16_t* const x = kept(2 * pixels + 2 * SUMS);
  uint16_t* const inner = x + pixels;
  float* const sums = reinterpret_cast<float*>(inner + pixels);
  const TileRegisters registers;
  for (int64_t unit = first; unit < last; unit++) {
    const int64_t image = unit * f.unit, count = lesser(f.unit, s.N - image), after = lesser(f.unit, s.N - image - count);
    place<true>(f.x + image * numbers, plane, s.C, count, x);
    if (count < f.unit) clear_behind(plane, s.C, count, inner);
    Coming none, next(f.x + (image + count) * numbers, after * numbers, plane.places(count) / 64 + 1);
    convolve(x, s.C, count, f.tiles0,
             {.plane = plane,
              .image = image,
              .K = s.C,
              .k = 0,
              .bias = f.bias0,
              .mask = nullptr,
              .residual = nullptr,
              .images = f.inner,
              .placed = inner,
              .relu = true,
              .stream = f.stream},
             sums, none);
    convolve(inner, s.C, count, f.tiles1,
             {.plane = plane,
              .image = image,
              .K = s.C,
              .k = 0,
              .bias = f.bias1,
              .mask = nullptr,
              .residual = f.x,
              .images = f.y,
              .placed = nullptr,
              .relu = false,
              .stream = f.stream},
             sums, next);
  }
  if (f.stream) _mm_sfence();
}

void block_gradient16(const BlockGradient16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const OuterProducts products(plane, s.C, s.C);
  const int64_t pixels = plane.pixels() * s.C, numbers = s.H * s.W * s.C;
  uint16_t* const x = kept(4 * pixels + 2 * SUMS + products.numbers());
  uint16_t *const inner = x + pixels, *const dy = inner + pixels, *const dinner = dy + pixels;
  float* const sums = reinterpret_cast<float*>(dinner + pixels);
  uint16_t* const space = dinner + pixels + 2 * SUMS;
  const TileRegisters registers;
  for (int64_t chunk = first; chunk < last; chunk++) {
    float* const partial[2] = {f.partial0 + chunk * 9 * s.C * s.C, f.partial1 + chunk * 9 * s.C * s.C};
    float* const bias[2] = {f.bias_partial0 + chunk * 16 * s.C, f.bias_partial1 + chunk * 16 * s.C};
    for (int i = 0; i < 2; i++) {
      std::memset(partial[i], 0, 9 * s.C * s.C * sizeof(float));
      std::memset(bias[i], 0, 16 * s.C * sizeof(float));
    }
    const int64_t past = lesser(s.N, (chunk + 1) * f.chunk);
    for (int64_t image = chunk * f.chunk; image < past; image += f.unit) {
      const int64_t count = lesser(f.unit, past - image), at = image * numbers, then = (image + count) * numbers;
      const int64_t after = lesser(f.unit, s.N - image - count) * numbers;
      place<false>(f.dy + at, plane, s.C, count, dy);
      place<false>(f.inner + at, plane, s.C, count, inner);
      place<true>(f.x + at, plane, s.C, count, x);
      if (count < f.unit) clear_behind(plane, s.C, count, dinner);
      Coming none, next_dy(f.dy + then, after, plane.places(count) / 64 + 1);
      Coming next[4] = {{f.inner + then, after, products.parts()}, {f.x + then, after, products.parts()}, {}, {}};
      convolve(dy, s.C, count, f.tiles1,
               {.plane = plane,
                .image = image,
                .K = s.C,
                .k = 0,
                .bias = nullptr,
                .mask = f.inner,
                .residual = nullptr,
                .images = nullptr,
                .placed = dinner,
                .relu = false,
                .stream = false},
               sums, none);
      convolve(dinner, s.C, count, f.tiles0,
               {.plane = plane,
                .image = image,
                .K = s.C,
                .k = 0,
                .bias = nullptr,
                .mask = f.x,
                .residual = f.dy,
                .images = f.dx,
                .placed = nullptr,
                .relu = false,
                .stream = f.stream},
               sums, next_dy);
      products.add(inner, dy, space, partial[1], bias[1], next);
      products.add(x, dinner, space, partial[0], bias[0], next + 2);
    }
  }
  if (f.stream) _mm_sfence();
}

}  // namespace
