// Tile registers (AMX): sixteen rows of 64 bytes each. Internal linkage: compiled under several instruction sets.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

namespace {

// What the registers hold while this lives: each sixteen rows of 64 bytes. What they were set to before comes back behind
// it, for whoever else uses them in this thread.
class TileRegisters {
 public:
  TileRegisters() {
    _tile_storeconfig(former_);
    alignas(64) uint8_t all[64] = {1};
    for (int i = 0; i < 8; i++) {
      all[16 + 2 * i] = 64;
      all[48 + i] = 16;
    }
    _tile_loadconfig(all);
  }
  ~TileRegisters() {
    if (former_[0] == 0) _tile_release();
    else _tile_loadconfig(former_);
  }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;

 private:
  alignas(64) uint8_t former_[64];
};

inline int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

constexpr int64_t TILE = 512;  // numbers of bfloat16 in a tile

inline __m512 widen(const uint16_t* p) {
  return _mm512_castsi512_ps(
      _mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))), 16));
}

// To the nearest, to even between two; a NaN stays one.
inline __m512i narrow(__m512 low, __m512 high) { return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(high, low)); }
inline __m256i narrow(__m512 v) { return reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)); }

// Zero where a number is negative; a NaN stays one.
inline __m512i relu16(__m512i v) {
  const __m512i negative = _mm512_set1_epi16(int16_t(0x8000));
  // -0 to -infinity.
  const __mmask32 below = _mm512_cmple_epu16_mask(_mm512_sub_epi16(v, negative), _mm512_set1_epi16(0x7f80));
  return _mm512_maskz_mov_epi16(~below, v);
}

// Two rows of sixteen numbers as one of sixteen pairs.
inline __m512i paired(__m512i both) {
  alignas(64) static constexpr uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return _mm512_permutexvar_epi16(_mm512_load_si512(order), both);
}
inline __m512i together(const uint16_t* low, const uint16_t* high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(low))),
                            _mm256_loadu_si256(reinterpret_cast<const __m256i*>(high)), 1);
}
inline __m512i paired(const uint16_t* low, const uint16_t* high) { return paired(together(low, high)); }

}  // namespace
