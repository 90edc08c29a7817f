// At D = Y = 16 a row of the weights is three vectors, of y, q and k, and the four columns of beta: a fourth vector would be
// three quarters padding. Where the registers hold several such rows a step's operands stay there.
#pragma once
#include "../../cpu/sizes.h"

namespace {

template <class A>
struct SmallRow {
  using S = typename A::S;
  using V = typename A::V;
  // From row to row in working memory.
  static constexpr int pitch = 64;
  V a[3];
  typename A::Q b;

  SRWM_INLINE SmallRow at(const S* from) {
    return {{A::load(from), A::load(from + 16), A::load(from + 32)}, A::load4(from + 48)};
  }
  SRWM_INLINE SmallRow zero() {
    const V z = A::fill(0);
    return {{z, z, z}, A::low4(z)};
  }
  inline __attribute__((always_inline)) void to(S* at) const {
    for (int j = 0; j < 3; j++) A::store(at + 16 * j, a[j]);
    A::store4(at + 48, b);
  }
  // This, every part times a number of its own.
  inline __attribute__((always_inline)) SmallRow scaled(const S* by) const {
    return {{A::mul(a[0], A::fill(by[0])), A::mul(a[1], A::fill(by[1])), A::mul(a[2], A::fill(by[2]))},
            A::mul(b, A::low4(A::fill(by[3])))};
  }
  // This plus, or minus, a number times x.
  inline __attribute__((always_inline)) void plus(V n, const SmallRow& x) {
    for (int j = 0; j < 3; j++) a[j] = A::fma(n, x.a[j], a[j]);
    b = A::fma(A::low4(n), x.b, b);
  }
  inline __attribute__((always_inline)) void minus(V n, const SmallRow& x) {
    for (int j = 0; j < 3; j++) a[j] = A::fnma(n, x.a[j], a[j]);
    b = A::fnma(A::low4(n), x.b, b);
  }
  // Lanes whose sum is this times x.
  inline __attribute__((always_inline)) V times(const SmallRow& x) const {
    V sum = A::widen(A::mul(b, x.b));
    for (int j = 0; j < 3; j++) sum = A::fma(a[j], x.a[j], sum);
    return sum;
  }
};

// Whether a chain of this size works with such rows.
template <class A, int HeadDim, int OutputDim>
constexpr bool has_small_rows() {
  return A::registers == 32 && HeadDim == 16 && OutputDim == 16;
}

}  // namespace
