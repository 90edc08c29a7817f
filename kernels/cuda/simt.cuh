// What the CUDA kernels ask of the hardware, by one name each: NVRTC compiles them for a GPU, and the tests compile the same
// kernels as host C++, where test/kernels/simt/emulator.h stands in for this file's second half.
#pragma once

#ifdef __CUDACC__

#define KERNEL extern "C" __global__
#define DEVICE __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#define KEEP_LOOP _Pragma("unroll 1")
#define LAUNCH_BOUNDS(...) __launch_bounds__(__VA_ARGS__)
// Shared memory of one block, sixteen-byte aligned.
#define SHARED(name, count) __shared__ __align__(16) float name[count]

using int64 = long long;
using int32 = int;
constexpr unsigned ALL = 0xffffffffu;
#define NEGATIVE_INFINITY __int_as_float(0xff800000)

DEVICE float shuffle_xor(float v, int mask) { return __shfl_xor_sync(ALL, v, mask); }
DEVICE float shuffle(float v, int lane) { return __shfl_sync(ALL, v, lane); }
DEVICE bool any_lane(bool v) { return __any_sync(ALL, v); }
DEVICE void sync_warp() { __syncwarp(); }
// Barrier of one chain's warps, which have their block to themselves.
template <int Threads>
DEVICE void sync_warps() {
  asm volatile("bar.sync 1, %0;" ::"n"(Threads) : "memory");
}

DEVICE float get(const float* shared) { return *shared; }
DEVICE float4 get4(const float* shared) { return *reinterpret_cast<const float4*>(shared); }
DEVICE void put(float* shared, float v) { *shared = v; }

DEVICE float exp2_fast(float x) {
  float r;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
DEVICE float reciprocal(float x) {
  float r;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(r) : "f"(x));
  return r;
}
DEVICE float fma(float a, float b, float c) { return fmaf(a, b, c); }

// Hides a value from the compiler, which would otherwise keep all that follows from it in registers.
DEVICE int opaque(int v) {
  asm volatile("" : "+r"(v));
  return v;
}
DEVICE int64 opaque(int64 v) {
  asm volatile("" : "+l"(v));
  return v;
}

DEVICE float from_half(unsigned short bits) {
  float r;
  asm("cvt.f32.f16 %0, %1;" : "=f"(r) : "h"(bits));
  return r;
}
DEVICE unsigned short to_half(float v) {
  unsigned short r;
  asm("cvt.rn.f16.f32 %0, %1;" : "=h"(r) : "f"(v));
  return r;
}
DEVICE unsigned short to_bfloat16(float v) {
  unsigned short r;
  asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(r) : "f"(v));
  return r;
}
DEVICE float from_bfloat16(unsigned short bits) { return __uint_as_float(unsigned(bits) << 16); }

#else
#include "emulator.h"
#endif

constexpr float LOG2E = 1.4426950408889634f;

// How x, y and their gradients lie in memory; everything else is float.
struct Float32 {
  using Type = float;
  DEVICE static float load(const float* p) { return *p; }
  DEVICE static void store(float* p, float v) { *p = v; }
};
struct BFloat16 {
  using Type = unsigned short;
  DEVICE static float load(const unsigned short* p) { return from_bfloat16(*p); }
  DEVICE static void store(unsigned short* p, float v) { *p = to_bfloat16(v); }
};
struct Float16 {
  using Type = unsigned short;
  DEVICE static float load(const unsigned short* p) { return from_half(*p); }
  DEVICE static void store(unsigned short* p, float v) { *p = to_half(v); }
};

DEVICE constexpr int round_up(int n, int to) { return (n + to - 1) / to * to; }
DEVICE constexpr int larger(int a, int b) { return a > b ? a : b; }
// Rows of a chain's matrices, with those that only fill up: 8, 16, 32 or 64.
DEVICE constexpr int padded(int head_dim) { return head_dim <= 8 ? 8 : head_dim <= 16 ? 16 : head_dim <= 32 ? 32 : 64; }

// Sum, or maximum, over lanes that differ in the bits from `Low` up to below `High`; every lane gets it.
template <int Low, int High>
DEVICE float sum_lanes(float v) {
  UNROLL
  for (int mask = Low; mask < High; mask *= 2) v += shuffle_xor(v, mask);
  return v;
}
template <int High>
DEVICE float max_lanes(float v) {
  UNROLL
  for (int mask = 1; mask < High; mask *= 2) v = fmaxf(v, shuffle_xor(v, mask));
  return v;
}

// Four sums over a warp for little more than the price of one: lanes 8 j to 8 j + 7 get the sum of v[j].
DEVICE float sum_four(const float (&v)[4], int lane) {
  const bool upper = lane & 16, odd = lane & 8;
  const float a = (upper ? v[2] : v[0]) + shuffle_xor(upper ? v[0] : v[2], 16);
  const float b = (upper ? v[3] : v[1]) + shuffle_xor(upper ? v[1] : v[3], 16);
  return sum_lanes<1, 8>((odd ? b : a) + shuffle_xor(odd ? a : b, 8));
}

// A team is the warps of one chain: one warp needs no barrier.
template <int Warps>
DEVICE void sync_team() {
  if (Warps == 1) sync_warp();
  else sync_warps<32 * Warps>();
}

DEVICE float sigmoid(float x) { return reciprocal(1.f + exp2_fast(-x * LOG2E)); }
