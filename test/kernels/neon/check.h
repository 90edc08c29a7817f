// Numbers for the programs beside this file, and how far two sets of results lie apart.
#pragma once
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <vector>

static uint32_t state = 1;
static float draw() {
  state = state * 1664525u + 1013904223u;
  return float(state >> 8) / float(1 << 23) - 1.f;
}
static std::vector<float> fill(int64_t n, float scale) {
  std::vector<float> v(n);
  for (float& x : v) x = draw() * scale;
  return v;
}

static double worst(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); i++) {
    const double d = std::fabs(double(a[i]) - b[i]);
    most = d > most || d != d ? d : most;
  }
  return most;
}

// check(size of the input, size of the output) is the largest difference of one size.
template <class F>
static int all_sizes(F&& check) {
  double most = 0;
  for (int64_t d : {1, 3, 5, 8, 16, 20, 28, 32, 64}) {
    const double one = check(d, d), wide = check(d, d + 9);
    if (!(one < 1e-4) || !(wide < 1e-4)) {
      std::printf("size %d: off by %g and %g\n", int(d), one, wide);
      return 1;
    }
    most = std::fmax(most, std::fmax(one, wide));
  }
  std::printf("largest difference %g\n", most);
  return 0;
}
