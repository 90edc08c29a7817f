// Tiles of two by two results, numbered along rows, then images. Internal linkage: compiled under several instruction sets.
#pragma once
#include <cstdint>

#include "args.h"

namespace {

using conv2d::Sizes;

// Tiles of one row: columns first to last (of tiles) in tile row `row` of image n.
struct Run {
  int64_t n, row, first, last;
};

struct Tiles {
  const Sizes s;
  const int64_t rows, columns, count;
  explicit Tiles(const Sizes& sizes)
      : s(sizes), rows((s.H + 1) / 2), columns((s.W + 1) / 2), count(s.N * rows * columns) {}

  // Calls f(run, slot) for the tiles first to last; slot counts them from 0.
  template <class F>
  inline void each_run(int64_t first, int64_t last, const F& f) const {
    for (int64_t tile = first; tile < last;) {
      const int64_t line = tile / columns, column = tile % columns, left = last - tile;
      const int64_t end = column + left < columns ? column + left : columns;
      f(Run{line / rows, line % rows, column, end}, tile - first);
      tile += end - column;
    }
  }

  // The first row of pixels of a tile, counted over all images; that behind the last tile, past the end of any.
  inline int64_t pixel_row(int64_t tile) const {
    if (tile >= count) return s.N * s.H;
    const int64_t line = tile / columns;
    return line / rows * s.H + 2 * (line % rows);
  }
};

// Memory that is asked for a part at a time, between products that need the processor and not the memory.
struct Ahead {
  const float *at, *end;
  int64_t part;
  // Rows of `row` floats, sixteen parts.
  Ahead(const float* data, int64_t first, int64_t last, int64_t row)
      : at(data + first * row), end(data + last * row), part(data && last > first ? ((last - first) * row + 255) / 256 * 16 : 0) {}
  inline void fetch() {
    for (int64_t i = 0; i < part && at < end; i += 16, at += 16) __builtin_prefetch(at);
  }
};

}  // namespace
