// The kernels for AVX-512; compiled with that instruction set and called only where the processor has it.
#if defined(__x86_64__)
#include "../../cpu/vec_avx512.h"

#include "forward.h"
#include "outer.h"
#include "weights.h"

namespace conv2d {
const Kernels kernels_avx512 = {forward_tuned<Avx512>, outer_tuned<Avx512>, Weights<Avx512>::transform, Weights<Avx512>::collect};
}
#endif
