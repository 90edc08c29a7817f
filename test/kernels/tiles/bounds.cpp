// Runs the kernels of bfloat16 over random sizes with AddressSanitizer, working memory of exactly the size that they ask
// for, and every byte that a tile instruction reads or writes touched by instructions that the sanitizer sees.
// With an argument the working memory lacks its last line, which must be found.
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

volatile unsigned seen;
void touch(const void* from, long row, bool write) {
  for (int r = 0; r < 16; r++) {
    volatile char* const p = (volatile char*)(from) + r * row;
    for (int i = 0; i < 64; i++) {
      if (write) p[i] = 0;
      else seen = seen + p[i];
    }
  }
}

}  // namespace

#undef _tile_loadd
#undef _tile_stored
#define _tile_loadd(tile, from, row) \
  do {                               \
    touch((from), (row), false);     \
    asm volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"((const void*)(from)), "r"((long)(row)) : "memory"); \
  } while (0)
#define _tile_stored(tile, to, row) \
  do {                              \
    touch((to), (row), true);       \
    asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"((void*)(to)), "r"((long)(row)) : "memory"); \
  } while (0)

#include "../../../kernels/conv2d/cpu/amx_images.h"

namespace {

int64_t lacking = 0;
uint16_t* exact(int64_t numbers) {
  static void* former = nullptr;
  std::free(former);
  numbers -= lacking;
  former = std::aligned_alloc(64, numbers * sizeof(uint16_t));
  std::memset(former, 0, numbers * sizeof(uint16_t));
  return static_cast<uint16_t*>(former);
}

}  // namespace

#define kept exact
#include "../../../kernels/conv2d/cpu/amx_block.h"
#include "../../../kernels/conv2d/cpu/amx_forward.h"
#include "../../../kernels/conv2d/cpu/amx_pooled.h"
#include "../../../kernels/conv2d/cpu/amx_weights.h"

namespace {

using namespace conv2d;

int64_t drawn(int64_t from, int64_t to) { return from + std::rand() % (to - from + 1); }

template <class T>
std::vector<T> numbers(int64_t count) {
  std::vector<T> all(count);
  for (T& one : all) one = T(std::rand() % 100);
  all.shrink_to_fit();
  return all;
}

void once(int64_t N, int64_t H, int64_t W) {
  using Bfloat16s = std::vector<uint16_t>;
  const int64_t C = 16 * drawn(1, 3), K = 16 * drawn(1, 3), few = drawn(1, 3), P = (H + 1) / 2, Q = (W + 1) / 2;
  const int64_t unit = drawn(1, N < 4 ? N : 4), units = (N + unit - 1) / unit;
  const int64_t each = drawn(1, 3), chunk = each * unit, chunks = (units + each - 1) / each;
  const Sizes s{N, H, W, C, K}, turned{N, H, W, K, C}, block{N, H, W, C, C}, small{N, H, W, few, K};
  const auto image = [&](int64_t channels) { return numbers<uint16_t>(N * H * W * channels); };
  Bfloat16s x = image(C), y = image(K), dx = image(C), of_few = image(few), inner = image(C), of_block = image(C);
  Bfloat16s pooled = numbers<uint16_t>(N * P * Q * K);
  auto tap = numbers<uint8_t>(N * P * Q * K);
  auto bias = numbers<float>(K), of_C = numbers<float>(C), partial = numbers<float>(chunks * 9 * C * K);
  auto partial0 = numbers<float>(chunks * 9 * C * C), partial1 = partial0, biases = numbers<float>(chunks * 16 * K);
  auto biases0 = numbers<float>(chunks * 16 * C), biases1 = biases0, partial_few = numbers<float>(chunks * 32 * K);
  Bfloat16s dbias(K), dweight(9 * C * K), dweight_few(9 * few * K);

  const auto tiles = [](int64_t before, int64_t after, bool around) {
    const Bfloat16s weight = numbers<uint16_t>(9 * before * after);
    const int64_t of = around ? after : before, results = around ? before : after;
    Bfloat16s made(results / 16 * (of < 16 ? 1 : 3 * ((3 * of + 31) / 32)) * 512);
    pack16({before, after, weight.data(), made.data(), around});
    return made;
  };
  const Bfloat16s forward = tiles(C, K, false), back = tiles(C, K, true), square = tiles(C, C, false);
  const Bfloat16s square_back = tiles(C, C, true), of_windows = tiles(few, K, false);

  forward16({s, unit, x.data(), forward.data(), bias.data(), y.data(), nullptr, y.data(), true, false}, 0, units);
  forward16({turned, unit, y.data(), back.data(), nullptr, nullptr, x.data(), dx.data(), false, false}, 0, units);
  outer16({s, unit, chunk, x.data(), y.data(), partial.data(), biases.data(), true}, 0, chunks);
  collect16({C, K, chunks, partial.data(), biases.data(), dweight.data(), dbias.data()});
  block16({block, unit, x.data(), square.data(), square.data(), of_C.data(), nullptr, inner.data(), of_block.data(), false}, 0,
          units);
  block_gradient16({block, unit, chunk, of_block.data(), x.data(), inner.data(), square_back.data(), square_back.data(), dx.data(),
                    partial0.data(), partial1.data(), biases0.data(), biases1.data(), false},
                   0, chunks);
  pooled16({s, unit, x.data(), forward.data(), bias.data(), pooled.data(), tap.data()}, 0, units);
  pooled_gradient16({s, unit, chunk, pooled.data(), x.data(), tap.data(), back.data(), dx.data(), partial.data(), biases.data(), false},
                    0, chunks);
  pooled16({small, unit, of_few.data(), of_windows.data(), bias.data(), pooled.data(), tap.data()}, 0, units);
  pooled_gradient16({small, unit, chunk, pooled.data(), of_few.data(), tap.data(), nullptr, nullptr, partial_few.data(), biases.data(),
                     false},
                    0, chunks);
  collect16({few, K, chunks, partial_few.data(), biases.data(), dweight_few.data(), dbias.data()});
}

}  // namespace

int main(int count, char**) {
  if (syscall(SYS_arch_prctl, 0x1023, 18) != 0) return 3;
  std::srand(1);
  lacking = count > 1 ? 32 : 0;
  once(2, 32, 40);
  for (int i = 0; i < 40; i++) once(drawn(1, 9), drawn(1, 12), drawn(1, 12));
  std::puts("clean");
}
