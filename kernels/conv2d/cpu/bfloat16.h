// What the registered ops hand to the kernels for bfloat16, which multiply tiles (AMX). Plain data only: this header is
// compiled under several instruction sets, and any inline function in it could be linked into the wrong one.
#pragma once
#include <cstdint>

#include "args.h"

namespace conv2d {

// y = convolution of x + bias, zero where the mask is not positive, + residual. Images as `Sizes` has them.
struct Forward16 {
  Sizes sizes;
  int64_t unit;  // images that are at work at once
  const uint16_t* x;
  const uint16_t* tiles;     // what Pack16 made
  const float* bias;         // [K] or null
  const uint16_t* residual;  // like y, or null
  const uint16_t* mask;      // like y, or null
  uint16_t* y;
  bool relu;    // of x, as it is read
  bool stream;  // y is larger than the caches: write it past them
};

// Sums over the images of each chunk.
struct Outer16 {
  Sizes sizes;
  int64_t unit, chunk;  // images that are at work at once, and in a chunk: a multiple of them
  const uint16_t* x;
  const uint16_t* dy;
  float* partial;       // [chunks, C / 16, K / 16, 9, 16, 16]
  float* bias_partial;  // [chunks, K, 16]
  bool relu;            // of x, as it is read
};

// Tiles of weights [K, 3, 3, C]; turned: those of the gradient of x, whose channels before are K and after C.
struct Pack16 {
  int64_t C, K;
  const uint16_t* weight;
  uint16_t* tiles;  // as many tiles of 512 numbers as tiles_of_weights says
  bool turned;
};

struct Collect16 {
  int64_t C, K, chunks;
  const float* partial;
  const float* bias_partial;
  uint16_t* dweight;  // [K, 3, 3, C]
  uint16_t* dbias;    // [K]
};

struct Kernels16 {
  // Units of images.
  void (*forward)(const Forward16&, int64_t first_unit, int64_t last_unit);
  void (*outer)(const Outer16&, int64_t first_chunk, int64_t last_chunk);
  void (*pack)(const Pack16&);
  void (*collect)(const Collect16&);
};

// Null where the compiler did not know the instructions.
extern const Kernels16* const kernels_amx;

}  // namespace conv2d
