// Where tensors that are written in place lie in memory. Included by the files that register ops, once each.
#pragma once
#include <torch/csrc/stable/tensor.h>

#include <cstdint>

namespace {

using torch::stable::Tensor;

// The bytes from a tensor's first element to past its last one.
struct Range {
  const char *from, *to;
  explicit Range(const Tensor& t, int64_t bytes) : from(static_cast<const char*>(t.const_data_ptr())), to(from) {
    if (t.numel() == 0) return;
    int64_t last = 0;
    for (int64_t d = 0; d < t.dim(); d++) last += (t.size(d) - 1) * t.stride(d);
    to += (last + 1) * bytes;
  }
  bool meets(const Range& other) const { return from < other.to && other.from < to; }
};

// No two of the B x H rows of `row` elements share memory.
inline bool apart(const Tensor& t, int64_t row) {
  int64_t b = t.size(0) == 1 ? INT64_MAX : t.stride(0), h = t.size(1) == 1 ? INT64_MAX : t.stride(1);
  if (b >= h) return h >= row && (b == INT64_MAX || b >= h * t.size(1));
  return b >= row && (h == INT64_MAX || h >= b * t.size(0));
}

}  // namespace
