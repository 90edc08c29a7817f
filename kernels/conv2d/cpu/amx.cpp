// The kernels for bfloat16; compiled with AMX and called only where the processor has it.
#include "bfloat16.h"

#if defined(__AMX_BF16__)
#include "amx_block.h"
#include "amx_forward.h"
#include "amx_pooled.h"
#include "amx_weights.h"

namespace conv2d {
static const Kernels16 compiled = {forward16, outer16, pack16, collect16, block16, block_gradient16, pooled16, pooled_gradient16};
const Kernels16* const kernels_amx = &compiled;
}  // namespace conv2d
#else
namespace conv2d {
const Kernels16* const kernels_amx = nullptr;
}
#endif
