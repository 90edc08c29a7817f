// delta_rule backward, two kernels one after the other (README.md, "Backward"). dwrite = k G sums over rows, so that the first has
// columns of G and leaves dwrite of every step; everything else sums over columns, so that the second has rows: of G on the way
// back, of W on the way forth.
#pragma once
#include "forward.cuh"

template <class IO>
struct BackwardArguments {
  Geometry g;
  Sequence<IO> output_gradient, q, k, beta;          // output_gradient.data may be null
  const float *end_gradient, *state, *saved;         // the first two may be null
  int64 end_gradient_n, end_gradient_h, state_n, state_h, step;  // step: bptt="step", the state enters detached
  float *dwrite, *dk_part, *dstate;                  // [T, B, H, V], [T, B, H, K], [N, H, K, V] or null
  typename IO::Type *dq, *dk, *dv, *dbeta;           // dense, like q, k, v and beta
  DEVICE const float* cotangent(const Chain& c) const {
    return end_gradient ? end_gradient + c.n * end_gradient_n + c.h * end_gradient_h : nullptr;
  }
  DEVICE const typename IO::Type* output(const Chain& c, int t) const {
    return output_gradient.data ? c.row(output_gradient, t) : nullptr;
  }
};

template <int Keys, int Values, class IO>
struct ColumnsWarp {
  using L = Line<Keys, Values, false>;
  static constexpr int SHARED_SIZE = 4 * L::SHARED_SIZE;

  struct Inputs {
    typename L::Vector k, q;
    float output_gradient, beta;
    bool first;
    DEVICE void load(const BackwardArguments<IO>& a, const Chain& c, const L& line, int t) {
      if (t < 0) return;
      k.template load<IO>(c.row(a.k, t), line.lane);
      q.template load<IO>(c.row(a.q, t), line.lane);
      output_gradient = a.output_gradient.data && line.line < L::V ? IO::load(a.output(c, t) + line.line) : 0.f;
      beta = IO::load(c.row(a.beta, t));
      first = c.is_first(a.g, t);
    }
  };

  DEVICE static void run(const BackwardArguments<IO>& a, int64 program, float* s, int lane) {
    const Chain c(a.g, program / L::WARPS);
    L G(lane, int(program % L::WARPS));
    Inputs next;
    next.load(a, c, G, c.steps - 1);
    G.read(a.step ? nullptr : a.cotangent(c));
    KEEP_LOOP
    for (int t = c.steps - 1; t >= 0; t--) {
      float *k = s + (t & 1) * 2 * L::SHARED_SIZE, *q = k + L::SHARED_SIZE;
      const Inputs now = next;
      now.k.put_into(k, lane);
      now.q.put_into(q, lane);
      sync_warp();
      next.load(a, c, G, t - 1);
      G.add(now.output_gradient, q);
      const float dwrite = G.dot(k), dv = now.beta * dwrite;
      if (a.step || now.first) G.clear();
      else G.add(-dv, k);
      if (!G.first()) continue;
      a.dwrite[c.dense_row(a.g, t) * L::V + G.line] = dwrite;
      IO::store(a.dv + c.dense_row(a.g, t) * L::V + G.line, dv);
    }
  }
};

template <int Keys, int Values, class IO>
struct RowsWarp {
  using L = Line<Keys, Values, true>;
  static constexpr int SHARED_SIZE = 6 * L::SHARED_SIZE;

  struct Inputs {
    typename L::Vector output_gradient, difference, dwrite;
    float q, k, beta;
    bool first;
    DEVICE void load(const BackwardArguments<IO>& a, const Chain& c, const L& line, int t) {
      if (t < 0 || t >= c.steps) return;
      const int64 row = c.dense_row(a.g, t) * L::V;
      output_gradient.template load<IO>(a.output(c, t), line.lane);
      difference.template load<Float32>(a.saved + row, line.lane);
      dwrite.template load<Float32>(a.dwrite + row, line.lane);
      q = line.line < L::K ? IO::load(c.row(a.q, t) + line.line) : 0.f;
      k = line.line < L::K ? IO::load(c.row(a.k, t) + line.line) : 0.f;
      beta = IO::load(c.row(a.beta, t));
      first = c.is_first(a.g, t);
    }
    // Hands the vectors round: the output's gradient, what was written, and the gradient of the difference.
    DEVICE void put_into(float* shared, int lane) const {
      output_gradient.put_into(shared, lane);
      difference.put_into(shared + L::SHARED_SIZE, lane, beta);
      dwrite.put_into(shared + 2 * L::SHARED_SIZE, lane, beta);
    }
  };

  DEVICE static void run(const BackwardArguments<IO>& a, int64 program, float* s, int lane) {
    const Chain c(a.g, program / L::WARPS);
    const int block = int(program % L::WARPS);
    L m(lane, block);
    Inputs next;
    next.load(a, c, m, c.steps - 1);
    m.read(a.step ? nullptr : a.cotangent(c));
    KEEP_LOOP
    for (int t = c.steps - 1; t >= 0; t--) {
      float *output = s + (t & 1) * 3 * L::SHARED_SIZE, *write = output + L::SHARED_SIZE, *dv = write + L::SHARED_SIZE;
      const Inputs now = next;
      now.put_into(output, lane);
      sync_warp();
      next.load(a, c, m, t - 1);
      m.add(now.q, output);
      const float dk = m.dot(write);
      if (a.step || now.first) m.clear();
      else m.add(-now.k, dv);
      if (m.first()) a.dk_part[c.dense_row(a.g, t) * L::K + m.line] = dk;
      if (block > 0) continue;
      float sum = 0;
      UNROLL
      for (int i = 0; i < L::LOADS; i++) sum = fma(now.dwrite.v[i], now.difference.v[i], sum);
      sum = sum_lanes<1, 32>(sum);
      if (lane == 0) IO::store(a.dbeta + c.dense_row(a.g, t), sum);
    }
    if (a.dstate) m.write(a.dstate + c.state * L::K * L::V);

    next.load(a, c, m, 0);
    m.read(a.state ? a.state + c.n * a.state_n + c.h * a.state_h : nullptr);
    // The first steps of this walk write where the last steps of the other one are still read.
    sync_warp();
    KEEP_LOOP
    for (int t = 0; t < c.steps; t++) {
      float *output = s + (t & 1) * 3 * L::SHARED_SIZE, *write = output + L::SHARED_SIZE, *dv = write + L::SHARED_SIZE;
      const Inputs now = next;
      now.put_into(output, lane);
      sync_warp();
      next.load(a, c, m, t + 1);
      if (now.first) m.clear();
      const float through_w = m.dot(dv);
      m.add(now.k, write);
      const float dq = m.dot(output);
      if (!m.first()) continue;
      // This lane wrote that part itself.
      const int64 at = c.dense_row(a.g, t) * L::K + m.line;
      IO::store(a.dk + at, a.dk_part[at] - through_w);
      IO::store(a.dq + at, dq);
    }
  }
};

#define DELTA_RULE_BACKWARD(kind, name, K, V, Teams, IO)                                                                   \
  KERNEL void LAUNCH_BOUNDS(32 * Teams, 1) name(                                                                           \
      DELTA_RULE_GEOMETRY, DELTA_RULE_SEQUENCE(IO, output), DELTA_RULE_SEQUENCE(IO, q), DELTA_RULE_SEQUENCE(IO, k),        \
      DELTA_RULE_SEQUENCE(IO, beta), const float* end_gradient, int64 end_gradient_n, int64 end_gradient_h,                \
      const float* state, int64 state_n, int64 state_h, const float* saved, float* dwrite, float* dk_part, float* dstate,  \
      IO::Type* dq, IO::Type* dk, IO::Type* dv, IO::Type* dbeta, int64 step) {                                             \
    using Warp = kind<K, V, IO>;                                                                                           \
    run_warps<Warp, Warp::L::WARPS, Teams>(BackwardArguments<IO>{                                                          \
        {T, B, H, N, is_first, is_first_t, is_first_b, cu_seqlens}, DELTA_RULE_PLACE(output), DELTA_RULE_PLACE(q),         \
        DELTA_RULE_PLACE(k), DELTA_RULE_PLACE(beta), end_gradient, state, saved, end_gradient_n, end_gradient_h, state_n,  \
        state_h, step, dwrite, dk_part, dstate, dq, dk, dv, dbeta});                                                       \
  }
#define DELTA_RULE_COLUMNS(...) DELTA_RULE_BACKWARD(ColumnsWarp, __VA_ARGS__)
#define DELTA_RULE_ROWS(...) DELTA_RULE_BACKWARD(RowsWarp, __VA_ARGS__)
