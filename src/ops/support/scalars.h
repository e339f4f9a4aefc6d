#pragma once
// The scalar functions on numbers: what the references compute and what kernels are checked against.

#include <cstdint>

#include "loop/scalar.h"

namespace burnish {

// y[i] = f(x[i]) / f(a[i], b[i]) for functions that keep the dtype. N is the arithmetic type of a number class; false when
// the function means nothing for it. Integers are computed in 64 bits and wrap when they are stored; `bits` is the width
// of the dtype, which shifts need.
template <class N>
bool apply_unary(Scalar f, const N* x, N* y, int64_t count);
template <class N>
bool apply_binary(Scalar f, const N* a, const N* b, N* y, int64_t count, int bits);
// For functions whose result is bool.
template <class N>
bool apply_test(Scalar f, const N* x, bool* y, int64_t count);
template <class N>
bool apply_comparison(Scalar f, const N* a, const N* b, bool* y, int64_t count);

int64_t wrapping_pow(int64_t base, int64_t exponent);

}  // namespace burnish
