// The ops delta_rule::forward_cpu and delta_rule::backward_cpu against LibTorch's stable ABI. Python checks arguments with
// better messages; the checks here only keep memory safe.
#include "../../cpu/stable_tensors.h"

#include <algorithm>
#include <tuple>

#include "../../cpu/instruction_set.h"
#include "args.h"

namespace delta_rule {
template <>
const Kernels<float>& chosen_kernels<float>() {
#if defined(__x86_64__)
  if (srwm::instruction_set_level() == 2) return kernels_avx512;
  if (srwm::instruction_set_level() == 1) return kernels_avx2;
#elif defined(__aarch64__)
  if (srwm::instruction_set_level() == 1) return kernels_neon;
#endif
  return kernels_portable_float;
}
template <>
const Kernels<double>& chosen_kernels<double>() {
  return kernels_portable_double;
}
}  // namespace delta_rule

namespace {

using delta_rule::Backward;
using delta_rule::Forward;
using delta_rule::Geometry;
using delta_rule::Kernels;

void require(bool fits, const char* name) {
  STD_TORCH_CHECK(fits, "delta_rule: ", name, " has another shape, dtype or device than q asks for.");
}

struct Call {
  Geometry g;
  int64_t N;
  ScalarType in, state;  // of the sequences, and of states and savings
  Tensor q, k, beta;
  OptionalTensor start, is_first, cu_seqlens;

  Call(const Tensor& q_, const Tensor& k_, const Tensor& v, const Tensor& beta_, const OptionalTensor& start_,
       const OptionalTensor& is_first_, const OptionalTensor& cu, bool step)
      : in(q_.scalar_type()), state(computed(in)), q(q_), k(k_), beta(beta_), is_first(is_first_) {
    STD_TORCH_CHECK(q.dim() == 4 && v.dim() == 4, "delta_rule: q must be [T,B,H,K] and v [T,B,H,V].");
    STD_TORCH_CHECK(state == ScalarType::Float || state == ScalarType::Double,
                    "delta_rule: q must be float32, float64, bfloat16 or float16.");
    const int64_t T = q.size(0), B = q.size(1), H = q.size(2), K = q.size(3), V = v.size(3);
    STD_TORCH_CHECK(K >= 1 && V >= 1, "delta_rule: key and value sizes must be at least 1.");
    require(has_shape(q, {T, B, H, K}, in), "q");
    require(has_shape(k, {T, B, H, K}, in), "k");
    require(has_shape(v, {T, B, H, V}, in), "v");
    require(has_shape(beta, {T, B, H}, in), "beta");
    q = dense_rows(q, 1), k = dense_rows(k, 1);
    N = B;
    g = {T, B, H, K, V, nullptr, 0, 0, nullptr, step};
    if (is_first) {
      require(has_shape(*is_first, {T, B}, ScalarType::Bool), "is_first");
      g.is_first = pointer<bool>(*is_first);
      g.is_first_t = is_first->stride(0);
      g.is_first_b = is_first->stride(1);
    }
    if (cu) {
      cu_seqlens = torch::stable::contiguous(*cu);
      N = cu_seqlens->size(0) - 1;
      require(has_shape(*cu_seqlens, {N + 1}, ScalarType::Int), "cu_seqlens");
      g.cu_seqlens = pointer<int32_t>(*cu_seqlens);
      bool rising = B == 1 && N >= 0 && g.cu_seqlens[0] == 0 && g.cu_seqlens[N] == T;
      for (int64_t n = 0; n < N; n++) rising = rising && g.cu_seqlens[n] <= g.cu_seqlens[n + 1];
      STD_TORCH_CHECK(rising, "delta_rule: cu_seqlens must rise from 0 to T, with B = 1.");
    }
    if (start_) require(has_shape(*start_, {N, H, K, V}, state), "fast_weights");
    start = dense_rows(start_, 2);
  }

  int64_t saved_width() const { return (g.V + 15) / 16 * 16; }

  // Below this many chains a task costs more to hand out than to run.
  int64_t grain() const {
    const int64_t work = std::max<int64_t>(1, g.T * g.B * g.K * g.V / std::max<int64_t>(1, N));
    return std::max<int64_t>(1, 64 * 832 / work);
  }

  Tensor states() const { return torch::stable::new_empty(q, {N, g.H, g.K, g.V}, state); }
  Tensor none() const { return torch::stable::new_empty(q, {0}, state); }
};

template <class S>
S* output(Tensor* t) {
  return t ? static_cast<S*>(t->mutable_data_ptr()) : nullptr;
}

template <class S>
void run_forward(const Call& c, const Tensor& v, Tensor& o, Tensor& end, Tensor* saved) {
  const Forward<S> f{c.g,
                     sequence<S>(c.q),
                     sequence<S>(c.k),
                     sequence<S>(v),
                     sequence<S>(c.beta),
                     matrices<S>(c.start),
                     o.mutable_data_ptr(),
                     output<S>(&end),
                     output<S>(saved)};
  const Kernels<S>& k = delta_rule::chosen_kernels<S>();
  torch::stable::parallel_for(0, c.N * c.g.H, c.grain(), [&](int64_t a, int64_t b) { k.forward(f, a, b); });
}

std::tuple<Tensor, Tensor, Tensor> forward(Tensor q, Tensor k, Tensor v, Tensor beta, OptionalTensor fast_weights,
                                           OptionalTensor is_first, OptionalTensor cu_seqlens, bool step, bool save) {
  const Call c(q, k, v, beta, fast_weights, is_first, cu_seqlens, step);
  Tensor o = torch::stable::new_empty(c.q, {c.g.T, c.g.B, c.g.H, c.g.V});
  Tensor end = c.states();
  Tensor saved =
      save ? torch::stable::new_empty(c.q, {c.g.B, c.g.H, c.g.T, c.saved_width()}, c.state) : c.none();
  Tensor* to = save ? &saved : nullptr;
  const Tensor values = dense_rows(v, 1);
  if (c.state == ScalarType::Float) run_forward<float>(c, values, o, end, to);
  else run_forward<double>(c, values, o, end, to);
  return {o, end, saved};
}

template <class S>
void run_backward(const Call& c, const OptionalTensor& d_o, const OptionalTensor& dend, const Tensor& saved, Tensor& dq,
                  Tensor& dk, Tensor& dv, Tensor& dbeta, Tensor* dstart) {
  const Backward<S> f{c.g,
                      sequence<S>(c.q),
                      sequence<S>(c.k),
                      sequence<S>(c.beta),
                      sequence<S>(d_o),
                      matrices<S>(c.start),
                      matrices<S>(dend),
                      pointer<S>(saved),
                      dq.mutable_data_ptr(),
                      dk.mutable_data_ptr(),
                      dv.mutable_data_ptr(),
                      dbeta.mutable_data_ptr(),
                      output<S>(dstart)};
  const Kernels<S>& k = delta_rule::chosen_kernels<S>();
  torch::stable::parallel_for(0, c.N * c.g.H, c.grain(), [&](int64_t a, int64_t b) { k.backward(f, a, b); });
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> backward(OptionalTensor d_o, OptionalTensor dend, Tensor q, Tensor k,
                                                            Tensor v, Tensor beta, OptionalTensor fast_weights,
                                                            OptionalTensor is_first, OptionalTensor cu_seqlens,
                                                            Tensor saved, bool step, bool state_gradient) {
  const Call c(q, k, v, beta, fast_weights, is_first, cu_seqlens, step);
  require(has_shape(saved, {c.g.B, c.g.H, c.g.T, c.saved_width()}, c.state), "saved");
  if (d_o) require(has_shape(*d_o, {c.g.T, c.g.B, c.g.H, c.g.V}, c.in), "do");
  if (dend) require(has_shape(*dend, {c.N, c.g.H, c.g.K, c.g.V}, c.state), "dend");
  // With bptt="step" no gradient reaches the carried state, and none comes from the final one.
  const OptionalTensor do_rows = dense_rows(d_o, 1);
  const OptionalTensor dend_rows = step ? OptionalTensor() : dense_rows(dend, 2);
  const Tensor kept = torch::stable::contiguous(saved);
  Tensor dq = torch::stable::new_empty(c.q, {c.g.T, c.g.B, c.g.H, c.g.K});
  Tensor dk = torch::stable::new_empty(c.q, {c.g.T, c.g.B, c.g.H, c.g.K});
  Tensor dv = torch::stable::new_empty(c.q, {c.g.T, c.g.B, c.g.H, c.g.V});
  Tensor dbeta = torch::stable::new_empty(c.q, {c.g.T, c.g.B, c.g.H});
  const bool want = state_gradient && !step;
  Tensor dstart = want ? c.states() : c.none();
  Tensor* to = want ? &dstart : nullptr;
  if (c.state == ScalarType::Float) run_backward<float>(c, do_rows, dend_rows, kept, dq, dk, dv, dbeta, to);
  else run_backward<double>(c, do_rows, dend_rows, kept, dq, dk, dv, dbeta, to);
  return {dq, dk, dv, dbeta, dstart};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(delta_rule, m) {
  m.def(
      "forward_cpu(Tensor q, Tensor k, Tensor v, Tensor beta, Tensor? fast_weights, Tensor? is_first, "
      "Tensor? cu_seqlens, bool step, bool save) -> (Tensor, Tensor, Tensor)");
  m.def(
      "backward_cpu(Tensor? do, Tensor? dend, Tensor q, Tensor k, Tensor v, Tensor beta, Tensor? fast_weights, "
      "Tensor? is_first, Tensor? cu_seqlens, Tensor saved, bool step, bool state_gradient) "
      "-> (Tensor, Tensor, Tensor, Tensor, Tensor)");
}
STABLE_TORCH_LIBRARY_IMPL(delta_rule, CPU, m) {
  m.impl("forward_cpu", TORCH_BOX(&forward));
  m.impl("backward_cpu", TORCH_BOX(&backward));
}
