// How chains are shared among threads. Included by the files that register ops, once each.
#pragma once
#include <torch/csrc/stable/ops.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace {

// Calls f(first, last) for ranges that cover 0 to count, `least` or more at once, on torch's threads; which thread gets
// which range is left to chance, so f's results must not depend on it. A thread takes some tens of microseconds to wake:
// the caller works meanwhile, and fewer than two times `least` are not worth waking one for.
template <class F>
void share(int64_t count, int64_t least, const F& f) {
  constexpr int64_t ranges_a_thread = 8;
  const int64_t threads = std::min<int64_t>(torch::stable::get_num_threads(), count / least);
  if (threads < 2) {
    if (count > 0) f(0, count);
    return;
  }
  // Even, because two chains may take turns.
  const int64_t range = std::max<int64_t>(2, count / (threads * ranges_a_thread) / 2 * 2);
  std::atomic<int64_t> next{0};
  torch::stable::parallel_for(0, threads, 1, [&](int64_t from, int64_t to) {
    for (; from < to; from++)
      for (int64_t first; (first = next.fetch_add(range)) < count;) f(first, std::min(first + range, count));
  });
}

}  // namespace
