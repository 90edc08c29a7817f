// srwm backward, one team of warps a chain. G = dL/dW lies in registers twice, once by column (for k G) and once by row (for
// G insertion); W only by row, walked back from the final state by W_t = W_{t+1} - k_t insertion_t. A team has PARTS lanes a row,
// neighbours in one warp; the first of them also owns column q_e, the second k_e, so that no softmax gradient has to move.
//
// Of a step's two barriers the first hands u = beta k G round, the second dpre; a team of several warps needs a third for the
// softmaxes' dot products. Look-ahead: the next step's k G and G insertion are formed from G before its update.
//
// The cotangent of the final state is kept out of G: what it adds to k G and G insertion of each step depends on nothing that
// the loop makes, and is summed in a first pass. So w gets the sum of all updates of G without cancelling anything.
#pragma once
#include "columns.cuh"

template <class IO>
struct BackwardArguments {
  Geometry g;
  Sequence<IO> x, dy;  // dy.data may be null; x is read from what the forward pass kept
  const float *w, *delta, *delta_out, *ddelta_out, *saved;
  int64 delta_n, delta_h, delta_out_n, delta_out_h, ddelta_out_n, ddelta_out_h, softmax;
  typename IO::Type* dx;  // [T, B, H, D]
  float* dw;              // [N, H, D, C], one sum a chain
  float* ddelta;          // [N, H, D, C] or null
  float* scratch;         // [B, H, T, SCRATCH] where there is a ddelta_out
};

template <int Head, int Out, int Warps, bool Final, class IO>
struct BackwardTeam : Columns<Head, Out> {
  using L = Columns<Head, Out>;
  using L::D, L::Y, L::DP, L::C, L::P, L::P4;
  static constexpr int LANES = 32 * Warps, PARTS = LANES / DP, FREE = DP * (PARTS - 2);
  static constexpr int SLOTS = 1 + (larger(0, Y + 4 - FREE) + LANES - 1) / LANES;
  // Columns of a row's part, how far apart the parts lie in shared memory, and what all of them take there.
  static constexpr int R = (P + PARTS - 1) / PARTS, STRIDE = round_up(R, 4), PP = STRIDE * PARTS;
  static constexpr int SCRATCH = LANES * (SLOTS + 1);
  // Columns of W's rows that a lane keeps in shared memory, its own and nobody else's: at D = 64 its registers end before its state.
  static constexpr int HOME = R > 32 ? 12 : 0;
  static constexpr int U = 0, INSERTION = U + 2 * PP, DPRE = INSERTION + 2 * PP, K = DPRE + PP, DIFFERENCE = K + 2 * DP,
                       X = DIFFERENCE + 2 * DP, DX = X + 2 * DP, SUMS = DX + 2 * DP, DOTS = SUMS + 4 * Warps,
                       HOMES = round_up(DOTS + 2 * Warps, 4), SHARED_SIZE = HOMES + HOME * LANES;
  static_assert(PARTS >= 2 && PARTS <= 32, "a row's lanes lie in one warp");

  // What one step reads from memory: two steps ahead what the look-ahead needs, one step ahead the rest.
  struct Write {
    float k, insertion[SLOTS];
  };
  struct Rest {
    float q, x, beta[SLOTS], own[SLOTS];  // own: dy of a y column, beta_j of a beta column
  };

  const BackwardArguments<IO>& a;
  const Chain c;
  float* const s;
  const int thread, lane, warp, e, h;
  float G[SLOTS][DP], Gr[R], Wr[R - HOME], v[SLOTS], p;
  int position[SLOTS];  // -1 where a lane owns no column
  int place[SLOTS];     // where that position lies in shared memory
  int beta_column;      // which of the four beta columns this lane owns, or 0
  int last_reset;     // no earlier step sees the final state's cotangent
  bool flushed;

  DEVICE BackwardTeam(const BackwardArguments<IO>& a, int64 chain, float* s, int thread)
      : a(a), c(a.g, chain), s(s), thread(thread), lane(thread % 32), warp(thread / 32), e(thread / PARTS),
        h(thread % PARTS), flushed(false) {
    beta_column = 0;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      const int rest = i == 0 ? e * (PARTS - 2) + h - 2 : FREE + (i - 1) * LANES + thread;
      position[i] = i == 0 && h < 2 ? h * DP + e : rest < Y + 4 ? 2 * DP + rest : -1;
      place[i] = position[i] / R * STRIDE + position[i] % R;
      if (position[i] >= 0 && L::part(position[i]) == BETA_PART) beta_column = L::index(position[i]);
    }
  }

  DEVICE const float* saved(int t) const { return a.saved + (c.saved + t) * L::SAVED; }

  // Column j of this lane's part of W.
  DEVICE float* home(int j) const { return s + HOMES + (j - (R - HOME)) * LANES + thread; }
  DEVICE float weight(int j) const { return j < R - HOME ? Wr[j < R - HOME ? j : 0] : get(home(j)); }
  DEVICE void set_weight(int j, float value) {
    if (j < R - HOME) Wr[j < R - HOME ? j : 0] = value;
    else put(home(j), value);
  }

  DEVICE void load(Write& to, int t) const {
    const bool inside = t >= 0;
    to.k = inside ? saved(t)[DP + e] : 0.f;
    UNROLL
    for (int i = 0; i < SLOTS; i++) to.insertion[i] = inside && position[i] >= 0 ? saved(t)[L::SAVED_INSERTION + position[i]] : 0.f;
  }
  DEVICE void load(Rest& to, int t) const {
    const bool inside = t >= 0;
    const float* from = saved(t);
    to.q = inside ? from[e] : 0.f;
    to.x = inside ? from[L::SAVED_X + e] : 0.f;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      to.beta[i] = to.own[i] = 0;
      if (!inside || position[i] < 0) continue;
      const int part = L::part(position[i]), index = L::index(position[i]);
      to.beta[i] = from[L::SAVED_BETA + part];
      if (part == Y_PART && a.dy.data) to.own[i] = IO::load(c.row(a.dy, t) + index);
      if (part == BETA_PART) to.own[i] = from[L::SAVED_BETA + index];
    }
  }

  // Where the entries of w [D, C] lie that this lane owns by column, or by row; -1 for what only fills up.
  DEVICE int entry(int i, int row) const {
    const int column = position[i] < 0 ? -1 : L::column(position[i]);
    return row < D && column >= 0 ? row * C + column : -1;
  }
  DEVICE int row_entry(int h, int j) const {
    const int column = L::column(h * R + j);
    return e < D && column >= 0 ? e * C + column : -1;
  }

  // Insertion of step t in column j of this lane's part of a row, straight from memory.
  DEVICE float insertion(int t, int j) const {
    return h * R + j < P ? saved(t)[L::SAVED_INSERTION + h * R + j] : 0.f;
  }
  DEVICE void add_insertion(int t, float scale) {
    UNROLL
    for (int j = 0; j < R; j++) {
      set_weight(j, fma(scale, insertion(t, j), weight(j)));
    }
  }
  DEVICE void start(const float* delta) {
    const float* w = a.w + c.h * D * C;
    const int hidden = opaque(h);
    UNROLL
    for (int j = 0; j < R; j++) {
      const int i = row_entry(hidden, j);
      set_weight(j, i < 0 ? 0.f : w[i] + (delta ? delta[i] : 0.f));
    }
  }
  // W <- the weights before step t, rebuilt from the start of its episode.
  DEVICE void replay(int t) {
    int first = t;
    while (first > 0 && !c.is_first(a.g, first)) first--;
    start(c.is_first(a.g, first) || !a.delta ? nullptr : a.delta + c.n * a.delta_n + c.h * a.delta_h);
    KEEP_LOOP
    for (int i = first; i < t; i++) add_insertion(i, saved(i)[DP + e]);
  }

  // The first step that sees the final state's cotangent.
  DEVICE int find_last_reset() const {
    int t = c.steps - 1;
    while (t > 0 && !c.is_first(a.g, t)) t--;
    return t;
  }

  // What the final state's cotangent adds to k G and G insertion of every step that sees it.
  DEVICE void first_pass() {
    last_reset = find_last_reset();
    const float* cotangent = a.ddelta_out + c.n * a.ddelta_out_n + c.h * a.ddelta_out_h;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      UNROLL
      for (int row = 0; row < DP; row++) G[i][row] = entry(i, row) < 0 ? 0.f : cotangent[entry(i, row)];
    }
    const int hidden = opaque(h);
    UNROLL
    for (int j = 0; j < R; j++) Gr[j] = row_entry(hidden, j) < 0 ? 0.f : cotangent[row_entry(hidden, j)];
    KEEP_LOOP
    for (int t = c.steps - 1; t >= last_reset; t--) {
      float sum[SLOTS] = {}, row = 0;
      UNROLL
      for (int i = 0; i < DP; i += 4) {
        const float4 k4 = *reinterpret_cast<const float4*>(saved(t) + DP + i);
        UNROLL
        for (int slot = 0; slot < SLOTS; slot++)
          sum[slot] = fma(k4.w, G[slot][i + 3], fma(k4.z, G[slot][i + 2], fma(k4.y, G[slot][i + 1], fma(k4.x, G[slot][i], sum[slot]))));
      }
      UNROLL
      for (int j = 0; j < R; j++) row = fma(insertion(t, j), Gr[j], row);
      row = sum_lanes<1, PARTS>(row);
      // Every lane reads back only what it wrote.
      float* to = a.scratch + (c.saved + t) * SCRATCH + thread;
      UNROLL
      for (int i = 0; i < SLOTS; i++) to[i * LANES] = sum[i];
      to[SLOTS * LANES] = row;
    }
  }
  DEVICE void add_final(int t) {
    if (!Final || t < last_reset || t < 0) return;
    const float* from = a.scratch + (c.saved + t) * SCRATCH + thread;
    UNROLL
    for (int i = 0; i < SLOTS; i++) v[i] += from[i * LANES];
    p += from[SLOTS * LANES];
  }

  // Four columns of a part in shared memory; those behind its end are not its own.
  struct Four {
    float v[4];
    DEVICE Four(const float* shared) {
      const float4 r = get4(shared);
      v[0] = r.x, v[1] = r.y, v[2] = r.z, v[3] = r.w;
    }
  };
  DEVICE static float dot(const Four& a, const float (&m)[R], int j, float sum) {
    UNROLL
    for (int l = 0; l < 4; l++) sum = j + l < R ? fma(a.v[l], m[j + l < R ? j + l : 0], sum) : sum;
    return sum;
  }
  DEVICE float dot_weights(const Four& a, int j, float sum) const {
    UNROLL
    for (int l = 0; l < 4; l++) sum = j + l < R ? fma(a.v[l], weight(j + l < R ? j + l : 0), sum) : sum;
    return sum;
  }
  DEVICE static float dot(const Four& a, const Four& b, int j, float sum) {
    UNROLL
    for (int l = 0; l < 4; l++) sum = j + l < R ? fma(a.v[l], b.v[l], sum) : sum;
    return sum;
  }

  DEVICE void step(int t, const Write& write, const Rest& now, const Write& before) {
    const int odd = (t & 1);
    float *su = s + U + odd * PP, *si = s + INSERTION + odd * PP, *sd = s + DPRE, *sk = s + K + odd * DP,
          *sdiff = s + DIFFERENCE + odd * DP, *sx = s + X + odd * DP, *sdx = s + DX + odd * DP;
    const float difference = now.q - write.k;
    float u[SLOTS], d[SLOTS], parts[4] = {0, 0, 0, 0};
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      u[i] = now.beta[i] * v[i];
      if (position[i] < 0) continue;
      put(su + place[i], u[i]);
      put(si + place[i], before.insertion[i]);
      const int part = L::part(position[i]);
      UNROLL
      for (int j = 0; j < 4; j++) parts[j] += part == j ? v[i] * write.insertion[i] : 0.f;
    }
    if (h == 0) put(sdiff + e, difference), put(sx + e, now.x);
    if (h == 1) put(sk + e, before.k);
    float part_sum = sum_four(parts, lane);
    if (Warps > 1 && lane % 8 == 0) put(s + SUMS + 4 * warp + lane / 8, part_sum);
    sync_team<Warps>();

    if (Warps > 1 && a.softmax && warp == Warps - 1 && t + 1 < c.steps) finish_dx(t + 1);
    // This lane's part of its row; two sums each, because half a chain of dependent multiply-adds is half the wait.
    const float *ur = su + h * STRIDE, *ir = si + h * STRIDE, *dr = sd + h * STRIDE;
    float r = 0, r1 = 0;
    UNROLL
    for (int j = 0; j < R; j += 4) (j % 8 ? r1 : r) = dot_weights(Four(ur + j), j, j % 8 ? r1 : r);
    r = sum_lanes<1, PARTS>(r + r1);
    const float own = h == 0 ? now.q : h == 1 ? write.k : 0.f, g = h == 0 ? r : p - r;
    float softmax_dot = sum_lanes<PARTS, 32>(own * g);
    if (Warps > 1) {
      if (lane < 2) put(s + DOTS + 2 * warp + lane, softmax_dot);
      sync_team<Warps>();
      softmax_dot = part_sum = 0;
      UNROLL
      for (int i = 0; i < Warps; i++) {
        softmax_dot += get(s + DOTS + 2 * i + (h & 1));
        part_sum += get(s + SUMS + 4 * i + beta_column);
      }
    } else {
      part_sum = shuffle(part_sum, 8 * beta_column);
    }
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      d[i] = 0;
      if (position[i] < 0) continue;
      const int part = L::part(position[i]);
      d[i] = part == Y_PART ? now.own[i] : part == BETA_PART ? (1.f - now.own[i]) * part_sum : own * (g - softmax_dot);
      put(sd + place[i], d[i]);
    }

    // Look-ahead from G before its update, then the update.
    float ahead[SLOTS] = {}, dk = 0, xk = 0;
    UNROLL
    for (int row = 0; row < DP; row += 4) {
      const float4 k4 = get4(sk + row), d4 = get4(sdiff + row), x4 = get4(sx + row);
      const float ke[4] = {k4.x, k4.y, k4.z, k4.w}, de[4] = {d4.x, d4.y, d4.z, d4.w}, xe[4] = {x4.x, x4.y, x4.z, x4.w};
      UNROLL
      for (int j = 0; j < 4; j++) {
        dk = fma(de[j], ke[j], dk);
        xk = fma(xe[j], ke[j], xk);
        UNROLL
        for (int i = 0; i < SLOTS; i++) {
          ahead[i] = fma(ke[j], G[i][row + j], ahead[i]);
          G[i][row + j] = fma(de[j], u[i], fma(xe[j], d[i], G[i][row + j]));
        }
      }
    }
    UNROLL
    for (int i = 0; i < SLOTS; i++) v[i] = fma(dk, u[i], fma(xk, d[i], ahead[i]));
    float row_ahead = 0, ui = 0;
    UNROLL
    for (int j = 0; j < R; j += 4) {
      const Four i4(ir + j);
      row_ahead = dot(i4, Gr, j, row_ahead);
      ui = dot(Four(ur + j), i4, j, ui);
    }
    // G of the step before times its insertion, without what dpre adds.
    row_ahead = sum_lanes<1, PARTS>(fma(difference, ui, row_ahead));
    sync_team<Warps>();

    float dx = 0, di = 0;
    UNROLL
    for (int j = 0; j < R; j += 4) {
      const Four u4(ur + j), i4(ir + j), d4(dr + j);
      dx = dot_weights(d4, j, dx);
      di = dot(d4, i4, j, di);
      UNROLL
      for (int l = 0; l < 4; l++) {
        if (j + l >= R) continue;
        Gr[j + l] = fma(difference, u4.v[l], fma(now.x, d4.v[l], Gr[j + l]));
        set_weight(j + l, fma(-before.k, i4.v[l], weight(j + l)));
      }
    }
    dx = sum_lanes<1, PARTS>(dx);
    p = fma(now.x, sum_lanes<1, PARTS>(di), row_ahead);
    add_final(t - 1);
    if (!a.softmax) {
      if (h == 0 && e < D) IO::store(dx_row(t) + e, dx);
    } else if (Warps == 1) {
      const float mean = sum_lanes<PARTS, 32>(now.x * dx);
      if (h == 0 && e < D) IO::store(dx_row(t) + e, now.x * (dx - mean));
    } else if (h == 0) {
      put(sdx + e, dx);
    }
  }

  DEVICE typename IO::Type* dx_row(int t) const { return a.dx + c.dense_row(a.g, t) * D; }

  // One warp's end of step t where a row's lanes lie in several warps: the gradient before the input's softmax.
  DEVICE void finish_dx(int t) const {
    const float *sx = s + X + (t & 1) * DP, *sdx = s + DX + (t & 1) * DP;
    constexpr int XS = (DP + 31) / 32;
    float x[XS], dx[XS], mean = 0;
    UNROLL
    for (int i = 0; i < XS; i++) {
      const int row = lane + 32 * i;
      x[i] = row < DP ? get(sx + row) : 0.f;
      dx[i] = row < DP ? get(sdx + row) : 0.f;
      mean = fma(x[i], dx[i], mean);
    }
    mean = sum_lanes<1, 32>(mean);
    UNROLL
    for (int i = 0; i < XS; i++) {
      if (lane + 32 * i < D) IO::store(dx_row(t) + lane + 32 * i, x[i] * (dx[i] - mean));
    }
  }

  // dw <- dw + G; there is a first time.
  DEVICE void flush() {
    float* dw = a.dw + c.state * D * C;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      UNROLL
      for (int row = 0; row < DP; row++) {
        const int to = entry(i, row);
        if (to >= 0) dw[to] = (flushed ? dw[to] : 0.f) + G[i][row];
      }
    }
    flushed = true;
  }
  DEVICE void clear() {
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      v[i] = 0;
      UNROLL
      for (int row = 0; row < DP; row++) G[i][row] = 0;
    }
    UNROLL
    for (int j = 0; j < R; j++) Gr[j] = 0;
    p = 0;
  }

  DEVICE void run() {
    if (!Final) last_reset = 0;
    bool seen_by_start = true;  // whether the final state's cotangent reaches the initial state
    if (c.steps > 0) {
      if (Final && Warps > 1) last_reset = find_last_reset();
      seen_by_start = !c.is_first(a.g, last_reset);
      for (int i = thread; i < K; i += LANES) put(s + i, 0.f);
      sync_team<Warps>();
    }
    clear();
    if (c.steps > 0) {
      start(a.delta_out + c.n * a.delta_out_n + c.h * a.delta_out_h);
      Write write, before;
      Rest now;
      load(write, c.steps - 1);
      load(before, c.steps - 2);
      load(now, c.steps - 1);
      add_insertion(c.steps - 1, -write.k);
      add_final(c.steps - 1);
      KEEP_LOOP
      for (int t = c.steps - 1; t >= 0; t--) {
        Write next;
        Rest then;
        load(next, t - 2);
        load(then, t - 1);
        const bool first = c.is_first(a.g, t);
        step(t, write, now, before);
        if (first) {
          flush();
          // Before G is cleared, so that its registers are free for what the replay reads.
          if (t > 0) replay(t - 1);
          clear();
        }
        write = before;
        before = next;
        now = then;
      }
      if (Warps > 1 && a.softmax) {
        sync_team<Warps>();
        if (warp == Warps - 1) finish_dx(0);
      }
    }
    flush();
    if (!a.ddelta) return;
    float* to = a.ddelta + c.state * D * C;
    const float* cotangent = Final && seen_by_start ? a.ddelta_out + c.n * a.ddelta_out_n + c.h * a.ddelta_out_h : nullptr;
    UNROLL
    for (int i = 0; i < SLOTS; i++) {
      UNROLL
      for (int row = 0; row < DP; row++) {
        const int at = entry(i, row);
        if (at >= 0) to[at] = G[i][row] + (cotangent ? cotangent[at] : 0.f);
      }
    }
  }
};

template <int Head, int Out, int Warps, int Teams, bool Final, class IO>
DEVICE void srwm_backward(const BackwardArguments<IO>& a) {
  using Team = BackwardTeam<Head, Out, Warps, Final, IO>;
  SHARED(shared, Teams * Team::SHARED_SIZE);
  // Where a team has its block to itself, all that follows from the chain is uniform, and costs no lane a register.
  const int team = Teams == 1 ? 0 : threadIdx.x / Team::LANES, thread = Teams == 1 ? threadIdx.x : threadIdx.x % Team::LANES;
  const int64 chain = Teams == 1 ? int64(blockIdx.x) : int64(blockIdx.x) * (blockDim.x / Team::LANES) + team;
  if (chain >= a.g.N * a.g.H) return;
  float* const own = shared + team * Team::SHARED_SIZE;
  if (Final && Warps > 1) {
    // Two objects, of which the compiler may not know that they are equal: nothing of the first takes a register of the second's.
    Team first(a, opaque(chain), own, opaque(thread));
    if (first.c.steps > 0) first.first_pass();
    Team(a, opaque(chain), own, thread).run();
  } else {
    Team whole(a, chain, own, thread);
    if (Final && whole.c.steps > 0) whole.first_pass();
    whole.run();
  }
}

#define SRWM_BACKWARD_PARAMETERS(IO)                                                                                       \
  int64 T, int64 B, int64 H, int64 N, const unsigned char* is_first, int64 is_first_t, int64 is_first_b,                   \
      const int32* cu_seqlens, IO::Type* x, int64 x_t, int64 x_b, int64 x_h, IO::Type* dy, int64 dy_t, int64 dy_b,         \
      int64 dy_h, const float* w, const float* delta, int64 delta_n, int64 delta_h, const float* delta_out,                \
      int64 delta_out_n, int64 delta_out_h, const float* ddelta_out, int64 ddelta_out_n, int64 ddelta_out_h,               \
      const float* saved, int64 softmax, IO::Type* dx, float* dw, float* ddelta, float* scratch
#define SRWM_BACKWARD_ARGUMENTS                                                                                            \
  {{T, B, H, N, is_first, is_first_t, is_first_b, cu_seqlens}, {x, x_t, x_b, x_h}, {dy, dy_t, dy_b, dy_h},                 \
   w, delta, delta_out, ddelta_out, saved, delta_n, delta_h, delta_out_n, delta_out_h, ddelta_out_n, ddelta_out_h,         \
   softmax, dx, dw, ddelta, scratch}

#define SRWM_BACKWARD(name, Head, Out, Warps, Teams, Final, IO)                                                            \
  KERNEL void LAUNCH_BOUNDS(32 * Warps * Teams, 1) name(SRWM_BACKWARD_PARAMETERS(IO)) {                                    \
    srwm_backward<Head, Out, Warps, Teams, Final, IO>(SRWM_BACKWARD_ARGUMENTS);                                            \
  }
