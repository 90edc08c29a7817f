// The op delta_rule::step_cpu_: one step of acting that writes the state in place. It is called once an env step, so the
// checks here are all there are on the way in; Python repeats them, with better messages, only after one has failed.
#include "../../cpu/stable_tensors.h"

#include <algorithm>

#include "../../cpu/ranges.h"
#include "args.h"

namespace {

using delta_rule::Step;

template <class S>
srwm::Sequence<S> one_step(const Tensor& t) {
  return {t.const_data_ptr(), 0, t.stride(0), t.stride(1), stored_as(t.scalar_type())};
}

template <class S>
void run(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& beta, Tensor& state,
         const OptionalTensor& is_first, Tensor& out) {
  const Step<S> f{.B = q.size(0),
                  .H = q.size(1),
                  .K = q.size(2),
                  .V = v.size(2),
                  .q = one_step<S>(q),
                  .k = one_step<S>(k),
                  .v = one_step<S>(v),
                  .beta = one_step<S>(beta),
                  .state = static_cast<S*>(state.mutable_data_ptr()),
                  .state_b = state.stride(0),
                  .state_h = state.stride(1),
                  .is_first = is_first ? pointer<bool>(*is_first) : nullptr,
                  .is_first_b = is_first ? is_first->stride(0) : 0,
                  .o = out.mutable_data_ptr(),
                  .o_b = out.stride(0),
                  .o_h = out.stride(1)};
  const auto& kernels = delta_rule::chosen_kernels<S>();
  const int64_t grain = std::max<int64_t>(1, 64 * 832 / (f.K * f.V));
  if (f.B * f.H <= grain) return kernels.step(f, 0, f.B * f.H);
  torch::stable::parallel_for(0, f.B * f.H, grain, [&](int64_t a, int64_t b) { kernels.step(f, a, b); });
}

void require(bool fits, const char* name) {
  STD_TORCH_CHECK(fits, "delta_rule_step_: ", name, " has another shape, dtype, device or layout than is required.");
}

void step(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor state, OptionalTensor is_first, Tensor out) {
  STD_TORCH_CHECK(q.dim() == 3 && v.dim() == 3, "delta_rule_step_: q must be [B,H,K] and v [B,H,V].");
  const int64_t B = q.size(0), H = q.size(1), K = q.size(2), V = v.size(2);
  const ScalarType in = q.scalar_type(), wide = computed(in);
  STD_TORCH_CHECK(wide == ScalarType::Float || wide == ScalarType::Double, "delta_rule_step_: wrong dtype of q.");
  require(K >= 1 && V >= 1 && has_shape(q, {B, H, K}, in), "q");
  require(has_shape(k, {B, H, K}, in), "k");
  require(has_shape(v, {B, H, V}, in), "v");
  require(has_shape(beta, {B, H}, in), "beta");
  require(has_shape(state, {B, H, K, V}, wide), "fast_weights");
  require(has_shape(out, {B, H, V}, in), "out");
  require(!is_first || has_shape(*is_first, {B}, ScalarType::Bool), "is_first");
  if (B == 0 || H == 0) return;
  require((V == 1 || state.stride(3) == 1) && (K == 1 || state.stride(2) == V) && apart(state, K * V), "fast_weights");
  require((V == 1 || out.stride(2) == 1) && apart(out, V), "out");
  const int64_t state_bytes = wide == ScalarType::Double ? 8 : 4, bytes = in == wide ? state_bytes : 2;
  const Range written(state, state_bytes), read_out(out, bytes);
  bool alone = !written.meets(read_out);
  for (const Tensor* t : {&q, &k, &v, &beta}) {
    const Range given(*t, bytes);
    alone = alone && !written.meets(given) && !read_out.meets(given);
  }
  STD_TORCH_CHECK(alone, "delta_rule_step_: fast_weights and out must share no memory with each other or an input.");
  const Tensor dense_q = dense_rows(q, 1), dense_k = dense_rows(k, 1), dense_v = dense_rows(v, 1);
  if (wide == ScalarType::Float) run<float>(dense_q, dense_k, dense_v, beta, state, is_first, out);
  else run<double>(dense_q, dense_k, dense_v, beta, state, is_first, out);
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(delta_rule, m) {
  m.def(
      "step_cpu_(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor(a!) fast_weights, Tensor? is_first, Tensor(b!) out) "
      "-> ()");
}
STABLE_TORCH_LIBRARY_IMPL(delta_rule, CPU, m) {
  m.impl("step_cpu_", TORCH_BOX(&step));
}
