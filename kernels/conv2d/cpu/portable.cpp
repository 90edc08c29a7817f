// The kernels without an instruction set: for processors that have none of the others, and as a form to test.
#include "../../cpu/vec_portable.h"

#include "forward.h"
#include "outer.h"
#include "weights.h"

namespace conv2d {
using Plain = Portable<float>;
const Kernels kernels_portable_float = {forward_tuned<Plain>, outer_tuned<Plain>, Weights<Plain>::transform,
                                        Weights<Plain>::collect};
}
