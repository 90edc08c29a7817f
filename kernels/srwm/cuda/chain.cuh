// Where one chain (one sequence of one head) lies in memory, and the order of its columns while a kernel runs.
// Column positions: [q | k | y | beta], q and k padded to `padded(D)`; in memory w has [y | q | k | beta].
#pragma once
#include "simt.cuh"

enum Part { Y_PART = 0, Q_PART = 1, K_PART = 2, BETA_PART = 3, NO_PART = 4 };
// What the forward pass keeps: nothing, all, or only what bptt="step" needs.
enum Save { SAVE_NOTHING = 0, SAVE_ALL = 1, SAVE_STEP = 2 };

template <int Head, int Out>
struct Columns {
  static constexpr int D = Head, Y = Out, DP = padded(Head), C = Y + 2 * D + 4;
  static constexpr int P = 2 * DP + Y + 4, P4 = round_up(P, 4), Y4 = round_up(Y, 4);
  // A kept step is [q | k | x after its softmax | insertion | beta], or [k | x | insertion of y].
  static constexpr int SAVED_X = 2 * DP, SAVED_INSERTION = 3 * DP, SAVED_BETA = 3 * DP + P4, SAVED = SAVED_BETA + 4;
  static constexpr int STEP_X = DP, STEP_INSERTION = 2 * DP, STEP_SAVED = 2 * DP + Y4;

  DEVICE static int part(int p) {
    return p < DP ? Q_PART : p < 2 * DP ? K_PART : p < 2 * DP + Y ? Y_PART : p < P ? BETA_PART : NO_PART;
  }
  // Position among the part's own columns.
  DEVICE static int index(int p) { return p < DP ? p : p < 2 * DP ? p - DP : p < 2 * DP + Y ? p - 2 * DP : p - 2 * DP - Y; }
  // Column of w [D, C], or -1 for a position that only fills up.
  DEVICE static int column(int p) {
    const bool inside = p < DP ? p < D : p < 2 * DP ? p - DP < D : p < P;
    const int column = p < DP ? Y + p : p < 2 * DP ? Y + D + p - DP : p < 2 * DP + Y ? p - 2 * DP : p - 2 * (DP - D);
    return inside ? column : -1;
  }
};

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
