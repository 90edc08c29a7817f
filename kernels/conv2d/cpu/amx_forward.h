// Convolutions of bfloat16 of whole images: y from x, or dx from dy where the weights are turned.
#pragma once
#include "amx_convolve.h"

namespace {

using conv2d::Forward16;

template <bool Relu>
void forward_units(const Forward16& f, int64_t first, int64_t last) {
  const Sizes& s = f.sizes;
  const Plane plane(s, f.unit);
  const int64_t pixels = plane.pixels() * s.C, numbers = s.H * s.W * s.C;
  uint16_t* const x = kept(pixels + 2 * SUMS);
  float* const sums = reinterpret_cast<float*>(x + pixels);
  const TileRegisters registers;
  for (int64_t unit = first; unit < last; unit++) {
    const int64_t image = unit * f.unit, count = lesser(f.unit, s.N - image), after = lesser(f.unit, s.N - image - count);
    place<Relu>(f.x + image * numbers, plane, s.C, count, x);
    Coming next(f.x + (image + count) * numbers, after * numbers, plane.places(count) / 64 + 1);
    convolve(x, s.C, count, f.tiles,
             {.plane = plane,
              .image = image,
              .K = s.K,
              .k = 0,
              .bias = f.bias,
              .mask = f.mask,
              .residual = f.residual,
              .images = f.y,
              .placed = nullptr,
              .relu = false,
              .stream = f.stream},
             sums, next);
  }
  if (f.stream) _mm_sfence();
}

void forward16(const Forward16& f, int64_t first, int64_t last) {
  if (f.relu) forward_units<true>(f, first, last);
  else forward_units<false>(f, first, last);
}

}  // namespace
