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

std::vector<uint16_t> packed(int64_t C, int64_t K, const Tensor& weight, bool turned) {
  const int64_t before = turned ? K : C, after = turned ? C : K;
  std::vector<uint16_t> tiles(after / 16 * 3 * ((3 * before + 31) / 32) * 512);
  kernels_amx->pack({.C = C, .K = K, .weight = pointer(weight), .tiles = tiles.data(), .turned = turned});
  return tiles;
}

Tensor convolved(const Sizes& s, const Tensor& x, const Tensor& weight, const OptionalTensor& bias,
                 const OptionalTensor& residual, const OptionalTensor& mask, bool relu, bool turned) {
  Tensor y = fresh({s.N, s.K, s.H, s.W});
  if (y.numel() == 0) return y;
  const std::vector<uint16_t> tiles = turned ? packed(s.K, s.C, weight, true) : packed(s.C, s.K, weight, false);
  std::vector<float> biases;
  if (bias)
    for (int64_t k = 0; k < s.K; k++) biases.push_back(from_bfloat16(pointer(*bias)[k]));
  const int64_t unit = unit_of(s);
  const conv2d::Forward16 f{.sizes = s,
                            .unit = unit,
                            .x = pointer(x),
                            .tiles = tiles.data(),
                            .bias = bias ? biases.data() : nullptr,
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
  Tensor dweight = fresh({s.K, s.C, 3, 3}), dbias = fresh({s.K});
  // From the sizes alone: the order of the sums, and with it every bit, is the same for any number of threads.
  const int64_t unit = unit_of(s), images = s.H * s.W ? s.N : 0, units = (images + unit - 1) / unit;
  const int64_t chunk = std::max(CHUNK_UNITS, (units + CHUNKS - 1) / CHUNKS), chunks = (units + chunk - 1) / chunk;
  Tensor partial = fresh({chunks, 9 * s.C * s.K}, ScalarType::Float), bias_partial = fresh({chunks, 16 * s.K}, ScalarType::Float);
  const Outer16 f{.sizes = s,
                  .unit = unit,
                  .chunk = chunk * unit,
                  .x = pointer(x),
                  .dy = pointer(dy),
                  .partial = sums(partial),
                  .bias_partial = sums(bias_partial),
                  .relu = relu};
  share(chunks, std::max<int64_t>(1, least_units(s, unit) / chunk), [&](int64_t a, int64_t b) { kernels_amx->outer(f, a, b); });
  kernels_amx->collect({.C = s.C,
                        .K = s.K,
                        .chunks = chunks,
                        .partial = sums(partial),
                        .bias_partial = sums(bias_partial),
                        .dweight = to_write(dweight),
                        .dbias = to_write(dbias)});
  return {dweight, dbias};
}

}  // namespace conv2d
