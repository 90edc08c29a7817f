// From torch's stable tensors to the plain data of tensors.h. Included by the files that register ops, once each.
#pragma once
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <initializer_list>
#include <optional>

#include "tensors.h"

namespace {

using srwm::Stored;
using torch::headeronly::ScalarType;
using torch::stable::Tensor;
using OptionalTensor = std::optional<Tensor>;

template <class S>
const S* pointer(const Tensor& t) {
  return static_cast<const S*>(t.const_data_ptr());
}

// Rows must be dense; the dimensions before them may have any stride (0 for an expanded batch).
inline Tensor dense_rows(const Tensor& t, int64_t row_dims) {
  int64_t expected = 1;
  for (int64_t d = t.dim() - 1; d >= t.dim() - row_dims; d--) {
    if (t.size(d) != 1 && t.stride(d) != expected) return torch::stable::contiguous(t);
    expected *= t.size(d);
  }
  return t;
}
inline OptionalTensor dense_rows(const OptionalTensor& t, int64_t row_dims) {
  return t ? OptionalTensor(dense_rows(*t, row_dims)) : t;
}

// The precision computed in, of inputs of that dtype.
inline ScalarType computed(ScalarType in) {
  return in == ScalarType::BFloat16 || in == ScalarType::Half ? ScalarType::Float : in;
}

inline Stored stored_as(ScalarType dtype) {
  return dtype == ScalarType::BFloat16 ? Stored::bfloat16
         : dtype == ScalarType::Half   ? Stored::float16
                                       : Stored::as_computed;
}

template <class S>
srwm::Sequence<S> sequence(const OptionalTensor& t) {
  if (!t) return {nullptr, 0, 0, 0, Stored::as_computed};
  return {t->const_data_ptr(), t->stride(0), t->stride(1), t->stride(2), stored_as(t->scalar_type())};
}
template <class S>
srwm::Matrices<S> matrices(const OptionalTensor& t) {
  if (!t) return {nullptr, 0, 0};
  return {pointer<S>(*t), t->stride(0), t->stride(1)};
}

inline bool has_shape(const Tensor& t, std::initializer_list<int64_t> shape, ScalarType dtype) {
  bool same = t.dim() == int64_t(shape.size()) && t.scalar_type() == dtype && t.is_cpu();
  int64_t d = 0;
  for (int64_t n : shape) same = same && t.size(d++) == n;
  return same;
}

}  // namespace
