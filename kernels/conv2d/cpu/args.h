// What the registered ops hand to the kernels of one instruction set. Plain data only: this header is compiled under
// several instruction sets, and any inline function in it could be linked into the wrong one.
#pragma once
#include <cstdint>

namespace conv2d {

// Of float32 images whose channels lie together, [N, H, W, channels], channels in multiples of sixteen: C before, K after
// the convolution.
struct Sizes {
  int64_t N, H, W, C, K;
};

// y = convolution of x + bias + residual, zero where the mask is not positive.
struct Forward {
  Sizes sizes;
  const float* x;
  const float* u;         // transformed weights [16, K / 16, C, 16]
  const float* bias;      // [K] or null
  const float* residual;  // like y, or null
  const float* mask;      // like y, or null
  float* y;
  bool relu;              // of x, as it is read
  bool stream;            // y is larger than the caches: write it past them
};

// Sums over the tiles of each chunk.
struct Outer {
  Sizes sizes;
  const float* x;
  const float* dy;
  float* partial;       // [chunks, 16, K / 16, C, 16]
  float* bias_partial;  // [chunks, K] or null
  int64_t chunk;        // tiles
  bool relu;            // of x, as it is read
};

// u from weights [K, 3, 3, C]; turned: those of the gradient of x, whose channels before are K and after C.
struct Transform {
  int64_t C, K;
  const float* weight;
  float* u;  // [16, K / 16, C, 16], turned [16, C / 16, K, 16]
  bool turned;
};

// Gradients from the sums of chunks, added up in their order.
struct Collect {
  int64_t C, K, chunks;
  const float* partial;
  const float* bias_partial;  // or null
  float* dweight;             // [K, 3, 3, C]
  float* dbias;               // [K] or null
};

struct Kernels {
  void (*forward)(const Forward&, int64_t first_tile, int64_t last_tile);
  void (*outer)(const Outer&, int64_t first_chunk, int64_t last_chunk);
  void (*transform)(const Transform&);
  // Blocks of sixteen by sixteen channels, C / 16 times K / 16.
  void (*collect)(const Collect&, int64_t first_block, int64_t last_block);
};

extern const Kernels kernels_avx512;
extern const Kernels kernels_avx2;
extern const Kernels kernels_portable_float;

}  // namespace conv2d
