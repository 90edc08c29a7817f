// The op srwm::step_cpu_: one step of acting that writes the state in place. It is called once an env step, so the checks
// here are all there are on the way in; Python repeats them, with better messages, only after one has failed.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <optional>

#include "../../cpu/parallel.h"
#include "../../cpu/ranges.h"
#include "args.h"

namespace {

using srwm::Step;
using srwm::Stored;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

template <class S>
void run(const Step<S>& f) {
  const auto& kernels = srwm::chosen_kernels<S>();
  // Chains that keep a thread busy for longer than it takes to wake.
  const int64_t least = std::max<int64_t>(1, 192 * 832 / (f.D * (f.Y + 2 * f.D + 4)));
  share(f.B * f.H, least, [&](int64_t a, int64_t b) { kernels.step(f, a, b); });
}

template <class S>
Step<S> arguments(const Tensor& x, const Tensor& w, Tensor& delta, const std::optional<Tensor>& is_first,
                  bool input_softmax, Tensor& out, Stored stored) {
  return {.B = x.size(0),
          .H = x.size(1),
          .D = x.size(2),
          .Y = out.size(2),
          .x = {x.const_data_ptr(), 0, x.stride(0), x.stride(1), stored},
          .w = static_cast<const S*>(w.const_data_ptr()),
          .delta = static_cast<S*>(delta.mutable_data_ptr()),
          .delta_b = delta.stride(0),
          .delta_h = delta.stride(1),
          .is_first = is_first ? static_cast<const bool*>(is_first->const_data_ptr()) : nullptr,
          .is_first_b = is_first ? is_first->stride(0) : 0,
          .y = out.mutable_data_ptr(),
          .y_b = out.stride(0),
          .y_h = out.stride(1),
          .input_softmax = input_softmax};
}

void step(Tensor x, Tensor w, Tensor delta, std::optional<Tensor> is_first, bool input_softmax, Tensor out) {
  STD_TORCH_CHECK(x.dim() == 3 && w.dim() == 3 && delta.dim() == 4 && out.dim() == 3, "srwm_step_: wrong rank.");
  const int64_t B = x.size(0), H = x.size(1), D = x.size(2), C = w.size(2), Y = C - 2 * D - 4;
  const ScalarType in = x.scalar_type();
  const Stored stored = in == ScalarType::BFloat16 ? Stored::bfloat16
                        : in == ScalarType::Half   ? Stored::float16
                                                   : Stored::as_computed;
  const ScalarType dtype = stored == Stored::as_computed ? in : ScalarType::Float;
  STD_TORCH_CHECK(dtype == ScalarType::Float || dtype == ScalarType::Double, "srwm_step_: wrong dtype of x.");
  STD_TORCH_CHECK(D >= 1 && Y >= 1 && w.size(0) == H && w.size(1) == D, "srwm_step_: wrong shape of w.");
  STD_TORCH_CHECK(w.scalar_type() == dtype && delta.scalar_type() == dtype && out.scalar_type() == in,
                  "srwm_step_: wrong dtype.");
  STD_TORCH_CHECK(delta.size(0) == B && delta.size(1) == H && delta.size(2) == D && delta.size(3) == C,
                  "srwm_step_: wrong shape of fast_weight_delta.");
  STD_TORCH_CHECK(out.size(0) == B && out.size(1) == H && out.size(2) == Y, "srwm_step_: wrong shape of out.");
  STD_TORCH_CHECK(!is_first || (is_first->dim() == 1 && is_first->size(0) == B &&
                                is_first->scalar_type() == ScalarType::Bool && is_first->is_cpu()),
                  "srwm_step_: is_first must be bool [B] on the cpu.");
  STD_TORCH_CHECK(x.is_cpu() && w.is_cpu() && delta.is_cpu() && out.is_cpu(), "srwm_step_: tensors on other devices.");
  if (B == 0 || H == 0) return;
  STD_TORCH_CHECK(delta.stride(3) == 1 && (D == 1 || delta.stride(2) == C) && apart(delta, D * C),
                  "srwm_step_: fast_weight_delta must have dense matrices that share no memory.");
  STD_TORCH_CHECK((Y == 1 || out.stride(2) == 1) && apart(out, Y), "srwm_step_: out must have dense rows apart.");
  const int64_t wide = dtype == ScalarType::Double ? 8 : 4, narrow = stored == Stored::as_computed ? wide : 2;
  const Range state(delta, wide), y(out, narrow), rows(x, narrow), weights(w, wide);
  STD_TORCH_CHECK(!state.meets(y) && !state.meets(rows) && !state.meets(weights) && !y.meets(rows) && !y.meets(weights),
                  "srwm_step_: fast_weight_delta and out must share no memory with each other, x or w.");
  const Tensor dense_x = D == 1 || x.stride(2) == 1 ? x : torch::stable::contiguous(x);
  const Tensor dense_w = torch::stable::contiguous(w);
  if (dtype == ScalarType::Float)
    run(arguments<float>(dense_x, dense_w, delta, is_first, input_softmax, out, stored));
  else
    run(arguments<double>(dense_x, dense_w, delta, is_first, input_softmax, out, stored));
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(srwm, m) {
  m.def(
      "step_cpu_(Tensor x, Tensor w, Tensor(a!) fast_weight_delta, Tensor? is_first, bool input_softmax, Tensor(b!) out) "
      "-> ()");
}
STABLE_TORCH_LIBRARY_IMPL(srwm, CPU, m) {
  m.impl("step_cpu_", TORCH_BOX(&step));
}
