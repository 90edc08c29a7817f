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

// Sums over the images of each chunk. Those of few channels (C < 16) are [chunks, K / 16, 2, 16, 16].
struct Outer16 {
  Sizes sizes;
  int64_t unit, chunk;  // images that are at work at once, and in a chunk: a multiple of them
  const uint16_t* x;
  const uint16_t* dy;
  float* partial;       // [chunks, C / 16, K / 16, 9, 16, 16]
  float* bias_partial;  // [chunks, K, 16]
  bool relu;            // of x, as it is read
};

// Tiles of weights [K, 3, 3, C], of few channels K / 16 tiles; turned: those of the gradient of x, whose channels before are K and after C.
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

// A residual block: inner = relu(conv0(relu(x))), y = x + conv1(inner). Images [N, H, W, C] all.
struct Block16 {
  Sizes sizes;
  int64_t unit;
  const uint16_t *x, *tiles0, *tiles1;
  const float *bias0, *bias1;  // or null
  uint16_t* inner;             // or null: nobody will ask for gradients
  uint16_t* y;
  bool stream;
};

// Its gradients; tiles are those of turned weights, sums as Outer16 has them.
struct BlockGradient16 {
  Sizes sizes;
  int64_t unit, chunk;
  const uint16_t *dy, *x, *inner, *tiles0, *tiles1;
  uint16_t* dx;
  float *partial0, *partial1, *bias_partial0, *bias_partial1;
  bool stream;
};

// Max-pooling (3x3, stride 2, padding 1) of a convolution's result: y [N, (H + 1) / 2, (W + 1) / 2, K], and the place in its
// window of each number. C may also be 1, 2 or 3.
struct Pooled16 {
  Sizes sizes;
  int64_t unit;
  const uint16_t *x, *tiles;
  const float* bias;  // or null
  uint16_t* y;
  uint8_t* tap;
};

struct PooledGradient16 {
  Sizes sizes;
  int64_t unit, chunk;
  const uint16_t *dy, *x;
  const uint8_t* tap;
  const uint16_t* tiles;  // of turned weights, if dx is wanted
  uint16_t* dx;           // or null, as it must be of few channels
  float *partial, *bias_partial;
  bool stream;
};

struct Kernels16 {
  // Units of images.
  void (*forward)(const Forward16&, int64_t first_unit, int64_t last_unit);
  void (*outer)(const Outer16&, int64_t first_chunk, int64_t last_chunk);
  void (*pack)(const Pack16&);
  void (*collect)(const Collect16&);
  void (*block)(const Block16&, int64_t first_unit, int64_t last_unit);
  void (*block_gradient)(const BlockGradient16&, int64_t first_chunk, int64_t last_chunk);
  void (*pooled)(const Pooled16&, int64_t first_unit, int64_t last_unit);
  void (*pooled_gradient)(const PooledGradient16&, int64_t first_chunk, int64_t last_chunk);
};

// Null where the compiler did not know the instructions.
extern const Kernels16* const kernels_amx;

}  // namespace conv2d
