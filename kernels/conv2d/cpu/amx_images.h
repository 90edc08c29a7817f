// Images under one another in working memory, with zeros around, so that a tap of the window is a distance in memory.
#pragma once
#include <cstdlib>

#include "../../cpu/sizes.h"
#include "../../cpu/vec_avx512.h"
#include "amx_tiles.h"
#include "args.h"

namespace {

using conv2d::Sizes;

// Rows of `pitch` pixels: a zero, then W pixels; the zero of the next row also ends this one. A row of zeros stands before
// each image and behind the last. The result at place q = row * pitch + column needs the pixels q + a * pitch + b.
struct Plane {
  int64_t H, W, pitch, images;
  Plane(const Sizes& s, int64_t unit) : H(s.H), W(s.W), pitch(s.W + 1), images(unit) {}
  // Places of results, those between the images among them, which nobody reads.
  int64_t places(int64_t count) const { return count * (H + 1) * pitch; }
  // With what a block of 64 places reads behind the last of them, in whole blocks of 32.
  int64_t pixels() const { return (places(images) + 63) / 64 * 64 + (2 * pitch + 2 + 31) / 32 * 32; }
  // Where the pixel of the first place's middle tap lies.
  int64_t middle() const { return pitch + 1; }
};

// Zeros where images were that a smaller number of them leaves.
inline void clear_behind(const Plane& p, int64_t channels, int64_t count, uint16_t* to) {
  const int64_t end = p.middle() + p.places(count);
  std::memset(to + end * channels, 0, (p.pixels() - end) * channels * sizeof(uint16_t));
}

// Copies `count` images to their places; what lies between them is zero already.
template <bool Relu>
inline void place(const uint16_t* images, const Plane& p, int64_t channels, int64_t count, uint16_t* to) {
  const int64_t row = p.W * channels;
  uint16_t* image = to + p.middle() * channels;
  for (int64_t n = 0; n < count; n++, image += (p.H + 1) * p.pitch * channels) {
    uint16_t* line = image;
    for (int64_t i = 0; i < p.H; i++, line += p.pitch * channels, images += row) {
      int64_t at = 0;
      for (; at + 32 <= row; at += 32) {
        const __m512i v = _mm512_loadu_si512(images + at);
        _mm512_storeu_si512(line + at, Relu ? relu16(v) : v);
      }
      if (at < row) {
        const __mmask32 mask = (1u << (row - at)) - 1;
        const __m512i v = _mm512_maskz_loadu_epi16(mask, images + at);
        _mm512_mask_storeu_epi16(line + at, mask, Relu ? relu16(v) : v);
      }
    }
  }
  if (count < p.images) clear_behind(p, channels, count, to);
}

// Memory of this thread that stays: the system takes longer to hand out fresh pages than what is here takes to compute.
inline uint16_t* kept(int64_t numbers) {
  static thread_local struct Memory {
    void* at = nullptr;
    int64_t bytes = 0;
    ~Memory() { std::free(at); }
  } memory;
  const int64_t bytes = (numbers * int64_t(sizeof(uint16_t)) + 4095) / 4096 * 4096;
  if (bytes > memory.bytes) {
    std::free(memory.at);
    memory.at = std::aligned_alloc(4096, bytes);
    memory.bytes = bytes;
  }
  std::memset(memory.at, 0, bytes);
  return static_cast<uint16_t*>(memory.at);
}

// Memory that is asked for a part at a time, between products that need the processor and not the memory.
struct Coming {
  const uint16_t *at = nullptr, *end = nullptr;
  int64_t part = 0;
  Coming() = default;
  Coming(const uint16_t* from, int64_t numbers, int64_t parts)
      : at(from), end(from + numbers), part((numbers / parts + 32) / 32 * 32) {}
  inline void fetch() {
    const uint16_t* const stop = end - at > part ? at + part : end;
    for (; at < stop; at += 32) __builtin_prefetch(at, 0, 2);
  }
};

// to[c * apart + pixel] of from[pixel * channels + c], sixteen channels by 32 pixels at a time.
inline void transpose_pixels(const uint16_t* from, int64_t channels, int64_t pixels, uint16_t* to, int64_t apart) {
  const __m512i low = _mm512_set1_epi32(0xffff);
  for (int64_t c = 0; c < channels; c += 16)
    for (int64_t pixel = 0; pixel < pixels; pixel += 32) {
      const uint16_t* const at = from + pixel * channels + c;
      Avx512::V rows[16];
      // Row i: pixel 2 i, then pixel 2 i + 1, in pairs of channels.
      SRWM_UNROLL(16)
      for (int i = 0; i < 16; i++)
        rows[i].a = _mm512_castsi512_ps(together(at + 2 * i * channels, at + (2 * i + 1) * channels));
      Avx512::transpose(rows);
      SRWM_UNROLL(8)
      for (int i = 0; i < 8; i++) {
        const __m512i even = _mm512_castps_si512(rows[i].a), odd = _mm512_castps_si512(rows[i + 8].a);
        // 0xca: bits of the second where the first has ones, else of the third.
        const __m512i first = _mm512_ternarylogic_epi32(low, even, _mm512_slli_epi32(odd, 16), 0xca);
        const __m512i second = _mm512_ternarylogic_epi32(low, _mm512_srli_epi32(even, 16), odd, 0xca);
        _mm512_store_si512(to + (c + 2 * i) * apart + pixel, first);
        _mm512_store_si512(to + (c + 2 * i + 1) * apart + pixel, second);
      }
    }
}

// Pairs of pixels, [channels / 16, count, 16, 2]: the pixels 2 i and 2 i + 1 of `from`.
inline void pair_pixels(const uint16_t* from, int64_t channels, int64_t count, uint16_t* to) {
  if (channels == 16) {
    for (int64_t i = 0; i < count; i++) _mm512_store_si512(to + 32 * i, paired(_mm512_loadu_si512(from + 32 * i)));
    return;
  }
  for (int64_t c = 0; c < channels; c += 16) {
    const uint16_t* at = from + c;
    for (int64_t i = 0; i < count; i++, at += 2 * channels, to += 32) _mm512_store_si512(to, paired(at, at + channels));
  }
}

}  // namespace
