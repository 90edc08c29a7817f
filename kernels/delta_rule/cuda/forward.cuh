// delta_rule forward: a warp has some columns of one chain's fast weights in its registers, from the first step to the last. All it
// shares with others is what it reads; within it, k and q go round in shared memory behind one __syncwarp a step.
#pragma once
#include "lines.cuh"

template <class IO>
struct ForwardArguments {
  Geometry g;
  Sequence<IO> q, k, v, beta, o;
  const float* state;  // [N, H, K, V] or null
  float* end;          // the same; it may be `state` itself
  float* saved;        // [T, B, H, V]: v - k W of every step, or null
  int64 state_n, state_h, end_n, end_h;
};

template <int Keys, int Values, class IO>
struct ForwardWarp {
  using L = Line<Keys, Values, false>;
  static constexpr int SHARED_SIZE = 4 * L::SHARED_SIZE;

  // One step's inputs, read one step ahead: the recurrence would wait for them.
  struct Inputs {
    typename L::Vector k, q;
    float v, beta;
    bool first;
    DEVICE void load(const ForwardArguments<IO>& a, const Chain& c, const L& line, int t) {
      if (t >= c.steps) return;
      k.template load<IO>(c.row(a.k, t), line.lane);
      q.template load<IO>(c.row(a.q, t), line.lane);
      v = line.line < L::V ? IO::load(c.row(a.v, t) + line.line) : 0.f;
      beta = IO::load(c.row(a.beta, t));
      first = c.is_first(a.g, t);
    }
  };

  DEVICE static void run(const ForwardArguments<IO>& a, int64 program, float* s, int lane) {
    const Chain c(a.g, program / L::WARPS);
    L w(lane, int(program % L::WARPS));
    Inputs next;
    next.load(a, c, w, 0);
    w.read(a.state ? a.state + c.n * a.state_n + c.h * a.state_h : nullptr);
    KEEP_LOOP
    for (int t = 0; t < c.steps; t++) {
      float *k = s + (t & 1) * 2 * L::SHARED_SIZE, *q = k + L::SHARED_SIZE;
      const Inputs now = next;
      now.k.put_into(k, lane);
      now.q.put_into(q, lane);
      sync_warp();
      next.load(a, c, w, t + 1);
      if (now.first) w.clear();
      const float difference = now.v - w.dot(k);
      w.add(now.beta * difference, k);
      const float o = w.dot(q);
      if (!w.first()) continue;
      IO::store(c.row(a.o, t) + w.line, o);
      if (a.saved) a.saved[c.dense_row(a.g, t) * L::V + w.line] = difference;
    }
    w.write(a.end + c.n * a.end_n + c.h * a.end_h);
  }
};

// Runs a warp's program where there is one: a block has `Teams` of them, or one.
template <class Warp, int Programs, int Teams, class Arguments>
DEVICE void run_warps(const Arguments& a) {
  SHARED(shared, Teams * Warp::SHARED_SIZE);
  const int team = threadIdx.x / 32;
  const int64 program = int64(blockIdx.x) * (blockDim.x / 32) + team;
  if (program < a.g.N * a.g.H * Programs) Warp::run(a, program, shared + team * Warp::SHARED_SIZE, threadIdx.x % 32);
}

#define DELTA_RULE_GEOMETRY                                                                                                \
  int64 T, int64 B, int64 H, int64 N, const unsigned char *is_first, int64 is_first_t, int64 is_first_b, const int32 *cu_seqlens
#define DELTA_RULE_SEQUENCE(IO, name) IO::Type *name, int64 name##_t, int64 name##_b, int64 name##_h
#define DELTA_RULE_PLACE(name) \
  { name, name##_t, name##_b, name##_h }

// Every argument has eight bytes, so that a launch is a list of integers; the order is cuda_op.py's.
#define DELTA_RULE_FORWARD(name, K, V, Teams, IO)                                                                          \
  KERNEL void LAUNCH_BOUNDS(32 * Teams, 1) name(                                                                           \
      DELTA_RULE_GEOMETRY, DELTA_RULE_SEQUENCE(IO, q), DELTA_RULE_SEQUENCE(IO, k), DELTA_RULE_SEQUENCE(IO, v),             \
      DELTA_RULE_SEQUENCE(IO, beta), DELTA_RULE_SEQUENCE(IO, o), const float* state, int64 state_n, int64 state_h,         \
      float* end, int64 end_n, int64 end_h, float* saved) {                                                                \
    using Warp = ForwardWarp<K, V, IO>;                                                                                    \
    run_warps<Warp, Warp::L::WARPS, Teams>(ForwardArguments<IO>{                                                           \
        {T, B, H, N, is_first, is_first_t, is_first_b, cu_seqlens}, DELTA_RULE_PLACE(q), DELTA_RULE_PLACE(k),              \
        DELTA_RULE_PLACE(v), DELTA_RULE_PLACE(beta), DELTA_RULE_PLACE(o), state, end, saved, state_n, state_h, end_n,      \
        end_h});                                                                                                           \
  }
