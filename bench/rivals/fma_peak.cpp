// What the multiply-add units of one core can do: twelve independent chains of the widest vectors, nothing from memory.
#include <cstdint>

typedef float Wide __attribute__((vector_size(64)));

// Runs `rounds` rounds and returns the floating-point operations done; `sink` keeps the result from being dropped.
extern "C" double fma_peak(int64_t rounds, float* sink) {
  Wide a[12], x, y;
  for (int j = 0; j < 16; j++) x[j] = 0.999f, y[j] = 1e-3f;
  for (int i = 0; i < 12; i++)
    for (int j = 0; j < 16; j++) a[i][j] = float(i + j);
  for (int64_t k = 0; k < rounds; k++) {
#pragma GCC unroll 12
    for (int i = 0; i < 12; i++) a[i] = a[i] * x + y;
  }
  float sum = 0;
  for (int i = 0; i < 12; i++)
    for (int j = 0; j < 16; j++) sum += a[i][j];
  *sink = sum;
  return double(rounds) * 12 * 16 * 2;
}
