// What the registered ops hand to the kernels of one instruction set. Plain data only: this header is compiled under
// several instruction sets, and any inline function in it could be linked into the wrong one.
#pragma once
#include <cstdint>

#include "../../cpu/tensors.h"

namespace srwm {

// Shape letters: T time, B envs or episodes, H heads, D head_dim, Y output_dim, C = Y + 2 D + 4, N sequences.
struct Geometry {
  int64_t T, B, H, D, Y;
  const bool* is_first;  // [T, B] or null
  int64_t is_first_t, is_first_b;
  const int32_t* cu_seqlens;  // [N + 1] or null; then B is 1
  bool input_softmax;
  bool step;  // bptt="step"
};

template <class S>
struct Forward {
  Geometry geometry;
  Sequence<S> x;
  const S* w;  // [H, D, C]
  Matrices<S> delta;
  void* y;       // [T, B, H, Y], stored as x is
  S* delta_out;  // [N, H, D, C]
  S* saved;      // [B, H, T, saved_width] or null
  bool stream;   // saved is larger than the caches: write it past them
};

template <class S>
struct Backward {
  Geometry geometry;
  Sequence<S> x, dy;
  const S* w;
  Matrices<S> delta, delta_out, ddelta_out;
  const S* saved;
  void* dx;       // [T, B, H, D], stored as x is
  S* dw_partial;  // [N, H, D, C]
  S* ddelta;      // [N, H, D, C] or null
  const S** of_w;  // [N, H]: where each chain's share of dw is, in dw_partial or, where both are equal, in ddelta
};

// One step in place; x is a sequence of one step.
template <class S>
struct Step {
  int64_t B, H, D, Y;
  Sequence<S> x;
  const S* w;            // [H, D, C]
  S* delta;              // [B, H, D, C] with any strides over the first two dimensions
  int64_t delta_b, delta_h;
  const bool* is_first;  // [B] or null
  int64_t is_first_b;
  void* y;               // [B, H, Y], stored as x is, with any strides over the first two dimensions
  int64_t y_b, y_h;
  bool input_softmax;
};

template <class S>
struct Kernels {
  void (*forward)(const Forward<S>&, int64_t first_chain, int64_t last_chain);
  void (*backward)(const Backward<S>&, int64_t first_chain, int64_t last_chain);
  void (*step)(const Step<S>&, int64_t first_chain, int64_t last_chain);
  // The head's rows stand `apart` places from each other in the table.
  void (*sum_rows)(const S* const* rows, int64_t apart, S* to, int64_t count, int64_t first_column, int64_t last_column);
};

extern const Kernels<float> kernels_avx512;
extern const Kernels<float> kernels_avx2;
extern const Kernels<float> kernels_neon;
extern const Kernels<float> kernels_portable_float;
extern const Kernels<double> kernels_portable_double;

// Those of the instruction set in use.
template <class S>
const Kernels<S>& chosen_kernels();

}  // namespace srwm
