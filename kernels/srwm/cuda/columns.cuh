// The order of a chain's columns while a kernel runs.
// Column positions: [q | k | y | beta], q and k padded to `padded(D)`; in memory w has [y | q | k | beta].
#pragma once
#include "chain.cuh"

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
