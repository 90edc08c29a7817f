// Runs the NEON kernels and the portable ones on the same numbers; prints the largest difference. For an emulator.
#include "../../../kernels/delta_rule/cpu/args.h"
#include "check.h"

using namespace delta_rule;

static double check(int64_t K, int64_t V) {
  const int64_t T = 6, B = 2, H = 2, width = (V + 15) / 16 * 16;
  const float unit = 1 / std::sqrt(float(K));
  const auto q = fill(T * B * H * K, unit), k = fill(T * B * H * K, unit), v = fill(T * B * H * V, 1);
  const auto start = fill(B * H * K * V, 0.5f), d_o = fill(T * B * H * V, 1), dend = fill(B * H * K * V, 1);
  auto beta = fill(T * B * H, 0.5f);
  for (float& rate : beta) rate += 0.5f;
  bool first[T * B] = {};
  first[3 * B] = first[5 * B + 1] = true;
  Geometry g{};
  g.T = T, g.B = B, g.H = H, g.K = K, g.V = V, g.is_first = first, g.is_first_t = B, g.is_first_b = 1;
  std::vector<float> results[2];
  const Kernels<float>* sets[2] = {&kernels_neon, &kernels_portable_float};
  for (int s = 0; s < 2; s++) {
    std::vector<float> o(T * B * H * V), end(B * H * K * V), saved(B * H * T * width);
    std::vector<float> dq(q.size()), dk(k.size()), dv(v.size()), dbeta(beta.size()), dstart(start.size());
    std::vector<float> acting = start, os(B * H * V);
    const auto of_time = [&](const std::vector<float>& m, int64_t n) {
      return Sequence<float>{m.data(), B * H * n, H * n, n, srwm::Stored::as_computed};
    };
    const auto all = [&](const std::vector<float>& m) { return Matrices<float>{m.data(), H * K * V, K * V}; };
    Forward<float> f{};
    f.geometry = g, f.q = of_time(q, K), f.k = of_time(k, K), f.v = of_time(v, V), f.beta = of_time(beta, 1);
    f.start = all(start), f.o = o.data(), f.end = end.data(), f.saved = saved.data();
    sets[s]->forward(f, 0, B * H);
    Backward<float> b{};
    b.geometry = g, b.q = f.q, b.k = f.k, b.beta = f.beta, b.d_o = of_time(d_o, V), b.start = all(start);
    b.dend = all(dend), b.saved = saved.data(), b.dq = dq.data(), b.dk = dk.data(), b.dv = dv.data();
    b.dbeta = dbeta.data(), b.dstart = dstart.data();
    sets[s]->backward(b, 0, B * H);
    Step<float> a{};
    a.B = B, a.H = H, a.K = K, a.V = V, a.q = f.q, a.k = f.k, a.v = f.v, a.beta = f.beta, a.state = acting.data();
    a.state_b = H * K * V, a.state_h = K * V, a.o = os.data(), a.o_b = H * V, a.o_h = V;
    sets[s]->step(a, 0, B * H);
    for (const auto* r : {&o, &end, &dq, &dk, &dv, &dbeta, &dstart, &acting, &os})
      results[s].insert(results[s].end(), r->begin(), r->end());
  }
  return worst(results[0], results[1]);
}

int main() { return all_sizes(check); }
