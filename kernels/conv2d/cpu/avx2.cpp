// The kernels for AVX2; compiled with that instruction set and called only where the processor has it.
#if defined(__x86_64__)
#include "../../cpu/vec_avx2.h"

#include "forward.h"
#include "outer.h"
#include "weights.h"

namespace conv2d {
const Kernels kernels_avx2 = {forward_tuned<Avx2>, outer_tuned<Avx2>, Weights<Avx2>::transform, Weights<Avx2>::collect};
}
#endif
