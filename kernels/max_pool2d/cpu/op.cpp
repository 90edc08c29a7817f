// The ops max_pool2d::forward_cpu, pick_cpu and spread_cpu against LibTorch's stable ABI.
// Python checks arguments with better messages; the checks here only keep memory safe.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "../../cpu/huge_pages.h"
#include "../../cpu/instruction_set.h"
#include "../../cpu/parallel.h"
#include "args.h"

namespace {

using max_pool2d::Kernels;
using max_pool2d::Pool;
using max_pool2d::Sizes;
using max_pool2d::Stored;
using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;

// Numbers that keep a thread busy for longer than it takes to wake.
constexpr int64_t LEAST = 1 << 15;

const Kernels& chosen() {
#if defined(__x86_64__)
  if (srwm::instruction_set_level() == 2) return max_pool2d::kernels_avx512;
  if (srwm::instruction_set_level() == 1) return max_pool2d::kernels_avx2;
#endif
  return max_pool2d::kernels_portable_float;
}

Stored stored_as(const Tensor& t) {
  const ScalarType dtype = t.scalar_type();
  STD_TORCH_CHECK(dtype == ScalarType::Float || dtype == ScalarType::BFloat16, "max_pool2d: must be float32 or bfloat16.");
  return dtype == ScalarType::BFloat16 ? Stored::bfloat16 : Stored::float32;
}

Sizes sizes_of(const Tensor& t, int64_t H, int64_t W) {
  STD_TORCH_CHECK(t.dim() == 4 && t.is_cpu() && t.size(1) >= 16 && t.size(1) % 16 == 0 && H >= 1 && W >= 1,
                  "max_pool2d: must be [N,C,H,W] on the CPU with channels in multiples of 16.");
  return {t.size(0), H, W, (H + 1) / 2, (W + 1) / 2, t.size(1)};
}

Tensor fresh(int64_t N, int64_t C, int64_t H, int64_t W, ScalarType dtype, int64_t bytes) {
  Tensor t = torch::stable::empty({N, C, H, W}, dtype, std::nullopt, std::nullopt, std::nullopt, MemoryFormat::ChannelsLast);
  prefer_huge_pages(t, bytes * t.numel());
  return t;
}
Tensor fresh_like(const Tensor& t, const Sizes& s, int64_t H, int64_t W) {
  return fresh(s.N, s.C, H, W, t.scalar_type(), t.scalar_type() == ScalarType::BFloat16 ? 2 : 4);
}

void check_small(const Tensor& t, const Sizes& s, const char* name) {
  STD_TORCH_CHECK(t.dim() == 4 && t.is_cpu() && t.size(0) == s.N && t.size(1) == s.C && t.size(2) == s.P && t.size(3) == s.Q,
                  "max_pool2d: ", name, " has another shape or device than the images ask for.");
}
void check_tap(const Tensor& t, const Sizes& s) {
  check_small(t, s, "tap");
  STD_TORCH_CHECK(t.scalar_type() == ScalarType::Byte, "max_pool2d: tap must be uint8.");
}

// Channels together: what is stored so is returned as it is.
Tensor images(const Tensor& t) { return torch::stable::contiguous(t, MemoryFormat::ChannelsLast); }

template <class F>
void share_rows(int64_t rows, int64_t row, const F& f) {
  share(rows, std::max<int64_t>(1, LEAST / row), f);
}

std::tuple<Tensor, Tensor> forward(Tensor x) {
  STD_TORCH_CHECK(x.dim() == 4, "max_pool2d: x must be [N,C,H,W].");
  const Sizes s = sizes_of(x, x.size(2), x.size(3));
  const Stored stored = stored_as(x);
  const Tensor xs = images(x);
  Tensor y = fresh_like(x, s, s.P, s.Q), tap = fresh(s.N, s.C, s.P, s.Q, ScalarType::Byte, 1);
  const Pool f{.sizes = s,
               .stored = stored,
               .from = xs.const_data_ptr(),
               .to = y.mutable_data_ptr(),
               .tap = nullptr,
               .tap_to = static_cast<uint8_t*>(tap.mutable_data_ptr())};
  share_rows(s.N * s.P, 9 * s.Q * s.C, [&](int64_t a, int64_t b) { chosen().largest(f, a, b); });
  return {y, tap};
}

Tensor pick(Tensor x, Tensor tap) {
  STD_TORCH_CHECK(x.dim() == 4, "max_pool2d: x must be [N,C,H,W].");
  const Sizes s = sizes_of(x, x.size(2), x.size(3));
  const Stored stored = stored_as(x);
  check_tap(tap, s);
  const Tensor xs = images(x), taps = images(tap);
  Tensor y = fresh_like(x, s, s.P, s.Q);
  const Pool f{.sizes = s,
               .stored = stored,
               .from = xs.const_data_ptr(),
               .to = y.mutable_data_ptr(),
               .tap = static_cast<const uint8_t*>(taps.const_data_ptr()),
               .tap_to = nullptr};
  share_rows(s.N * s.P, s.Q * s.C, [&](int64_t a, int64_t b) { chosen().pick(f, a, b); });
  return y;
}

Tensor spread(Tensor dy, Tensor tap, int64_t H, int64_t W) {
  const Sizes s = sizes_of(dy, H, W);
  const Stored stored = stored_as(dy);
  check_small(dy, s, "dy");
  check_tap(tap, s);
  const Tensor dys = images(dy), taps = images(tap);
  Tensor dx = fresh_like(dy, s, H, W);
  const Pool f{.sizes = s,
               .stored = stored,
               .from = dys.const_data_ptr(),
               .to = dx.mutable_data_ptr(),
               .tap = static_cast<const uint8_t*>(taps.const_data_ptr()),
               .tap_to = nullptr};
  share_rows(s.N * s.H, 3 * s.W * s.C, [&](int64_t a, int64_t b) { chosen().spread(f, a, b); });
  return dx;
}

}  // namespace

STABLE_TORCH_LIBRARY(max_pool2d, m) {
  m.def("forward_cpu(Tensor x) -> (Tensor, Tensor)");
  m.def("pick_cpu(Tensor x, Tensor tap) -> Tensor");
  m.def("spread_cpu(Tensor dy, Tensor tap, SymInt height, SymInt width) -> Tensor");
}
STABLE_TORCH_LIBRARY_IMPL(max_pool2d, CPU, m) {
  m.impl("forward_cpu", TORCH_BOX(&forward));
  m.impl("pick_cpu", TORCH_BOX(&pick));
  m.impl("spread_cpu", TORCH_BOX(&spread));
}
