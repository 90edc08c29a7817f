// The sum over the batch, in order and in float64: the same bits every time, and no atomics.
#pragma once
#include "simt.cuh"

// total [size] <- sum over n of parts [count, size].
#define REDUCE(name)                                                                                    \
  KERNEL void name(int64 count, int64 size, const float* parts, float* total) {                         \
    const int64 i = int64(blockIdx.x) * blockDim.x + threadIdx.x;                                       \
    if (i >= size) return;                                                                              \
    double sum = 0;                                                                                     \
    for (int64 n = 0; n < count; n++) sum += parts[n * size + i];                                       \
    total[i] = float(sum);                                                                              \
  }
