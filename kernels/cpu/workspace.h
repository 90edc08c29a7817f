// The working memory of one task. Internal linkage: compiled under several instruction sets.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace {

// One allocation, cut into sixty-four-byte aligned pieces and zeroed.
template <class S>
struct Workspace {
  S* base;
  int64_t used = 0;
  explicit Workspace(int64_t count) : base(static_cast<S*>(std::aligned_alloc(64, bytes(count)))) {
    std::memset(base, 0, bytes(count));
  }
  ~Workspace() { std::free(base); }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  static int64_t bytes(int64_t count) { return (count * int64_t(sizeof(S)) + 63) / 64 * 64; }
  S* take(int64_t count) {
    S* p = base + used;
    used += (count + 15) / 16 * 16;
    return p;
  }
};

}  // namespace
