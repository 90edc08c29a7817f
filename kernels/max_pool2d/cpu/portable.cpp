// The kernels without an instruction set: for processors that have none of the others, and as a form to test.
#include "pool.h"

namespace max_pool2d {
const Kernels kernels_portable_float = {largest, pick, spread};
}
