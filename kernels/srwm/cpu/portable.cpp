// The kernels in plain C++: float64 everywhere, float32 where no tuned instruction set exists.
#include "../../cpu/vec_portable.h"

#include "backward.h"
#include "forward.h"
#include "step.h"
#include "sum.h"

namespace srwm {
const Kernels<float> kernels_portable_float = {forward_generic<Portable<float>>, backward_generic<Portable<float>>,
                                                step_generic<Portable<float>>, sum_rows<float>};
const Kernels<double> kernels_portable_double = {forward_generic<Portable<double>>, backward_generic<Portable<double>>,
                                                step_generic<Portable<double>>, sum_rows<double>};
}
