// The ops conv2d::forward_cpu, conv2d::input_cpu and conv2d::weight_cpu against LibTorch's stable ABI.
// Python checks arguments with better messages; the checks here only keep memory safe.
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <algorithm>
#include <optional>
#include <tuple>

#include "../../cpu/instruction_set.h"
#include "../../cpu/parallel.h"
#include "args.h"
#include "bfloat16_op.h"

namespace {

using conv2d::Kernels;
using conv2d::Sizes;
using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

// Ranges that are handed to threads, in tiles: whole blocks of every instruction set.
constexpr int64_t RANGE = 96;
// The most sums of outer products that are kept apart, and the fewest tiles in each.
constexpr int64_t CHUNKS = 64, CHUNK_TILES = 1152;

const Kernels& chosen() {
#if defined(__x86_64__)
  if (srwm::instruction_set_level() == 2) return conv2d::kernels_avx512;
  if (srwm::instruction_set_level() == 1) return conv2d::kernels_avx2;
#endif
  return conv2d::kernels_portable_float;
}

const float* pointer(const Tensor& t) { return static_cast<const float*>(t.const_data_ptr()); }
const float* pointer(const OptionalTensor& t) { return t ? pointer(*t) : nullptr; }
float* to_write(Tensor& t) { return static_cast<float*>(t.mutable_data_ptr()); }

void check(const Tensor& t, std::initializer_list<int64_t> shape, const char* name, ScalarType dtype) {
  bool same = t.dim() == int64_t(shape.size()) && t.scalar_type() == dtype && t.is_cpu();
  int64_t d = 0;
  for (int64_t n : shape) same = same && t.size(d++) == n;
  STD_TORCH_CHECK(same, "conv2d: ", name, " has another shape, dtype or device than x and the weight ask for.");
}

// Channels together: what is stored so is returned as it is.
Tensor images(const Tensor& t, std::initializer_list<int64_t> shape, const char* name, ScalarType dtype) {
  check(t, shape, name, dtype);
  return torch::stable::contiguous(t, MemoryFormat::ChannelsLast);
}
OptionalTensor images(const OptionalTensor& t, std::initializer_list<int64_t> shape, const char* name, ScalarType dtype) {
  return t ? OptionalTensor(images(*t, shape, name, dtype)) : t;
}

Tensor fresh(std::initializer_list<int64_t> shape) {
  return torch::stable::empty(shape, ScalarType::Float, std::nullopt, std::nullopt, std::nullopt,
                              shape.size() == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous);
}

Sizes sizes_of(const Tensor& x, const Tensor& weight) {
  STD_TORCH_CHECK(x.dim() == 4 && weight.dim() == 4, "conv2d: x must be [N,C,H,W] and weight [K,C,3,3].");
  const int64_t C = weight.size(1), K = weight.size(0);
  STD_TORCH_CHECK(C >= 16 && K >= 16 && C % 16 == 0 && K % 16 == 0, "conv2d: channels must be multiples of 16.");
  return {x.size(0), x.size(2), x.size(3), C, K};
}

int64_t tiles_of(const Sizes& s) { return s.N * ((s.H + 1) / 2) * ((s.W + 1) / 2); }

// What no cache holds until somebody reads it is written past them: that saves reading its lines first. Smaller tensors stay
// in the third-level cache, which is worth more.
bool goes_past_caches(const float* data, int64_t numbers) {
  return numbers >= int64_t(8) << 20 && reinterpret_cast<uintptr_t>(data) % 64 == 0;
}

// `s` as this convolution has it, of tensors with their channels together: that of a gradient of x turns C and K round.
void run(const Sizes& s, const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const OptionalTensor& residual,
         const OptionalTensor& mask, Tensor& y, bool relu, bool turned) {
  const int64_t tiles = tiles_of(s);
  if (tiles == 0) return;
  const Kernels& k = chosen();
  Tensor u = fresh({16, s.K / 16, s.C * 16});
  k.transform({.C = turned ? s.K : s.C, .K = turned ? s.C : s.K, .weight = pointer(weight), .u = to_write(u), .turned = turned});
  const conv2d::Forward f{.sizes = s,
                          .x = pointer(x),
                          .u = pointer(u),
                          .bias = pointer(bias),
                          .residual = pointer(residual),
                          .mask = pointer(mask),
                          .y = to_write(y),
                          .relu = relu,
                          .stream = goes_past_caches(pointer(y), y.numel())};
  // Ranges that keep a thread busy for longer than it takes to wake.
  const int64_t least = std::max<int64_t>(1, (int64_t(1) << 20) / (16 * s.C * s.K * RANGE));
  share((tiles + RANGE - 1) / RANGE, least,
        [&](int64_t a, int64_t b) { k.forward(f, a * RANGE, std::min(tiles, b * RANGE)); });
}

// float32, or bfloat16 where the processor multiplies it in tiles.
ScalarType dtype_of(const Tensor& x) {
  const ScalarType dtype = x.scalar_type();
  STD_TORCH_CHECK(dtype == ScalarType::Float || (dtype == ScalarType::BFloat16 && conv2d::has_tiles()),
                  "conv2d: x must be float32, or bfloat16 on a processor with AMX.");
  return dtype;
}

OptionalTensor bias_of(const OptionalTensor& t, int64_t K, ScalarType dtype) {
  if (t) check(*t, {K}, "bias", dtype);
  return t ? OptionalTensor(torch::stable::contiguous(*t)) : t;
}

Tensor forward(Tensor x, Tensor weight, OptionalTensor bias, OptionalTensor residual, bool relu) {
  const Sizes s = sizes_of(x, weight);
  const ScalarType dtype = dtype_of(x);
  const Tensor xs = images(x, {s.N, s.C, s.H, s.W}, "x", dtype), w = images(weight, {s.K, s.C, 3, 3}, "weight", dtype);
  const OptionalTensor dense = bias_of(bias, s.K, dtype);
  const OptionalTensor added = images(residual, {s.N, s.K, s.H, s.W}, "residual", dtype);
  if (dtype == ScalarType::BFloat16) return conv2d::forward_bfloat16(xs, w, dense, added, relu);
  Tensor y = fresh({s.N, s.K, s.H, s.W});
  run(s, xs, w, dense, added, std::nullopt, y, relu, false);
  return y;
}

Tensor input(Tensor dy, Tensor weight, OptionalTensor mask) {
  const Sizes s = sizes_of(dy, weight);
  const ScalarType dtype = dtype_of(dy);
  const Tensor dys = images(dy, {s.N, s.K, s.H, s.W}, "dy", dtype), w = images(weight, {s.K, s.C, 3, 3}, "weight", dtype);
  const OptionalTensor masks = images(mask, {s.N, s.C, s.H, s.W}, "x", dtype);
  if (dtype == ScalarType::BFloat16) return conv2d::input_bfloat16(dys, w, masks);
  Tensor dx = fresh({s.N, s.C, s.H, s.W});
  run({s.N, s.H, s.W, s.K, s.C}, dys, w, std::nullopt, std::nullopt, masks, dx, false, true);
  return dx;
}

std::tuple<Tensor, Tensor> weight(Tensor x, Tensor dy, bool relu) {
  STD_TORCH_CHECK(x.dim() == 4 && dy.dim() == 4, "conv2d: x must be [N,C,H,W] and dy [N,K,H,W].");
  const Sizes s{x.size(0), x.size(2), x.size(3), x.size(1), dy.size(1)};
  STD_TORCH_CHECK(s.C >= 16 && s.K >= 16 && s.C % 16 == 0 && s.K % 16 == 0, "conv2d: channels must be multiples of 16.");
  const ScalarType dtype = dtype_of(x);
  const Tensor xs = images(x, {s.N, s.C, s.H, s.W}, "x", dtype), dys = images(dy, {s.N, s.K, s.H, s.W}, "dy", dtype);
  if (dtype == ScalarType::BFloat16) return conv2d::weight_bfloat16(xs, dys, relu);
  Tensor dweight = fresh({s.K, s.C, 3, 3}), dbias = fresh({s.K});
  const Kernels& k = chosen();
  // From the sizes alone: the order of the sums, and with it every bit, is the same for any number of threads.
  const int64_t tiles = tiles_of(s);
  const int64_t chunk = std::max(CHUNK_TILES, ((tiles + CHUNKS - 1) / CHUNKS + RANGE - 1) / RANGE * RANGE);
  const int64_t chunks = (tiles + chunk - 1) / chunk;
  Tensor partial = fresh({chunks, 16 * s.C * s.K}), bias_partial = fresh({chunks, s.K});
  const conv2d::Outer f{.sizes = s,
                        .x = pointer(xs),
                        .dy = pointer(dys),
                        .partial = to_write(partial),
                        .bias_partial = to_write(bias_partial),
                        .chunk = chunk,
                        .relu = relu};
  share(chunks, 1, [&](int64_t a, int64_t b) { k.outer(f, a, b); });
  k.collect({.C = s.C,
             .K = s.K,
             .chunks = chunks,
             .partial = pointer(partial),
             .bias_partial = pointer(bias_partial),
             .dweight = to_write(dweight),
             .dbias = to_write(dbias)},
            0, s.C / 16 * (s.K / 16));
  return {dweight, dbias};
}

ScalarType bfloat16_only(const Tensor& x) {
  STD_TORCH_CHECK(dtype_of(x) == ScalarType::BFloat16, "conv2d: residual blocks and pooled convolutions are of bfloat16.");
  return ScalarType::BFloat16;
}

std::tuple<Tensor, Tensor> block(Tensor x, Tensor weight0, OptionalTensor bias0, Tensor weight1, OptionalTensor bias1, bool keep) {
  const Sizes s = sizes_of(x, weight0);
  const ScalarType dtype = bfloat16_only(x);
  const std::initializer_list<int64_t> weights{s.C, s.C, 3, 3};
  return conv2d::block_bfloat16(images(x, {s.N, s.C, s.H, s.W}, "x", dtype), images(weight0, weights, "weight0", dtype),
                                bias_of(bias0, s.C, dtype), images(weight1, weights, "weight1", dtype),
                                bias_of(bias1, s.C, dtype), keep);
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> block_gradient(Tensor dy, Tensor x, Tensor inner, Tensor weight0, Tensor weight1) {
  const Sizes s = sizes_of(x, weight0);
  const ScalarType dtype = bfloat16_only(x);
  const std::initializer_list<int64_t> weights{s.C, s.C, 3, 3}, all{s.N, s.C, s.H, s.W};
  return conv2d::block_gradient_bfloat16(images(dy, all, "dy", dtype), images(x, all, "x", dtype),
                                         images(inner, all, "inner", dtype), images(weight0, weights, "weight0", dtype),
                                         images(weight1, weights, "weight1", dtype));
}

// As sizes_of, but of images that may have one to three channels.
Sizes pooled_sizes(const Tensor& x, const Tensor& weight) {
  STD_TORCH_CHECK(x.dim() == 4 && weight.dim() == 4, "conv2d: x must be [N,C,H,W] and weight [K,C,3,3].");
  const int64_t C = x.size(1), K = weight.size(0);
  STD_TORCH_CHECK(C >= 1 && (C <= 3 || C % 16 == 0) && K >= 16 && K % 16 == 0,
                  "conv2d: channels must be multiples of 16, those of x may be 1 to 3.");
  return {x.size(0), x.size(2), x.size(3), C, K};
}

std::tuple<Tensor, Tensor> pooled(Tensor x, Tensor weight, OptionalTensor bias) {
  const Sizes s = pooled_sizes(x, weight);
  const ScalarType dtype = bfloat16_only(x);
  return conv2d::pooled_bfloat16(images(x, {s.N, s.C, s.H, s.W}, "x", dtype), images(weight, {s.K, s.C, 3, 3}, "weight", dtype),
                                 bias_of(bias, s.K, dtype));
}

std::tuple<Tensor, Tensor, Tensor> pooled_gradient(Tensor dy, Tensor tap, Tensor x, Tensor weight, bool of_x) {
  const Sizes s = pooled_sizes(x, weight);
  const ScalarType dtype = bfloat16_only(x);
  STD_TORCH_CHECK(!of_x || s.C >= 16, "conv2d: the gradient of x needs sixteen channels.");
  const std::initializer_list<int64_t> smaller{s.N, s.K, (s.H + 1) / 2, (s.W + 1) / 2};
  return conv2d::pooled_gradient_bfloat16(images(dy, smaller, "dy", dtype), images(tap, smaller, "tap", ScalarType::Byte),
                                          images(x, {s.N, s.C, s.H, s.W}, "x", dtype),
                                          images(weight, {s.K, s.C, 3, 3}, "weight", dtype), of_x);
}

}  // namespace

STABLE_TORCH_LIBRARY(conv2d, m) {
  m.def("forward_cpu(Tensor x, Tensor weight, Tensor? bias, Tensor? residual, bool relu) -> Tensor");
  m.def("input_cpu(Tensor dy, Tensor weight, Tensor? mask) -> Tensor");
  m.def("weight_cpu(Tensor x, Tensor dy, bool relu) -> (Tensor, Tensor)");
  m.def("block_cpu(Tensor x, Tensor weight0, Tensor? bias0, Tensor weight1, Tensor? bias1, bool keep) -> (Tensor, Tensor)");
  m.def("block_gradient_cpu(Tensor dy, Tensor x, Tensor inner, Tensor weight0, Tensor weight1) "
        "-> (Tensor, Tensor, Tensor, Tensor, Tensor)");
  m.def("pooled_cpu(Tensor x, Tensor weight, Tensor? bias) -> (Tensor, Tensor)");
  m.def("pooled_gradient_cpu(Tensor dy, Tensor tap, Tensor x, Tensor weight, bool of_x) -> (Tensor, Tensor, Tensor)");
  m.def("cpu_has_tiles() -> bool");
}
STABLE_TORCH_LIBRARY_IMPL(conv2d, CPU, m) {
  m.impl("forward_cpu", TORCH_BOX(&forward));
  m.impl("input_cpu", TORCH_BOX(&input));
  m.impl("weight_cpu", TORCH_BOX(&weight));
  m.impl("pooled_cpu", TORCH_BOX(&pooled));
  m.impl("pooled_gradient_cpu", TORCH_BOX(&pooled_gradient));
  m.impl("block_cpu", TORCH_BOX(&block));
  m.impl("block_gradient_cpu", TORCH_BOX(&block_gradient));
}
STABLE_TORCH_LIBRARY_IMPL(conv2d, CompositeExplicitAutograd, m) {
  m.impl("cpu_has_tiles", TORCH_BOX(&conv2d::has_tiles));
}
