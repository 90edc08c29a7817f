// Tensors as the kernels of both ops see them. Plain data only: this header is compiled under several instruction
// sets, and any inline function in it could be linked into the wrong one.
#pragma once
#include <cstdint>

namespace srwm {

// How the numbers of a sequence lie in memory; the kernels compute in S whatever it is.
enum class Stored : int32_t { as_computed, bfloat16, float16 };

// A tensor [T, B, H, last] with any strides over the first three dimensions; null means zero.
template <class S>
struct Sequence {
  const void* data;
  int64_t t, b, h;
  Stored stored;
};

// A tensor [N, H, D, C] with any strides over the first two dimensions; null means zero.
template <class S>
struct Matrices {
  const S* data;
  int64_t n, h;
};

}  // namespace srwm
