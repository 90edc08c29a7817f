// The float32 kernels for NEON, which every 64-bit ARM processor has.
#if defined(__aarch64__)
#include "../../cpu/vec_neon.h"

#include "backward.h"
#include "forward.h"
#include "step.h"

namespace delta_rule {
const Kernels<float> kernels_neon = {forward_tuned<Neon, 0>, backward_tuned<Neon, 0>, step_tuned<Neon>};
}
#endif
