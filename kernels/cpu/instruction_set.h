// Which instruction set float32 runs with, for all ops: 0 portable, 1 AVX2 or NEON, 2 AVX-512.
#pragma once
#include <cstdint>

namespace srwm {
int64_t instruction_set_level();
}
