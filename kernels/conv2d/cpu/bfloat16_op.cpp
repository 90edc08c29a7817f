// What op.cpp does of bfloat16: sizes of working units, memory, threads.
#include "bfloat16_op.h"

#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <vector>

#include "../../cpu/huge_pages.h"
#include "../../cpu/instruction_set.h"
#include "../../cpu/parallel.h"
#include "../../cpu/stored.h"
#include "bfloat16.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace {

using conv2d::Kernels16;
using conv2d::kernels_amx;
using conv2d::Sizes;
using torch::headeronly::MemoryFormat;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

// Multiplications that keep a thread busy for longer than it takes to wake.
constexpr int64_t LEAST = int64_t(1) << 24;
// Numbers of the images that are at work at once: they stay in the second-level cache.
constexpr int64_t UNIT = 1 << 14;
// The most sums of outer products that are kept apart, and the fewest units in each.
constexpr int64_t CHUNKS = 64, CHUNK_UNITS = 4;

bool ask_for_tiles() {
#if defined(__x86_64__) && defined(__linux__)
  unsigned a, b, c, d;
  if (!kernels_amx || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  const bool words = b >> 30 & 1, tiles = (d >> 24 & 1) && (d >> 22 & 1);  // AVX512BW; AMX-TILE and AMX-BF16
  if (!words || !tiles || !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a >> 5 & 1)) return false;  // AVX512_BF16
  // Linux hands out tile registers to those processes that ask: ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA.
  return syscall(SYS_arch_prctl, 0x1023, 18) == 0;
#else
  return false;
#endif
}

const uint16_t* pointer(const Tensor& t) { return static_cast<const uint16_t*>(t.const_data_ptr()); }
const uint16_t* pointer(const OptionalTensor& t) { return t ? pointer(*t) : nullptr; }
uint16_t* to_write(Tensor& t) { return static_cast<uint16_t*>(t.mutable_data_ptr()); }
float* sums(Tensor& t) { return static_cast<float*>(t.mutable_data_ptr()); }

Tensor fresh(std::initializer_list<int64_t> shape, ScalarType dtype = ScalarType::BFloat16) {
  Tensor t = torch::stable::empty(shape, dtype, std::nullopt, std::nullopt, std::nullopt,
                                  shape.size() == 4 ? MemoryFormat::ChannelsLast : MemoryFormat::Contiguous);
  prefer_huge_pages(t, (dtype == ScalarType::Float ? 4 : 2) * t.numel());
  return t;
}

// From sizes alone.
int64_t unit_of(const Sizes& s) {
  return std::clamp<int64_t>(UNIT / std::max<int64_t>(1, s.H * s.W * std::max(s.C, s.K)), 1, std::max<int64_t>(1, s.N));
}

int64_t least_units(const Sizes& s, int64_t unit) {
  return std::max<int64_t>(1, LEAST / (9 * s.C * s.K * std::max<int64_t>(1, s.H * s.W) * unit));
}

// What no cache holds until somebody reads it is written past them: that saves reading its lines first.
bool goes_past_caches(const Tensor& t) {
  return t.numel() >= int64_t(8) << 20 && reinterpret_cast<uintptr_t>(t.const_data_ptr()) % 64 == 0;
}

std::vector<float> widened(const OptionalTensor& bias) {
  std::vector<float> numbers(bias ? bias->numel() : 0);
  for (size_t k = 0; k < numbers.size(); k++) numbers[k] = from_bfloat16(pointer(*bias)[k]);
  return numbers;
}
const float* pointer(const std::vector<float>& numbers) { return numbers.empty() ? nullptr : numbers.data(); }

// How the images of a sum are cut, from sizes alone: the order of the sums, and with it every bit, is the same for any
// number of threads.
struct Chunks {
  int64_t unit, units, each, count;
  explicit Chunks(const Sizes& s)
      : unit(unit_of(s)), units(s.H * s.W ? (s.N + unit - 1) / unit : 0),
        each(std::max(CHUNK_UNITS, (units + CHUNKS - 1) / CHUNKS)), count((units + each - 1) / each) {}
  template <class F>
  void share_out(const Sizes& s, const F& f) const {
    share(count, std::max<int64_t>(1, least_units(s, unit) / each), f);
  }
};

// Sums of outer products, and the gradients that come of them.
struct Gradients {
  int64_t C, K, chunks;
  Tensor partial, bias_partial;
  Gradients(const Sizes& s, const Chunks& chunks)
      : C(s.C), K(s.K), chunks(chunks.count), partial(fresh({chunks.count, (s.C < 16 ? 32 : 9 * s.C) * s.K}, ScalarType::Float)),
        bias_partial(fresh({chunks.count, 16 * s.K}, ScalarType::Float)) {}
  std::tuple<Tensor, Tensor> collected() {
    Tensor dweight = fresh({K, C, 3, 3}), dbias = fresh({K});
    kernels_amx->collect({.C = C,
                          .K = K,
                          .chunks = chunks,
                          .partial = sums(partial),
                          .bias_partial = sums(bias_partial),
                          .dweight = to_write(dweight),
                          .dbias = to_write(dbias)});
    return {dweight, dbias};
  }
};

std::vector<uint16_t> packed(int64_t C, int64_t K, const Tensor& weight, bool turned) {
  const int64_t before = turned ? K : C, after = turned ? C : K;
  std::vector<uint16_t> tiles(after / 16 * (before < 16 ? 1 : 3 * ((3 * before + 31) / 32)) * 512);
  kernels_amx->pack({.C = C, .K = K, .weight = pointer(weight), .tiles = tiles.data(), .turned = turned});
  return tiles;
}

Tensor convolved(const Sizes& s, const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                 const OptionalTensor& residual, const OptionalTensor& mask, bool relu, bool turned) {
  Tensor y = fresh({s.N, s.K, s.H, s.W});
  if (y.numel() == 0) return y;
  const std::vector<uint16_t> tiles = turned ? packed(s.K, s.C, weight, true) : packed(s.C, s.K, weight, false);
  const std::vector<float> biases = widened(bias);
  const int64_t unit = unit_of(s);
  const conv2d::Forward16 f{.sizes = s,
                            .unit = unit,
                            .x = pointer(x),
                            .tiles = tiles.data(),
                            .bias = pointer(biases),
                            .residual = pointer(residual),
                            .mask = pointer(mask),
                            .y = to_write(y),
                            .relu = relu,
                            .stream = goes_past_caches(y)};
  share((s.N + unit - 1) / unit, least_units(s, unit), [&](int64_t a, int64_t b) { kernels_amx->forward(f, a, b); });
  return y;
}

}  // namespace

namespace conv2d {

bool has_tiles() {
  static const bool allowed = ask_for_tiles();
  return allowed && srwm::instruction_set_level() == 2;
}

Tensor forward_bfloat16(const Tensor& x, const Tensor& weight, const OptionalTensor& bias, const OptionalTensor& residual,
                        bool relu) {
  const Sizes s{x.size(0), x.size(2), x.size(3), weight.size(1), weight.size(0)};
  return convolved(s, x, weight, bias, residual, std::nullopt, relu, false);
}

Tensor input_bfloat16(const Tensor& dy, const Tensor& weight, const OptionalTensor& mask) {
  const Sizes s{dy.size(0), dy.size(2), dy.size(3), weight.size(0), weight.size(1)};
  return convolved(s, dy, weight, std::nullopt, std::nullopt, mask, false, true);
}

std::tuple<Tensor, Tensor> weight_bfloat16(const Tensor& x, const Tensor& dy, bool relu) {
  const Sizes s{x.size(0), x.size(2), x.size(3), x.size(1), dy.size(1)};
  const Chunks chunks(s);
  Gradients gradients(s, chunks);
  const Outer16 f{.sizes = s,
                  .unit = chunks.unit,
                  .chunk = chunks.each * chunks.unit,
                  .x = pointer(x),
                  .dy = pointer(dy),
                  .partial = sums(gradients.partial),
                  .bias_partial = sums(gradients.bias_partial),
                  .relu = relu};
  chunks.share_out(s, [&](int64_t a, int64_t b) { kernels_amx->outer(f, a, b); });
  return gradients.collected();
}

std::tuple<Tensor, Tensor> block_bfloat16(const Tensor& x, const Tensor& weight0, const OptionalTensor& bias0,
                                          const Tensor& weight1, const OptionalTensor& bias1, bool keep) {
  const Sizes s{x.size(0), x.size(2), x.size(3), x.size(1), x.size(1)};
  Tensor y = fresh({s.N, s.C, s.H, s.W}), inner = keep ? fresh({s.N, s.C, s.H, s.W}) : fresh({0});
  if (y.numel() == 0) return {y, inner};
  const std::vector<uint16_t> tiles0 = packed(s.C, s.C, weight0, false), tiles1 = packed(s.C, s.C, weight1, false);
  const std::vector<float> biases0 = widened(bias0), biases1 = widened(bias1);
  const int64_t unit = unit_of(s);
  const Block16 f{.sizes = s,
                  .unit = unit,
                  .x = pointer(x),
                  .tiles0 = tiles0.data(),
                  .tiles1 = tiles1.data(),
                  .bias0 = pointer(biases0),
                  .bias1 = pointer(biases1),
                  .inner = keep ? to_write(inner) : nullptr,
                  .y = to_write(y),
                  .stream = goes_past_caches(y) && (!keep || goes_past_caches(inner))};
  share((s.N + unit - 1) / unit, least_units(s, unit), [&](int64_t a, int64_t b) { kernels_amx->block(f, a, b); });
  return {y, inner};
}

std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> block_gradient_bfloat16(const Tensor& dy, const Tensor& x, const Tensor& inner,
                                                                           const Tensor& weight0, const Tensor& weight1) {
  const Sizes s{x.size(0), x.size(2), x.size(3), x.size(1), x.size(1)};
  const Chunks chunks(s);
  Tensor dx = fresh({s.N, s.C, s.H, s.W});
  Gradients first(s, chunks), second(s, chunks);
  const std::vector<uint16_t> tiles0 = packed(s.C, s.C, weight0, true), tiles1 = packed(s.C, s.C, weight1, true);
  const BlockGradient16 f{.sizes = s,
                          .unit = chunks.unit,
                          .chunk = chunks.each * chunks.unit,
                          .dy = pointer(dy),
                          .x = pointer(x),
                          .inner = pointer(inner),
                          .tiles0 = tiles0.data(),
                          .tiles1 = tiles1.data(),
                          .dx = to_write(dx),
                          .partial0 = sums(first.partial),
                          .partial1 = sums(second.partial),
                          .bias_partial0 = sums(first.bias_partial),
                          .bias_partial1 = sums(second.bias_partial),
                          .stream = goes_past_caches(dx)};
  chunks.share_out(s, [&](int64_t a, int64_t b) { kernels_amx->block_gradient(f, a, b); });
  auto [dweight0, dbias0] = first.collected();
  auto [dweight1, dbias1] = second.collected();
  return {dx, dweight0, dbias0, dweight1, dbias1};
}

std::tuple<Tensor, Tensor> pooled_bfloat16(const Tensor& x, const Tensor& weight, const OptionalTensor& bias) {
  const Sizes s{x.size(0), x.size(2), x.size(3), x.size(1), weight.size(0)};
  Tensor y = fresh({s.N, s.K, (s.H + 1) / 2, (s.W + 1) / 2});
  Tensor tap = fresh({s.N, s.K, (s.H + 1) / 2, (s.W + 1) / 2}, ScalarType::Byte);
  if (y.numel() == 0) return {y, tap};
  const std::vector<uint16_t> tiles = packed(s.C, s.K, weight, false);
  const std::vector<float> biases = widened(bias);
  const int64_t unit = unit_of(s);
  const Pooled16 f{.sizes = s,
                   .unit = unit,
                   .x = pointer(x),
                   .tiles = tiles.data(),
                   .bias = pointer(biases),
                   .y = to_write(y),
                   .tap = static_cast<uint8_t*>(tap.mutable_data_ptr())};
  share((s.N + unit - 1) / unit, least_units(s, unit), [&](int64_t a, int64_t b) { kernels_amx->pooled(f, a, b); });
  return {y, tap};
}

std::tuple<Tensor, Tensor, Tensor> pooled_gradient_bfloat16(const Tensor& dy, const Tensor& tap, const Tensor& x,
                                                            const Tensor& weight, bool of_x) {
  const Sizes s{x.size(0), x.size(2), x.size(3), x.size(1), weight.size(0)};
  const Chunks chunks(s);
  Tensor dx = of_x ? fresh({s.N, s.C, s.H, s.W}) : fresh({0});
  Gradients gradients(s, chunks);
  const std::vector<uint16_t> tiles = of_x ? packed(s.C, s.K, weight, true) : std::vector<uint16_t>();
  const PooledGradient16 f{.sizes = s,
                           .unit = chunks.unit,
                           .chunk = chunks.each * chunks.unit,
                           .dy = pointer(dy),
                           .x = pointer(x),
                           .tap = static_cast<const uint8_t*>(tap.const_data_ptr()),
                           .tiles = tiles.data(),
                           .dx = of_x ? to_write(dx) : nullptr,
                           .partial = sums(gradients.partial),
                           .bias_partial = sums(gradients.bias_partial),
                           .stream = goes_past_caches(dx)};
  chunks.share_out(s, [&](int64_t a, int64_t b) { kernels_amx->pooled_gradient(f, a, b); });
  auto [dweight, dbias] = gradients.collected();
  return {dx, dweight, dbias};
}

}  // namespace conv2d
