// What the registered ops hand to the kernels of one instruction set. Plain data only: this header is compiled under
// several instruction sets, and any inline function in it could be linked into the wrong one.
#pragma once
#include <cstdint>

#include "../../cpu/tensors.h"

namespace delta_rule {

using srwm::Matrices;
using srwm::Sequence;

// Shape letters: T time, B envs or episodes, H heads, K key size, V value size, N sequences.
struct Geometry {
  int64_t T, B, H, K, V;
  const bool* is_first;  // [T, B] or null
  int64_t is_first_t, is_first_b;
  const int32_t* cu_seqlens;  // [N + 1] or null; then B is 1
  bool step;                  // bptt="step"
};

template <class S>
struct Forward {
  Geometry geometry;
  Sequence<S> q, k, v, beta;
  Matrices<S> start;  // [N, H, K, V]
  void* o;            // [T, B, H, V], stored as v is
  S* end;             // [N, H, K, V]
  S* saved;           // [B, H, T, V padded to sixteen lanes] or null
};

template <class S>
struct Backward {
  Geometry geometry;
  Sequence<S> q, k, beta, d_o;
  Matrices<S> start, dend;
  const S* saved;
  void *dq, *dk, *dv, *dbeta;  // [T, B, H, ...], stored as q is
  S* dstart;                   // [N, H, K, V] or null
};

// One step in place; sequences of one step.
template <class S>
struct Step {
  int64_t B, H, K, V;
  Sequence<S> q, k, v, beta;
  S* state;  // [B, H, K, V] with any strides over the first two dimensions
  int64_t state_b, state_h;
  const bool* is_first;  // [B] or null
  int64_t is_first_b;
  void* o;  // [B, H, V], stored as v is, with any strides over the first two dimensions
  int64_t o_b, o_h;
};

template <class S>
struct Kernels {
  void (*forward)(const Forward<S>&, int64_t first_chain, int64_t last_chain);
  void (*backward)(const Backward<S>&, int64_t first_chain, int64_t last_chain);
  void (*step)(const Step<S>&, int64_t first_chain, int64_t last_chain);
};

extern const Kernels<float> kernels_avx512;
extern const Kernels<float> kernels_avx2;
extern const Kernels<float> kernels_neon;
extern const Kernels<float> kernels_portable_float;
extern const Kernels<double> kernels_portable_double;

// Those of the instruction set in use.
template <class S>
const Kernels<S>& chosen_kernels();

}  // namespace delta_rule
