// Sizes that the compiler may know. Internal linkage: compiled under several instruction sets.
#pragma once
#include <cstdint>

#define SRWM_PRAGMA(text) _Pragma(#text)
#define SRWM_UNROLL(times) SRWM_PRAGMA(GCC unroll times)

namespace {

template <int N>
struct Int {
  static constexpr int n = N;
};

struct Count {
  const int64_t n;
};

// A size known when compiled, or (N = 0) only when called.
template <int N>
struct Size {
  static constexpr int64_t n = N;
  explicit Size(int64_t) {}
};
template <>
struct Size<0> {
  const int64_t n;
  explicit Size(int64_t value) : n(value) {}
};

}  // namespace
