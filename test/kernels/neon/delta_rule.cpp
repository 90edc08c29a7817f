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
  const Geometry g{.T = T,
                   .B = B,
                   .H = H,
                   .K = K,
                   .V = V,
                   .is_first = first,
                   .is_first_t = B,
                   .is_first_b = 1,
                   .cu_seqlens = nullptr,
                   .step = false};
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
    const Forward<float> f{.geometry = g,
                           .q = of_time(q, K),
                           .k = of_time(k, K),
                           .v = of_time(v, V),
                           .beta = of_time(beta, 1),
                           .start = all(start),
                           .o = o.data(),
                           .end = end.data(),
                           .saved = saved.data()};
    sets[s]->forward(f, 0, B * H);
    const Backward<float> b{.geometry = g,
                            .q = f.q,
                            .k = f.k,
                            .beta = f.beta,
                            .d_o = of_time(d_o, V),
                            .start = all(start),
                            .dend = all(dend),
                            .saved = saved.data(),
                            .dq = dq.data(),
                            .dk = dk.data(),
                            .dv = dv.data(),
                            .dbeta = dbeta.data(),
                            .dstart = dstart.data()};
    sets[s]->backward(b, 0, B * H);
    const Step<float> a{.B = B,
                        .H = H,
                        .K = K,
                        .V = V,
                        .q = f.q,
                        .k = f.k,
                        .v = f.v,
                        .beta = f.beta,
                        .state = acting.data(),
                        .state_b = H * K * V,
                        .state_h = K * V,
                        .is_first = nullptr,
                        .is_first_b = 0,
                        .o = os.data(),
                        .o_b = H * V,
                        .o_h = V};
    sets[s]->step(a, 0, B * H);
    for (const auto* r : {&o, &end, &dq, &dk, &dv, &dbeta, &dstart, &acting, &os})
      results[s].insert(results[s].end(), r->begin(), r->end());
  }
  return worst(results[0], results[1]);
}

int main() { return all_sizes(check); }
