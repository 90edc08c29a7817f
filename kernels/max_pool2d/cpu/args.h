// What the registered ops hand to the kernels of one instruction set. Plain data only: this header is compiled under
// several instruction sets, and any inline function in it could be linked into the wrong one.
#pragma once
#include <cstdint>

namespace max_pool2d {

enum class Stored : int32_t { float32, bfloat16 };

// Of images [N, H, W, C] before and [N, P, Q, C] after: windows of 3x3, every second place, one row and column around.
struct Sizes {
  int64_t N, H, W, P, Q, C;
};

// `tap` is the place in its window, 3 a + b, of each result's number.
struct Pool {
  Sizes sizes;
  Stored stored;
  const void* from;
  void* to;
  const uint8_t* tap;
  uint8_t* tap_to;
};

struct Kernels {
  // Rows of the smaller images, counted over all of them: the largest of each window and its place.
  void (*largest)(const Pool&, int64_t first_row, int64_t last_row);
  // Rows of the smaller images: what the larger ones have at the places.
  void (*pick)(const Pool&, int64_t first_row, int64_t last_row);
  // Rows of the larger images: each place's sum of the smaller ones' numbers that came from there.
  void (*spread)(const Pool&, int64_t first_row, int64_t last_row);
};

extern const Kernels kernels_avx512;
extern const Kernels kernels_avx2;
extern const Kernels kernels_portable_float;

}  // namespace max_pool2d
