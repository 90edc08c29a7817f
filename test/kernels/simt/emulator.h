// The CUDA kernels as host C++: what kernels/cuda/simt.cuh asks of a GPU, from an emulator whose every lane is a fibre.
//
// It is stricter than a GPU where that finds mistakes: lanes run in a shuffled order, shared memory starts as NaN, every access to
// it is checked against those of other lanes since the last barrier that orders them, and lanes of a warp that do not all reach the
// same warp-wide operation are an error. It says nothing about speed, and sees no races in global memory.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

#define KERNEL static
#define DEVICE inline
#define UNROLL
#define KEEP_LOOP
#define LAUNCH_BOUNDS(...)
#define SHARED(name, count) float* const name = simt::shared_memory(count)
#define NEGATIVE_INFINITY (-INFINITY)

using int64 = std::int64_t;
using int32 = std::int32_t;
struct alignas(16) float4 {
  float x, y, z, w;
};
struct Index3 {
  int x, y, z;
};
extern Index3 threadIdx, blockIdx, blockDim;

namespace simt {
enum class Operation { NONE, SHUFFLE_XOR, SHUFFLE, ANY, SYNC_WARP, SYNC_BLOCK };

// Waits until every lane of the warp (of the block for SYNC_BLOCK) is here with the same operation.
float meet(Operation operation, float value, int argument);
void sync_block(int threads);
float* shared_memory(int count);
float read(const float* shared);
void write(float* shared, float value);

// Kernels by name, called with arguments of eight bytes.
using Call = void (*)(const int64* arguments);
struct Registration {
  Registration(const char* name, Call call);
};
template <class T>
T argument(int64 bits) {
  static_assert(sizeof(T) == sizeof(int64));
  T value;
  std::memcpy(&value, &bits, sizeof bits);
  return value;
}
template <class... A, std::size_t... I>
void call(void (*kernel)(A...), const int64* arguments, std::index_sequence<I...>) {
  kernel(argument<A>(arguments[I])...);
}
template <class... A>
void call(void (*kernel)(A...), const int64* arguments) {
  call(kernel, arguments, std::index_sequence_for<A...>{});
}
}  // namespace simt

#define SIMT_KERNEL(name) \
  static simt::Registration register_##name(#name, [](const int64* arguments) { simt::call(name, arguments); });

inline float shuffle_xor(float v, int mask) { return simt::meet(simt::Operation::SHUFFLE_XOR, v, mask); }
inline float shuffle(float v, int lane) { return simt::meet(simt::Operation::SHUFFLE, v, lane); }
inline bool any_lane(bool v) { return simt::meet(simt::Operation::ANY, v, 0) != 0; }
inline void sync_warp() { simt::meet(simt::Operation::SYNC_WARP, 0, 0); }
template <int Threads>
inline void sync_warps() {
  simt::sync_block(Threads);
}

inline float get(const float* shared) { return simt::read(shared); }
inline float4 get4(const float* shared) {
  return {simt::read(shared), simt::read(shared + 1), simt::read(shared + 2), simt::read(shared + 3)};
}
inline void put(float* shared, float v) { simt::write(shared, v); }

inline float exp2_fast(float x) { return std::exp2(x); }
inline float reciprocal(float x) { return 1.f / x; }
inline float fma(float a, float b, float c) { return std::fma(a, b, c); }

inline int opaque(int v) { return v; }
inline int64 opaque(int64 v) { return v; }

inline float from_half(unsigned short bits) {
  _Float16 v;
  std::memcpy(&v, &bits, 2);
  return float(v);
}
inline unsigned short to_half(float v) {
  const _Float16 h = _Float16(v);
  unsigned short bits;
  std::memcpy(&bits, &h, 2);
  return bits;
}
inline float from_bfloat16(unsigned short bits) {
  const std::uint32_t wide = std::uint32_t(bits) << 16;
  float v;
  std::memcpy(&v, &wide, 4);
  return v;
}
inline unsigned short to_bfloat16(float v) {
  std::uint32_t bits;
  std::memcpy(&bits, &v, 4);
  if (v != v) return 0x7fff;
  return static_cast<unsigned short>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
