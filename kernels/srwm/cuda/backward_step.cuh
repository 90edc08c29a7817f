// srwm backward with bptt="step": the state enters every step detached, so that only y reaches a gradient:
// dx_t = W_y,t dy_t and dW_y += x_t outer dy_t. W_y is rebuilt forwards from the kept k and insertion_y. Lanes by row, as in
// backward.cuh; the columns of q, k and beta of dw get exact zeros.
#pragma once
#include "backward.cuh"

template <int Head, int Out, int Warps, class IO>
struct BackwardStepTeam : Columns<Head, Out> {
  using L = Columns<Head, Out>;
  using L::D, L::Y, L::DP, L::C, L::Y4;
  static constexpr int LANES = 32 * Warps, PARTS = LANES / DP, R = round_up((Y + PARTS - 1) / PARTS, 4), PP = R * PARTS;
  static constexpr int DY = 0, X = 2 * PP, DX = X + 2 * DP, SHARED_SIZE = DX + 2 * DP;

  const BackwardArguments<IO>& a;
  const Chain c;
  float* const s;
  const int thread, lane, warp, e, h;

  DEVICE BackwardStepTeam(const BackwardArguments<IO>& a, int64 chain, float* s, int thread)
      : a(a), c(a.g, chain), s(s), thread(thread), lane(thread % 32), warp(thread / 32), e(thread / PARTS),
        h(thread % PARTS) {}

  DEVICE const float* saved(int t) const { return a.saved + (c.saved + t) * L::STEP_SAVED; }
  DEVICE typename IO::Type* dx_row(int t) const { return a.dx + c.dense_row(a.g, t) * D; }

  DEVICE void put_dy(int t) const {
    for (int i = thread; i < PP; i += LANES)
      put(s + DY + (t & 1) * PP + i, t < c.steps && i < Y && a.dy.data ? IO::load(c.row(a.dy, t) + i) : 0.f);
  }
  // Needs a barrier behind `put` where a row's lanes lie in several warps.
  DEVICE void finish_dx(int t) const {
    constexpr int XS = (DP + 31) / 32;
    float x[XS], dx[XS], mean = 0;
    UNROLL
    for (int i = 0; i < XS; i++) {
      const int row = lane + 32 * i;
      x[i] = row < DP ? get(s + X + (t & 1) * DP + row) : 0.f;
      dx[i] = row < DP ? get(s + DX + (t & 1) * DP + row) : 0.f;
      mean = fma(x[i], dx[i], mean);
    }
    mean = sum_lanes<1, 32>(mean);
    UNROLL
    for (int i = 0; i < XS; i++) {
      if (lane + 32 * i < D) IO::store(dx_row(t) + lane + 32 * i, x[i] * (dx[i] - mean));
    }
  }

  DEVICE void run() {
    float W[R], dW[R];
    UNROLL
    for (int j = 0; j < R; j++) W[j] = dW[j] = 0;
    const float* w = a.w + c.h * D * C;
    const float* delta = a.delta ? a.delta + c.n * a.delta_n + c.h * a.delta_h : nullptr;
    put_dy(0);
    KEEP_LOOP
    for (int t = 0; t < c.steps; t++) {
      const bool first = c.is_first(a.g, t);
      if (first || t == 0) {
        UNROLL
        for (int j = 0; j < R; j++) {
          const int column = h * R + j;
          const bool inside = e < D && column < Y;
          W[j] = inside ? w[e * C + column] + (first || !delta ? 0.f : delta[e * C + column]) : 0.f;
        }
      }
      sync_team<Warps>();
      if (a.softmax && warp == 0 && t > 0) finish_dx(t - 1);
      put_dy(t + 1);
      const float k = saved(t)[e], x = saved(t)[L::STEP_X + e];
      float r = 0;
      UNROLL
      for (int j = 0; j < R; j += 4) {
        const float4 d4 = get4(s + DY + (t & 1) * PP + h * R + j);
        float4 i4 = {0, 0, 0, 0};
        if (h * R + j < Y4) i4 = *reinterpret_cast<const float4*>(saved(t) + L::STEP_INSERTION + h * R + j);
        const float d[4] = {d4.x, d4.y, d4.z, d4.w}, in[4] = {i4.x, i4.y, i4.z, i4.w};
        UNROLL
        for (int l = 0; l < 4; l++) {
          r = fma(W[j + l], d[l], r);
          dW[j + l] = fma(x, d[l], dW[j + l]);
          W[j + l] = fma(k, in[l], W[j + l]);
        }
      }
      r = sum_lanes<1, PARTS>(r);
      if (h != 0) continue;
      put(s + X + (t & 1) * DP + e, x);
      put(s + DX + (t & 1) * DP + e, r);
      if (!a.softmax && e < D) IO::store(dx_row(t) + e, r);
    }
    sync_team<Warps>();
    if (a.softmax && warp == 0 && c.steps > 0) finish_dx(c.steps - 1);
    float* dw = a.dw + c.state * D * C;
    if (e < D) {
      UNROLL
      for (int j = 0; j < R; j++) {
        if (h * R + j < Y) dw[e * C + h * R + j] = dW[j];
      }
      for (int i = Y + h; i < C; i += PARTS) dw[e * C + i] = 0;
    }
  }
};

template <int Head, int Out, int Warps, int Teams, class IO>
DEVICE void srwm_backward_step(const BackwardArguments<IO>& a) {
  using Team = BackwardStepTeam<Head, Out, Warps, IO>;
  SHARED(shared, Teams * Team::SHARED_SIZE);
  // Where a team has its block to itself, all that follows from the chain is uniform, and costs no lane a register.
  const int team = Teams == 1 ? 0 : threadIdx.x / Team::LANES, thread = Teams == 1 ? threadIdx.x : threadIdx.x % Team::LANES;
  const int64 chain = Teams == 1 ? int64(blockIdx.x) : int64(blockIdx.x) * (blockDim.x / Team::LANES) + team;
  if (chain < a.g.N * a.g.H) Team(a, chain, shared + team * Team::SHARED_SIZE, thread).run();
}

#define SRWM_BACKWARD_STEP(name, Head, Out, Warps, Teams, IO)                                                              \
  KERNEL void LAUNCH_BOUNDS(32 * Warps * Teams, 1) name(SRWM_BACKWARD_PARAMETERS(IO)) {                                    \
    srwm_backward_step<Head, Out, Warps, Teams, IO>(SRWM_BACKWARD_ARGUMENTS);                                              \
  }
