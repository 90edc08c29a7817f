// The float32 kernels for NEON, which every 64-bit ARM processor has.
#if defined(__aarch64__)
#include "../../cpu/vec_neon.h"

#include "backward.h"
#include "forward.h"
#include "step.h"
#include "sum.h"

namespace srwm {
const Kernels<float> kernels_neon = {forward_tuned<Neon>, backward_tuned<Neon>, step_tuned<Neon>, sum_rows<float>};
}
#endif
