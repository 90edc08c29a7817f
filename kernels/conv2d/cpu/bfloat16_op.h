// The ops for bfloat16. Included by the files that register ops.
#pragma once
#include <torch/csrc/stable/tensor.h>

#include <optional>
#include <tuple>

namespace conv2d {

// Whether this processor multiplies tiles of bfloat16 (AMX) and the system lets this process do so.
bool has_tiles();

// As the ops of op.cpp, which has checked sizes; images and weights with their channels together.
using torch::stable::Tensor;
Tensor forward_bfloat16(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias,
                        const std::optional<Tensor>& residual, bool relu);
Tensor input_bfloat16(const Tensor& dy, const Tensor& weight, const std::optional<Tensor>& mask);
std::tuple<Tensor, Tensor> weight_bfloat16(const Tensor& x, const Tensor& dy, bool relu);

}  // namespace conv2d
