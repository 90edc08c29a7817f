// The ops srwm::forward_cpu and srwm::backward_cpu against LibTorch's stable ABI: one binary serves every torch from 2.10.
// Python checks arguments with better messages; the checks here only keep memory safe.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <tuple>
#include <vector>

#include "../../cpu/huge_pages.h"
#include "../../cpu/instruction_set.h"
#include "../../cpu/parallel.h"
#include "args.h"

namespace {

using srwm::Backward;
using srwm::Forward;
using srwm::Geometry;
using srwm::Kernels;
using srwm::Stored;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

// 0 portable, 1 AVX2 or NEON, 2 AVX-512.
int64_t best_level() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
    return 2;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#elif defined(__aarch64__)
  return 1;
#endif
  return 0;
}
std::atomic<int64_t> level{best_level()};

}  // namespace

namespace srwm {
int64_t instruction_set_level() { return level; }

template <>
const Kernels<float>& chosen_kernels<float>() {
#if defined(__x86_64__)
  if (level == 2) return kernels_avx512;
  if (level == 1) return kernels_avx2;
#elif defined(__aarch64__)
  if (level == 1) return kernels_neon;
#endif
  return kernels_portable_float;
}
template <>
const Kernels<double>& chosen_kernels<double>() {
  return kernels_portable_double;
}
}  // namespace srwm

namespace {

// Tests run every instruction set that the machine has; a limit of -1 only asks.
int64_t instruction_set(int64_t limit) {
  if (limit >= 0) level = std::min(limit, best_level());
  return level;
}

template <class S>
const S* pointer(const Tensor& t) {
  return static_cast<const S*>(t.const_data_ptr());
}

// Rows must be dense; the dimensions before them may have any stride (0 for an expanded batch).
Tensor dense_rows(const Tensor& t, int64_t row_dims) {
  int64_t expected = 1;
  for (int64_t d = t.dim() - 1; d >= t.dim() - row_dims; d--) {
    if (t.size(d) != 1 && t.stride(d) != expected) return torch::stable::contiguous(t);
    expected *= t.size(d);
  }
  return t;
}
OptionalTensor dense_rows(const OptionalTensor& t, int64_t row_dims) {
  return t ? OptionalTensor(dense_rows(*t, row_dims)) : t;
}

template <class S>
srwm::Sequence<S> sequence(const OptionalTensor& t) {
  if (!t) return {nullptr, 0, 0, 0, Stored::as_computed};
  const Stored stored = t->scalar_type() == ScalarType::BFloat16 ? Stored::bfloat16
                        : t->scalar_type() == ScalarType::Half   ? Stored::float16
                                                                 : Stored::as_computed;
  return {t->const_data_ptr(), t->stride(0), t->stride(1), t->stride(2), stored};
}
template <class S>
srwm::Matrices<S> matrices(const OptionalTensor& t) {
  if (!t) return {nullptr, 0, 0};
  return {pointer<S>(*t), t->stride(0), t->stride(1)};
}

void check_shape(const Tensor& t, std::initializer_list<int64_t> shape, ScalarType dtype, const char* name) {
  bool same = t.dim() == int64_t(shape.size()) && t.scalar_type() == dtype;
  int64_t d = 0;
  for (int64_t n : shape) same = same && t.size(d++) == n;
  STD_TORCH_CHECK(same, "srwm: ", name, " has another shape or dtype than x and w ask for.");
}

struct Call {
  Geometry g;
  int64_t N, C, saved_width;
  ScalarType dtype;  // of w and of the state; x, y, dx and dy may be in half precision beside float32
  Tensor x, w;
  OptionalTensor delta, is_first, cu_seqlens;

  Call(const Tensor& x_, const Tensor& w_, const OptionalTensor& delta_, const OptionalTensor& is_first_,
       const OptionalTensor& cu_, bool input_softmax, bool step)
      : x(dense_rows(x_, 1)), w(torch::stable::contiguous(w_)), delta(dense_rows(delta_, 2)), is_first(is_first_) {
    STD_TORCH_CHECK(x.dim() == 4 && w.dim() == 3, "srwm: x must be [T,B,H,D] and w [H,D,C].");
    const int64_t T = x.size(0), B = x.size(1), H = x.size(2), D = x.size(3);
    C = w.size(2);
    const int64_t Y = C - 2 * D - 4;
    STD_TORCH_CHECK(D >= 1 && Y >= 1, "srwm: w must have at least 2 D + 5 columns.");
    const ScalarType in = x.scalar_type();
    dtype = in == ScalarType::BFloat16 || in == ScalarType::Half ? ScalarType::Float : in;
    STD_TORCH_CHECK(dtype == ScalarType::Float || dtype == ScalarType::Double,
                    "srwm: x must be float32, float64, bfloat16 or float16.");
    check_shape(w, {H, D, C}, dtype, "w");
    N = B;
    g = {T, B, H, D, Y, nullptr, 0, 0, nullptr, input_softmax, step};
    if (is_first) {
      check_shape(*is_first, {T, B}, ScalarType::Bool, "is_first");
      g.is_first = pointer<bool>(*is_first);
      g.is_first_t = is_first->stride(0);
      g.is_first_b = is_first->stride(1);
    }
    if (cu_) {
      cu_seqlens = torch::stable::contiguous(*cu_);
      N = cu_seqlens->size(0) - 1;
      check_shape(*cu_seqlens, {N + 1}, ScalarType::Int, "cu_seqlens");
      g.cu_seqlens = pointer<int32_t>(*cu_seqlens);
      bool rising = B == 1 && N >= 0 && g.cu_seqlens[0] == 0 && g.cu_seqlens[N] == T;
      for (int64_t n = 0; n < N; n++) rising = rising && g.cu_seqlens[n] <= g.cu_seqlens[n + 1];
      STD_TORCH_CHECK(rising, "srwm: cu_seqlens must rise from 0 to T, with B = 1.");
    }
    if (delta) check_shape(*delta, {N, H, D, C}, dtype, "fast_weight_delta");
    const int64_t DP = (D + 15) / 16 * 16, YP = (Y + 15) / 16 * 16;
    saved_width = step ? DP + YP : 4 * DP + YP + 16;
  }

  // Chains that keep a thread busy for longer than it takes to wake.
  int64_t least() const {
    const int64_t work = std::max<int64_t>(1, g.T * g.B * g.D * C / std::max<int64_t>(1, N));
    return std::max<int64_t>(1, 384 * 832 / work);
  }
};

// What no cache holds until the backward pass asks for it is written past them: that saves reading its lines first, half of the
// forward pass's traffic. Smaller tensors stay in the third-level cache, which is worth more.
bool goes_past_caches(const void* data, int64_t bytes) {
  return bytes >= int64_t(32) << 20 && reinterpret_cast<uintptr_t>(data) % 64 == 0;
}

template <class S>
void run_forward(const Call& c, Tensor& y, Tensor& delta_out, Tensor* saved) {
  const Forward<S> f{c.g,
                     sequence<S>(c.x),
                     pointer<S>(c.w),
                     matrices<S>(c.delta),
                     y.mutable_data_ptr(),
                     static_cast<S*>(delta_out.mutable_data_ptr()),
                     saved ? static_cast<S*>(saved->mutable_data_ptr()) : nullptr,
                     saved && goes_past_caches(saved->mutable_data_ptr(), saved->numel() * int64_t(sizeof(S)))};
  const Kernels<S>& k = srwm::chosen_kernels<S>();
  share(c.N * c.g.H, c.least(), [&](int64_t a, int64_t b) { k.forward(f, a, b); });
}

std::tuple<Tensor, Tensor, Tensor> forward(Tensor x, Tensor w, OptionalTensor delta, OptionalTensor is_first,
                                           OptionalTensor cu_seqlens, bool input_softmax, bool step, bool save,
                                           int64_t checkpoint_every) {
  STD_TORCH_CHECK(checkpoint_every == 0, "srwm: forward_cpu keeps no checkpoints.");
  const Call c(x, w, delta, is_first, cu_seqlens, input_softmax, step);
  Tensor y = torch::stable::new_empty(c.x, {c.g.T, c.g.B, c.g.H, c.g.Y});
  Tensor delta_out = torch::stable::new_empty(c.w, {c.N, c.g.H, c.g.D, c.C});
  Tensor saved = save ? torch::stable::new_empty(c.w, {c.g.B, c.g.H, c.g.T, c.saved_width})
                      : torch::stable::new_empty(c.w, {0});
  prefer_huge_pages(saved, saved.numel() * (c.dtype == ScalarType::Float ? 4 : 8));
  Tensor* to = save ? &saved : nullptr;
  if (c.dtype == ScalarType::Float) run_forward<float>(c, y, delta_out, to);
  else run_forward<double>(c, y, delta_out, to);
  return {y, delta_out, saved};
}

template <class S>
void run_backward(const Call& c, const OptionalTensor& dy, const Tensor& delta_out, const OptionalTensor& ddelta_out,
                  const Tensor& saved, Tensor& dx, Tensor& dw, Tensor* ddelta) {
  Tensor partial = torch::stable::new_empty(c.w, {c.N, c.g.H, c.g.D, c.C});
  S* partial_data = static_cast<S*>(partial.mutable_data_ptr());
  std::vector<const S*> rows(c.N * c.g.H);
  const Backward<S> f{c.g,
                      sequence<S>(c.x),
                      sequence<S>(dy),
                      pointer<S>(c.w),
                      matrices<S>(c.delta),
                      matrices<S>(delta_out),
                      matrices<S>(ddelta_out),
                      pointer<S>(saved),
                      dx.mutable_data_ptr(),
                      partial_data,
                      ddelta ? static_cast<S*>(ddelta->mutable_data_ptr()) : nullptr,
                      rows.data()};
  const Kernels<S>& k = srwm::chosen_kernels<S>();
  share(c.N * c.g.H, c.least(), [&](int64_t a, int64_t b) { k.backward(f, a, b); });
  S* sum = static_cast<S*>(dw.mutable_data_ptr());
  const int64_t width = c.g.D * c.C, least = std::max<int64_t>(256, (1 << 19) / std::max<int64_t>(1, c.N));
  share(c.g.H * width, least, [&](int64_t a, int64_t b) {
    for (int64_t h = a / width; h * width < b; h++) {
      const int64_t from = std::max<int64_t>(0, a - h * width), to = std::min(width, b - h * width);
      k.sum_rows(rows.data() + h, c.g.H, sum + h * width, c.N, from, to);
    }
  });
}

std::tuple<Tensor, Tensor, Tensor> backward(OptionalTensor dy, OptionalTensor ddelta_out, Tensor x, Tensor w,
                                            OptionalTensor delta, Tensor delta_out, OptionalTensor is_first,
                                            OptionalTensor cu_seqlens, Tensor saved, bool input_softmax, bool step,
                                            bool delta_gradient, int64_t checkpoint_every) {
  STD_TORCH_CHECK(checkpoint_every == 0, "srwm: backward_cpu keeps no checkpoints.");
  const Call c(x, w, delta, is_first, cu_seqlens, input_softmax, step);
  const ScalarType dtype = c.dtype;
  check_shape(saved, {c.g.B, c.g.H, c.g.T, c.saved_width}, dtype, "saved");
  check_shape(delta_out, {c.N, c.g.H, c.g.D, c.C}, dtype, "delta_out");
  if (dy) check_shape(*dy, {c.g.T, c.g.B, c.g.H, c.g.Y}, c.x.scalar_type(), "dy");
  if (ddelta_out) check_shape(*ddelta_out, {c.N, c.g.H, c.g.D, c.C}, dtype, "ddelta_out");
  const OptionalTensor dy_rows = dense_rows(dy, 1), ddelta_rows = dense_rows(ddelta_out, 2);
  const Tensor end = dense_rows(delta_out, 2), saved_rows = torch::stable::contiguous(saved);
  Tensor dx = torch::stable::new_empty(c.x, {c.g.T, c.g.B, c.g.H, c.g.D});
  Tensor dw = torch::stable::new_empty(c.w, {c.g.H, c.g.D, c.C});
  // With bptt="step" no gradient reaches the carried state.
  const bool want = delta_gradient && !step;
  Tensor ddelta = want ? torch::stable::new_empty(c.w, {c.N, c.g.H, c.g.D, c.C}) : torch::stable::new_empty(c.w, {0});
  Tensor* to = want ? &ddelta : nullptr;
  if (dtype == ScalarType::Float) run_backward<float>(c, dy_rows, end, ddelta_rows, saved_rows, dx, dw, to);
  else run_backward<double>(c, dy_rows, end, ddelta_rows, saved_rows, dx, dw, to);
  return {dx, dw, ddelta};
}

}  // namespace

STABLE_TORCH_LIBRARY_FRAGMENT(srwm, m) {
  m.def(
      "forward_cpu(Tensor x, Tensor w, Tensor? fast_weight_delta, Tensor? is_first, Tensor? cu_seqlens, "
      "bool input_softmax, bool step, bool save, int checkpoint_every) -> (Tensor, Tensor, Tensor)");
  m.def(
      "backward_cpu(Tensor? dy, Tensor? ddelta_out, Tensor x, Tensor w, Tensor? fast_weight_delta, Tensor delta_out, "
      "Tensor? is_first, Tensor? cu_seqlens, Tensor saved, bool input_softmax, bool step, bool delta_gradient, int checkpoint_every) "
      "-> (Tensor, Tensor, Tensor)");
  m.def("cpu_instruction_set(int limit) -> int");
}
STABLE_TORCH_LIBRARY_IMPL(srwm, CPU, m) {
  m.impl("forward_cpu", TORCH_BOX(&forward));
  m.impl("backward_cpu", TORCH_BOX(&backward));
}
STABLE_TORCH_LIBRARY_IMPL(srwm, CompositeExplicitAutograd, m) {
  m.impl("cpu_instruction_set", TORCH_BOX(&instruction_set));
}
