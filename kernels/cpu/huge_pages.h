// Large fresh tensors in few pages. Included by the files that register ops, once each.
#pragma once
#include <torch/csrc/stable/tensor.h>

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace {

// The allocator hands large tensors out as untouched memory, and what the system does at the first touch of every page
// of 4 KB then takes longer than computing what goes there. A hint: where it is refused nothing changes.
inline void prefer_huge_pages(torch::stable::Tensor& t, int64_t bytes) {
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  constexpr uintptr_t page = uintptr_t(2) << 20;
  if (bytes < int64_t(4 * page)) return;
  const uintptr_t at = reinterpret_cast<uintptr_t>(t.mutable_data_ptr());
  const uintptr_t from = (at + page - 1) / page * page, to = (at + bytes) / page * page;
  madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
#else
  (void)t, (void)bytes;
#endif
}

}  // namespace
