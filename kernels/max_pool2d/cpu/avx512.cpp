// The kernels for AVX-512; compiled with that instruction set and called only where the processor has it.
#if defined(__x86_64__)
#include "pool.h"

namespace max_pool2d {
const Kernels kernels_avx512 = {largest, pick, spread};
}
#endif
