// Rows of a sequence between memory, where they may be bfloat16 or float16, and the precision computed in.
// Internal linkage: compiled under several instruction sets. Plain integer arithmetic, so that every set has it.
#pragma once
#include <cstdint>
#include <cstring>

#include "tensors.h"

namespace {

using srwm::Stored;

template <class To, class From>
inline To bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}

inline float from_bfloat16(uint16_t h) { return bits<float>(uint32_t(h) << 16); }

// To nearest, ties to even; a NaN stays one.
inline uint16_t to_bfloat16(float x) {
  const uint32_t u = bits<uint32_t>(x);
  const uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  return uint16_t((u & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
}

// Multiplying by 2^112 moves the exponent over, and makes subnormal numbers normal on the way.
inline float from_float16(uint16_t h) {
  const uint32_t magnitude = (uint32_t(h) & 0x7fffu) << 13;
  const float scaled = bits<float>(magnitude) * bits<float>(0x77800000u);
  const uint32_t u = magnitude >= 0x0f800000u ? magnitude | 0x7f800000u : bits<uint32_t>(scaled);
  return bits<float>(u | (uint32_t(h) & 0x8000u) << 16);
}

inline uint16_t to_float16(float x) {
  const uint32_t u = bits<uint32_t>(x), sign = (u >> 16) & 0x8000u, magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return uint16_t(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return uint16_t(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    // Subnormal: adding 0.5 leaves the rounded count of 2^-24 in the low bits.
    return uint16_t(sign | (bits<uint32_t>(bits<float>(magnitude) + 0.5f) - 0x3f000000u));
  }
  return uint16_t(sign | ((magnitude - 0x38000000u + 0xfffu + ((magnitude >> 13) & 1u)) >> 13));
}

template <class S>
inline void read_half(S* to, const uint16_t* from, int64_t n, Stored stored) {
  if (stored == Stored::bfloat16)
    for (int64_t i = 0; i < n; i++) to[i] = S(from_bfloat16(from[i]));
  else
    for (int64_t i = 0; i < n; i++) to[i] = S(from_float16(from[i]));
}

// Element `at` and the n - 1 behind it <- from.
template <class S>
inline void write_row(void* to, int64_t at, const S* from, int64_t n, Stored stored) {
  if (stored == Stored::as_computed) {
    std::memcpy(static_cast<S*>(to) + at, from, n * sizeof(S));
    return;
  }
  uint16_t* row = static_cast<uint16_t*>(to) + at;
  if (stored == Stored::bfloat16)
    for (int64_t i = 0; i < n; i++) row[i] = to_bfloat16(float(from[i]));
  else
    for (int64_t i = 0; i < n; i++) row[i] = to_float16(float(from[i]));
}

}  // namespace
