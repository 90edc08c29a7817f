// srwm forward, one team of warps a chain: W lies in registers, lane by column, from the first step to the last.
//
// One barrier a step. Between two barriers a lane (1) puts exp(logit) and beta of its columns into shared memory, and after the
// barrier (2) reads q and k from there for (q - k) W, and (3) looks ahead: x_{t+1} W_{t+1} = x_{t+1} W_t + (k_t . x_{t+1})
// insertion_t, so that the next step's logits wait for no second product. The update of W itself runs in the shadow of the next
// step's exponentials.
#pragma once
#include "columns.cuh"

template <class IO>
struct ForwardArguments {
  Geometry g;
  Sequence<IO> x;
  const float* w;      // [H, D, C]
  const float* delta;  // [N, H, D, C] or null
  int64 delta_n, delta_h, softmax, save;
  Sequence<IO> y;    // dense but for InPlace, where strides would cost registers, and so is delta_out
  float* delta_out;  // [N, H, D, C]; for InPlace it is `delta` itself
  int64 delta_out_n, delta_out_h;
  float* saved;      // [B, H, T, SAVED or STEP_SAVED]
};

// InPlace: one step, whose state is written where it was read, without going through W.
template <int Head, int Out, int Warps, bool InPlace, class IO>
struct ForwardTeam : Columns<Head, Out> {
  using L = Columns<Head, Out>;
  using L::D, L::Y, L::DP, L::C, L::P, L::P4;
  static constexpr int LANES = 32 * Warps, SLOTS = (P + LANES - 1) / LANES, XS = (DP + 31) / 32;
  // A softmax is cut into segments that lie within a warp, each with a maximum of its own.
  static constexpr int SEGMENT = DP < 32 ? DP : 32, SEGMENTS = DP / SEGMENT;
  // Shared floats: exponentials of q and k (twice), x (four rows), beta (twice), maxima (twice).
  static constexpr int EXPONENTIALS = 0, X = 4 * DP, BETA = X + 4 * DP, MAXIMA = BETA + 8, SHARED_SIZE = MAXIMA + 8;
  static_assert(LANES >= 2 * DP, "logits of q and k lie in slot 0");

  const ForwardArguments<IO>& a;
  const Chain c;
  float* const s;
  const int thread, lane, warp;
  float W[SLOTS][DP], p[SLOTS], pending[SLOTS][SEGMENTS], shift, x_ready[XS], x_raw[XS];
  int part[SLOTS];
  bool logit;

  DEVICE ForwardTeam(const ForwardArguments<IO>& a, int64 chain, float* s, int thread)
      : a(a), c(a.g, chain), s(s), thread(thread), lane(thread % 32), warp(thread / 32) {
    UNROLL
    for (int i = 0; i < SLOTS; i++) part[i] = L::part(i * LANES + thread);
    logit = thread < 2 * DP && thread % DP < D;
  }

  DEVICE void load_x(int t) {
    UNROLL
    for (int i = 0; i < XS; i++) {
      const int e = lane + 32 * i;
      x_raw[i] = t < c.steps && e < D ? IO::load(c.row(a.x, t) + e) : 0.f;
    }
  }
  // x_ready <- x_raw, after the softmax where there is one.
  DEVICE void make_x() {
    if (!a.softmax) {
      UNROLL
      for (int i = 0; i < XS; i++) x_ready[i] = x_raw[i];
      return;
    }
    float m = NEGATIVE_INFINITY, sum = 0;
    UNROLL
    for (int i = 0; i < XS; i++) m = lane + 32 * i < D ? fmaxf(m, x_raw[i]) : m;
    m = max_lanes<SEGMENT>(m);
    UNROLL
    for (int i = 0; i < XS; i++) {
      x_ready[i] = lane + 32 * i < D ? exp2_fast((x_raw[i] - m) * LOG2E) : 0.f;
      sum += x_ready[i];
    }
    const float scale = reciprocal(sum_lanes<1, SEGMENT>(sum));
    UNROLL
    for (int i = 0; i < XS; i++) x_ready[i] *= scale;
  }
  DEVICE float* x_row(int t) const { return s + X + (t & 3) * DP; }
  // Hands x of step `t` to the team, and to the backward pass.
  DEVICE void put_x(int t) {
    UNROLL
    for (int i = 0; i < XS; i++) {
      const int e = lane + 32 * i;
      if (e >= DP) continue;
      put(x_row(t) + e, x_ready[i]);
      if (t >= c.steps) continue;
      if (a.save == SAVE_ALL) a.saved[(c.saved + t) * L::SAVED + L::SAVED_X + e] = x_ready[i];
      if (a.save == SAVE_STEP) a.saved[(c.saved + t) * L::STEP_SAVED + L::STEP_X + e] = x_ready[i];
    }
  }

  // W <- w + delta (delta may be null), and p <- x W for the row of x in shared memory.
  DEVICE void start(const float* delta, const float* x) {
    const float* w = a.w + c.h * D * C;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      const int column = L::column(i * LANES + opaque(thread));
      UNROLL
      for (int e = 0; e < DP; e++) {
        const bool inside = e < D && column >= 0;
        W[i][e] = inside ? w[e * C + column] + (delta ? delta[e * C + column] : 0.f) : 0.f;
      }
      UNROLL
      for (int g = 0; g < SEGMENTS; g++) pending[i][g] = 0;
      p[i] = 0;
    }
    UNROLL
    for (int e = 0; e < DP; e += 4) {
      const float4 v = get4(x + e);
      UNROLL
      for (int i = 0; i < SLOTS; i++)
        p[i] = fma(v.w, W[i][e + 3], fma(v.z, W[i][e + 2], fma(v.y, W[i][e + 1], fma(v.x, W[i][e], p[i]))));
    }
    shift = exact_shift();
  }
  // W <- delta alone: what the last update is then added to keeps the digits that w + delta would take from it.
  DEVICE void resume(const float* delta) {
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      const int column = L::column(i * LANES + opaque(thread));
      UNROLL
      for (int e = 0; e < DP; e++) W[i][e] = delta && e < D && column >= 0 ? delta[e * C + column] : 0.f;
    }
  }
  DEVICE float exact_shift() const { return max_lanes<SEGMENT>(logit ? p[0] : NEGATIVE_INFINITY); }

  // The update of W that the step before left.
  DEVICE void update(const float* exponentials) {
    UNROLL
    for (int e = 0; e < DP; e += 4) {
      const float4 k4 = get4(exponentials + DP + e);
      const float k[4] = {k4.x, k4.y, k4.z, k4.w};
      UNROLL
      for (int i = 0; i < SLOTS; i++) {
        UNROLL
        for (int j = 0; j < 4; j++) W[i][e + j] = fma(k[j], pending[i][e / SEGMENT], W[i][e + j]);
      }
    }
  }

  // Factors that make the exponentials of each segment the softmax of q and of k.
  DEVICE void scales(const float* exponentials, const float* maxima, float own, float (&rq)[SEGMENTS], float (&rk)[SEGMENTS]) const {
    if (Warps == 1) {
      const float r = reciprocal(sum_lanes<1, SEGMENT>(own));
      rq[0] = shuffle(r, 0);
      rk[0] = shuffle(r, DP);
      return;
    }
    float q = 0, k = 0;
    UNROLL
    for (int g = 0; g < SEGMENTS; g++) {
      rq[g] = rk[g] = 1;
      if (SEGMENTS > 1) {
        rq[g] = exp2_fast((get(maxima + g) - fmaxf(get(maxima), get(maxima + SEGMENTS - 1))) * LOG2E);
        const float* mk = maxima + SEGMENTS;
        rk[g] = exp2_fast((get(mk + g) - fmaxf(get(mk), get(mk + SEGMENTS - 1))) * LOG2E);
      }
      const int e = g * SEGMENT + lane % SEGMENT;
      q = fma(rq[g], get(exponentials + e), q);
      k = fma(rk[g], get(exponentials + DP + e), k);
    }
    q = reciprocal(sum_lanes<1, SEGMENT>(q));
    k = reciprocal(sum_lanes<1, SEGMENT>(k));
    UNROLL
    for (int g = 0; g < SEGMENTS; g++) rq[g] *= q, rk[g] *= k;
  }

  DEVICE void step(int t, bool fresh) {
    const int odd = t & 1;
    float *exponentials = s + EXPONENTIALS + odd * 2 * DP, *beta = s + BETA + odd * 4, *maxima = s + MAXIMA + odd * 4;
    const float own = logit ? exp2_fast((p[0] - shift) * LOG2E) : 0.f;
    if (!fresh) update(s + EXPONENTIALS + (1 - odd) * 2 * DP);
    if (thread < 2 * DP) put(exponentials + thread, own);
    if (SEGMENTS > 1 && lane == 0 && warp < 2 * SEGMENTS) put(maxima + warp, shift);
    typename IO::Type* y = InPlace ? c.row(a.y, t) : a.y.data + c.dense_row(a.g, t) * Y;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      const int j = L::index(i * LANES + thread);
      if (part[i] == Y_PART) IO::store(y + j, p[i]);
      if (part[i] == BETA_PART) put(beta + j, sigmoid(p[i]));
    }
    if (warp == Warps - 1) put_x(t + 2);
    sync_team<Warps>();
    if (warp == Warps - 1) {
      make_x();
      load_x(t + 4);
    }

    float rq[SEGMENTS], rk[SEGMENTS];
    scales(exponentials, maxima, own, rq, rk);
    float q_sum[SLOTS] = {}, k_sum[SLOTS] = {}, ahead[SLOTS] = {}, dot = 0;
    UNROLL
    for (int g = 0; g < SEGMENTS; g++) {
      float qg[SLOTS] = {}, kg[SLOTS] = {}, dg = 0;
      UNROLL
      for (int e = g * SEGMENT; e < (g + 1) * SEGMENT; e += 4) {
        const float4 q4 = get4(exponentials + e), k4 = get4(exponentials + DP + e), x4 = get4(x_row(t + 1) + e);
        const float qe[4] = {q4.x, q4.y, q4.z, q4.w}, ke[4] = {k4.x, k4.y, k4.z, k4.w}, xe[4] = {x4.x, x4.y, x4.z, x4.w};
        UNROLL
        for (int j = 0; j < 4; j++) {
          UNROLL
          for (int i = 0; i < SLOTS; i++) {
            qg[i] = fma(qe[j], W[i][e + j], qg[i]);
            kg[i] = fma(ke[j], W[i][e + j], kg[i]);
            ahead[i] = fma(xe[j], W[i][e + j], ahead[i]);
          }
          dg = fma(xe[j], ke[j], dg);
        }
      }
      UNROLL
      for (int i = 0; i < SLOTS; i++) q_sum[i] = fma(rq[g], qg[i], q_sum[i]), k_sum[i] = fma(rk[g], kg[i], k_sum[i]);
      dot = fma(rk[g], dg, dot);
    }
    const float ahead_shift = max_lanes<SEGMENT>(logit ? ahead[0] : NEGATIVE_INFINITY);
    float insertion[SLOTS];
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      insertion[i] = part[i] == NO_PART ? 0.f : get(beta + part[i]) * (q_sum[i] - k_sum[i]);
      UNROLL
      for (int g = 0; g < SEGMENTS; g++) pending[i][g] = insertion[i] * rk[g];
    }
    // Any shift gives the same softmax; the look-ahead's maximum serves unless the correction is large.
    UNROLL
    for (int i = 0; i < SLOTS; i++) p[i] = fma(dot, insertion[i], ahead[i]);
    shift = ahead_shift;
    if (any_lane(logit && !(fabsf(dot * insertion[0]) <= 60.f))) shift = exact_shift();
    if (a.save != SAVE_NOTHING) save(t, own, rq, rk, insertion, beta);
  }

  DEVICE void save(int t, float own, const float (&rq)[SEGMENTS], const float (&rk)[SEGMENTS], const float (&insertion)[SLOTS],
                   const float* beta) {
    const int e = thread % DP;
    const bool low = e < SEGMENT;
    const float r = thread < DP ? (low ? rq[0] : rq[SEGMENTS - 1]) : (low ? rk[0] : rk[SEGMENTS - 1]);
    if (a.save == SAVE_ALL) {
      float* to = a.saved + (c.saved + t) * L::SAVED;
      if (thread < 2 * DP) to[thread] = own * r;
      UNROLL
      for (int i = 0; i < SLOTS; i++) {
        const int position = i * LANES + thread;
        if (position < P4) to[L::SAVED_INSERTION + position] = insertion[i];
        if (part[i] == BETA_PART) to[L::SAVED_BETA + L::index(position)] = get(beta + L::index(position));
      }
    } else {
      float* to = a.saved + (c.saved + t) * L::STEP_SAVED;
      if (thread >= DP && thread < 2 * DP) to[e] = own * r;
      UNROLL
      for (int i = 0; i < SLOTS; i++) {
        const int position = i * LANES + thread - 2 * DP;
        if (position >= 0 && position < L::Y4) to[L::STEP_INSERTION + position] = position < Y ? insertion[i] : 0.f;
      }
    }
  }

  DEVICE void run() {
    const float* delta = a.delta ? a.delta + c.n * a.delta_n + c.h * a.delta_h : nullptr;
    float* out = a.delta_out + (InPlace ? c.n * a.delta_out_n + c.h * a.delta_out_h : c.state * D * C);
    if (c.steps == 0) {
      for (int i = thread; i < D * C; i += LANES) out[i] = delta ? delta[i] : 0.f;
      return;
    }
    if (warp == Warps - 1) {
      KEEP_LOOP
      for (int t = 0; t < 2; t++) {
        load_x(t);
        make_x();
        put_x(t);
      }
      load_x(2);
      make_x();
      load_x(3);
    }
    bool first = c.is_first(a.g, 0);
    sync_team<Warps>();
    KEEP_LOOP
    for (int t = 0; t < c.steps; t++) {
      const bool fresh = first || t == 0;
      if (fresh) start(first ? nullptr : delta, x_row(t));
      first = t + 1 < c.steps && c.is_first(a.g, t + 1);
      step(t, fresh);
    }
    if (InPlace) resume(c.is_first(a.g, 0) ? nullptr : delta);
    update(s + EXPONENTIALS + ((c.steps - 1) & 1) * 2 * DP);
    const float* w = a.w + c.h * D * C;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      const int column = L::column(i * LANES + opaque(thread));
      UNROLL
      for (int e = 0; e < D; e++) {
        if (column >= 0) out[e * C + column] = InPlace ? W[i][e] : W[i][e] - w[e * C + column];
      }
    }
  }
};

template <int Head, int Out, int Warps, int Teams, bool InPlace, class IO>
DEVICE void srwm_forward(const ForwardArguments<IO>& a) {
  using Team = ForwardTeam<Head, Out, Warps, InPlace, IO>;
  SHARED(shared, Teams * Team::SHARED_SIZE);
  // Where a team has its block to itself, all that follows from the chain is uniform, and costs no lane a register.
  const int team = Teams == 1 ? 0 : threadIdx.x / Team::LANES, thread = Teams == 1 ? threadIdx.x : threadIdx.x % Team::LANES;
  const int64 chain = Teams == 1 ? int64(blockIdx.x) : int64(blockIdx.x) * (blockDim.x / Team::LANES) + team;
  if (chain < a.g.N * a.g.H) Team(a, chain, shared + team * Team::SHARED_SIZE, thread).run();
}

// Every argument has eight bytes, so that a launch is a list of integers; the order is cuda_op.py's.
#define SRWM_FORWARD(name, Head, Out, Warps, Teams, InPlace, IO)                                                           \
  KERNEL void LAUNCH_BOUNDS(32 * Warps * Teams, Head <= 16 && Warps == 1 && !InPlace ? 5 : 1) name(                                    \
      int64 T, int64 B, int64 H, int64 N, const unsigned char* is_first, int64 is_first_t, int64 is_first_b,              \
      const int32* cu_seqlens, IO::Type* x, int64 x_t, int64 x_b, int64 x_h, const float* w, const float* delta,          \
      int64 delta_n, int64 delta_h, int64 softmax, int64 save, IO::Type* y, int64 y_t, int64 y_b, int64 y_h,              \
      float* delta_out, int64 delta_out_n, int64 delta_out_h, float* saved) {                                             \
    srwm_forward<Head, Out, Warps, Teams, InPlace, IO>({{T, B, H, N, is_first, is_first_t, is_first_b, cu_seqlens},       \
                                                        {x, x_t, x_b, x_h}, w, delta, delta_n, delta_h, softmax, save,    \
                                                        {y, y_t, y_b, y_h}, delta_out, delta_out_n, delta_out_h, saved}); \
  }
