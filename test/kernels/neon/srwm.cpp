// Runs the NEON kernels and the portable ones on the same numbers; prints the largest difference. For an emulator.
#include "../../../kernels/srwm/cpu/args.h"
#include "check.h"

using namespace srwm;

static double check(int64_t D, int64_t Y) {
  const int64_t T = 6, B = 2, H = 2, C = Y + 2 * D + 4, DP = (D + 15) / 16 * 16, YP = (Y + 15) / 16 * 16;
  const int64_t width = 4 * DP + YP + 16;
  const auto x = fill(T * B * H * D, 1), w = fill(H * D * C, 0.5f), delta = fill(B * H * D * C, 0.2f);
  const auto dy = fill(T * B * H * Y, 1), ddelta = fill(B * H * D * C, 1);
  bool first[T * B] = {};
  first[3 * B] = first[5 * B + 1] = true;
  const Geometry g{.T = T,
                   .B = B,
                   .H = H,
                   .D = D,
                   .Y = Y,
                   .is_first = first,
                   .is_first_t = B,
                   .is_first_b = 1,
                   .cu_seqlens = nullptr,
                   .input_softmax = true,
                   .step = false};
  std::vector<float> results[2];
  const Kernels<float>* sets[2] = {&kernels_neon, &kernels_portable_float};
  for (int s = 0; s < 2; s++) {
    std::vector<float> y(T * B * H * Y), end(B * H * D * C), saved(B * H * T * width);
    std::vector<float> dx(T * B * H * D), partial(B * H * D * C), dw, dd(B * H * D * C), acting = delta, ys(B * H * Y);
    std::vector<const float*> of_w(B * H);
    const Sequence<float> xs{x.data(), B * H * D, H * D, D, Stored::as_computed};
    const Sequence<float> dys{dy.data(), B * H * Y, H * Y, Y, Stored::as_computed};
    const auto all = [&](const std::vector<float>& m) { return Matrices<float>{m.data(), H * D * C, D * C}; };
    const Forward<float> f{.geometry = g,
                           .x = xs,
                           .w = w.data(),
                           .delta = all(delta),
                           .y = y.data(),
                           .delta_out = end.data(),
                           .saved = saved.data(),
                           .stream = false};
    sets[s]->forward(f, 0, B * H);
    const Backward<float> b{.geometry = g,
                            .x = xs,
                            .dy = dys,
                            .w = w.data(),
                            .delta = all(delta),
                            .delta_out = all(end),
                            .ddelta_out = all(ddelta),
                            .saved = saved.data(),
                            .dx = dx.data(),
                            .dw_partial = partial.data(),
                            .ddelta = dd.data(),
                            .of_w = of_w.data()};
    sets[s]->backward(b, 0, B * H);
    for (const float* of_chain : of_w) dw.insert(dw.end(), of_chain, of_chain + D * C);
    const Step<float> a{.B = B,
                        .H = H,
                        .D = D,
                        .Y = Y,
                        .x = xs,
                        .w = w.data(),
                        .delta = acting.data(),
                        .delta_b = H * D * C,
                        .delta_h = D * C,
                        .is_first = nullptr,
                        .is_first_b = 0,
                        .y = ys.data(),
                        .y_b = H * Y,
                        .y_h = Y,
                        .input_softmax = true};
    sets[s]->step(a, 0, B * H);
    for (const auto* v : {&y, &end, &dx, &dw, &dd, &acting, &ys}) results[s].insert(results[s].end(), v->begin(), v->end());
  }
  return worst(results[0], results[1]);
}

int main() { return all_sizes(check); }
