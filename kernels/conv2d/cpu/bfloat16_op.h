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
std::tuple<Tensor, Tensor> block_bfloat16(const Tensor& x, const Tensor& weight0, const std::optional<Tensor>& bias0,
                                          const Tensor& weight1, const std::optional<Tensor>& bias1, bool keep);
std::tuple<Tensor, Tensor, Tensor, Tensor, Tensor> block_gradient_bfloat16(const Tensor& dy, const Tensor& x, const Tensor& inner,
                                                                           const Tensor& weight0, const Tensor& weight1);
std::tuple<Tensor, Tensor> pooled_bfloat16(const Tensor& x, const Tensor& weight, const std::optional<Tensor>& bias);
std::tuple<Tensor, Tensor, Tensor> pooled_gradient_bfloat16(const Tensor& dy, const Tensor& tap, const Tensor& x,
                                                            const Tensor& weight, bool of_x);

}  // namespace conv2d
