// The float32 kernels for AVX-512; compiled with that instruction set and called only where the processor has it.
#if defined(__x86_64__)
#include "../../cpu/vec_avx512.h"

#include "backward.h"
#include "forward.h"
#include "step.h"
#include "sum.h"

namespace srwm {
const Kernels<float> kernels_avx512 = {forward_tuned<Avx512>, backward_tuned<Avx512>, step_tuned<Avx512>, sum_rows<float>};
}
#endif
