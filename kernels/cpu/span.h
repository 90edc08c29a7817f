// The steps of one chain, a sequence of one head. Internal linkage: compiled under several instruction sets.
#pragma once
#include <cstdint>

namespace {

struct Span {
  int64_t n, b, h, begin, end;  // sequence, batch column, head, first step and one past the last
};

// `G` is the geometry of an op: T, H, is_first with its strides, cu_seqlens.
template <class G>
inline Span span_of(const G& g, int64_t chain) {
  const int64_t n = chain / g.H, h = chain % g.H;
  if (!g.cu_seqlens) return {n, n, h, 0, g.T};
  return {n, 0, h, g.cu_seqlens[n], g.cu_seqlens[n + 1]};
}

template <class G>
inline bool is_first(const G& g, const Span& s, int64_t t) {
  return g.is_first && g.is_first[t * g.is_first_t + s.b * g.is_first_b];
}

}  // namespace
