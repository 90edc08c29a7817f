// The float32 kernels for AVX2; compiled with that instruction set and called only where the processor has it.
#if defined(__x86_64__)
#include "../../cpu/vec_avx2.h"

#include "backward.h"
#include "forward.h"
#include "step.h"
#include "sum.h"

namespace srwm {
const Kernels<float> kernels_avx2 = {forward_tuned<Avx2>, backward_tuned<Avx2>, step_tuned<Avx2>, sum_rows<float>};
}
#endif
