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
  Geometry g{};
  g.T = T, g.B = B, g.H = H, g.D = D, g.Y = Y, g.is_first = first, g.is_first_t = B, g.is_first_b = 1;
  g.input_softmax = true;
  std::vector<float> results[2];
  const Kernels<float>* sets[2] = {&kernels_neon, &kernels_portable_float};
  for (int s = 0; s < 2; s++) {
    std::vector<float> y(T * B * H * Y), end(B * H * D * C), saved(B * H * T * width);
    std::vector<float> dx(T * B * H * D), partial(B * H * D * C), dw, dd(B * H * D * C), acting = delta, ys(B * H * Y);
    std::vector<const float*> of_w(B * H);
    const Sequence<float> xs{x.data(), B * H * D, H * D, D, Stored::as_computed};
    const Sequence<float> dys{dy.data(), B * H * Y, H * Y, Y, Stored::as_computed};
    const auto all = [&](const std::vector<float>& m) { return Matrices<float>{m.data(), H * D * C, D * C}; };
    Forward<float> f{};
    f.geometry = g, f.x = xs, f.w = w.data(), f.delta = all(delta), f.y = y.data(), f.delta_out = end.data();
    f.saved = saved.data(), f.stream = false;
    sets[s]->forward(f, 0, B * H);
    Backward<float> b{};
    b.geometry = g, b.x = xs, b.dy = dys, b.w = w.data(), b.delta = all(delta), b.delta_out = all(end);
    b.ddelta_out = all(ddelta), b.saved = saved.data(), b.dx = dx.data();
    b.dw_partial = partial.data(), b.ddelta = dd.data(), b.of_w = of_w.data();
    sets[s]->backward(b, 0, B * H);
    for (const float* of_chain : of_w) dw.insert(dw.end(), of_chain, of_chain + D * C);
    Step<float> a{};
    a.B = B, a.H = H, a.D = D, a.Y = Y, a.x = xs, a.w = w.data(), a.delta = acting.data();
    a.delta_b = H * D * C, a.delta_h = D * C, a.y = ys.data(), a.y_b = H * Y, a.y_h = Y, a.input_softmax = true;
    sets[s]->step(a, 0, B * H);
    for (const auto* v : {&y, &end, &dx, &dw, &dd, &acting, &ys}) results[s].insert(results[s].end(), v->begin(), v->end());
  }
  return worst(results[0], results[1]);
}

int main() { return all_sizes(check); }
