// The float32 kernels for AVX-512; compiled with that instruction set and called only where the processor has it.
#if defined(__x86_64__)
#include "../../cpu/vec_avx512.h"

#include "backward.h"
#include "forward.h"
#include "step.h"

namespace delta_rule {
// Sixteen of the thirty-two registers may hold the state: all of it at K = V = 16.
const Kernels<float> kernels_avx512 = {forward_tuned<Avx512, 16>, backward_tuned<Avx512, 16>, step_tuned<Avx512>};
}
#endif
