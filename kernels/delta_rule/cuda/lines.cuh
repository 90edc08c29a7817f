// How a chain's fast weights [K, V] are shared out: a line is one of its columns, or one of its rows, and lies in the registers of
// PARTS neighbouring lanes. Lines never meet, so that a chain's warps never wait for each other: each is a program of its own.
#pragma once
#include "chain.cuh"

DEVICE constexpr int power_of_two(int at_least) { return at_least <= 1 ? 1 : 2 * power_of_two((at_least + 1) / 2); }

template <int Keys, int Values, bool Rows>
struct Line {
  static constexpr int K = Keys, V = Values, SIZE = Rows ? V : K, LINES = Rows ? K : V;
  // A lane has 64 numbers of a line at most; a warp with few lines shares each among more lanes.
  static constexpr int PARTS = larger(power_of_two((SIZE + 63) / 64), 32 / power_of_two(LINES < 32 ? LINES : 32));
  static constexpr int PER_WARP = 32 / PARTS, WARPS = (LINES + PER_WARP - 1) / PER_WARP;
  // Numbers of a lane, how far apart the parts of a vector lie in shared memory, and what a vector takes there.
  static constexpr int R = round_up((SIZE + PARTS - 1) / PARTS, 4), STRIDE = PARTS == 1 ? R : R + 4, SHARED_SIZE = STRIDE * PARTS;
  static constexpr int LOADS = (R * PARTS + 31) / 32;
  static_assert(PARTS <= 32, "a line lies in one warp");

  const int lane, line, part;
  float n[R];

  DEVICE Line(int lane, int block) : lane(lane), line(block * PER_WARP + lane / PARTS), part(lane % PARTS) {}

  DEVICE bool inside(int j) const { return line < LINES && part * R + j < SIZE; }
  DEVICE int at(int j) const { return Rows ? line * V + part * R + j : (part * R + j) * V + line; }
  // Whether this lane answers for its line.
  DEVICE bool first() const { return part == 0 && line < LINES; }

  DEVICE void clear() {
    UNROLL
    for (int j = 0; j < R; j++) n[j] = 0;
  }
  DEVICE void read(const float* matrix) {
    UNROLL
    for (int j = 0; j < R; j++) n[j] = matrix && inside(j) ? matrix[at(j)] : 0.f;
  }
  DEVICE void write(float* matrix) const {
    UNROLL
    for (int j = 0; j < R; j++) {
      if (inside(j)) matrix[at(j)] = n[j];
    }
  }

  // The line times a vector in shared memory; two sums, because half a chain of dependent multiply-adds is half the wait.
  DEVICE float dot(const float* vector) const {
    float even = 0, odd = 0;
    UNROLL
    for (int j = 0; j < R; j += 4) {
      const float4 v = get4(vector + part * STRIDE + j);
      even = fma(v.z, n[j + 2], fma(v.x, n[j], even));
      odd = fma(v.w, n[j + 3], fma(v.y, n[j + 1], odd));
    }
    return sum_lanes<1, PARTS>(even + odd);
  }
  // line += factor * vector
  DEVICE void add(float factor, const float* vector) {
    UNROLL
    for (int j = 0; j < R; j += 4) {
      const float4 v = get4(vector + part * STRIDE + j);
      n[j] = fma(factor, v.x, n[j]);
      n[j + 1] = fma(factor, v.y, n[j + 1]);
      n[j + 2] = fma(factor, v.z, n[j + 2]);
      n[j + 3] = fma(factor, v.w, n[j + 3]);
    }
  }

  // A vector on its way from memory to shared memory: lane by lane, whatever part of it they will read.
  struct Vector {
    float v[LOADS];
    template <class IO>
    DEVICE void load(const typename IO::Type* from, int lane) {
      UNROLL
      for (int i = 0; i < LOADS; i++) v[i] = from && lane + 32 * i < SIZE ? IO::load(from + lane + 32 * i) : 0.f;
    }
    DEVICE void put_into(float* shared, int lane, float factor = 1) const {
      UNROLL
      for (int i = 0; i < LOADS; i++) {
        const int at = lane + 32 * i;
        if (at < R * PARTS) put(shared + at / R * STRIDE + at % R, factor * v[i]);
      }
    }
  };
};
