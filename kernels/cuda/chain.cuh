// Where one chain (one sequence of one head) lies in memory.
#pragma once
#include "simt.cuh"

// A tensor [T, B, H, n] whose last dimension is dense, the others of any stride.
template <class IO>
struct Sequence {
  typename IO::Type* data;
  int64 t, b, h;
};

struct Geometry {
  int64 T, B, H, N;
  const unsigned char* is_first;  // [T, B] or null
  int64 is_first_t, is_first_b;
  const int32* cu_seqlens;        // [N + 1] or null
};

// One chain; its steps count from 0, and every pointer to it starts there.
struct Chain {
  int n, b, h, steps;
  int64 begin, state, saved;  // state: index of [N, H]; saved: index of the first step kept

  DEVICE Chain(const Geometry& g, int64 chain) : state(chain) {
    n = int(chain / g.H);
    h = int(chain % g.H);
    b = g.cu_seqlens ? 0 : n;
    begin = g.cu_seqlens ? g.cu_seqlens[n] : 0;
    steps = int((g.cu_seqlens ? g.cu_seqlens[n + 1] : g.T) - begin);
    saved = (b * g.H + h) * g.T + begin;
  }
  DEVICE bool is_first(const Geometry& g, int step) const {
    return g.is_first && g.is_first[(begin + step) * g.is_first_t + b * g.is_first_b];
  }
  template <class IO>
  DEVICE typename IO::Type* row(const Sequence<IO>& s, int step) const {
    return s.data + (begin + step) * s.t + b * s.b + h * s.h;
  }
  // Row of a dense [T, B, H, n].
  DEVICE int64 dense_row(const Geometry& g, int step) const { return ((begin + step) * g.B + b) * g.H + h; }
};
