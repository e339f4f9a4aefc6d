#pragma once
// What a kernel has to do, whatever way it is done: the multiply-adds of its direct form and the bytes that it must read and
// write at least. Reports compare times with both.

#include "loop/kernel.h"

namespace burnish {

struct Work {
  Dim macs;  // multiply-adds of the direct form: of matmul, convolution and attention, and of sums of products
  double multiplications = 1;  // share of them that the tactic does
  Dim bytes;                   // every element that is read or written, once
  DType dtype = DType::f32;    // of the results
};

Work work_of(const Kernel& kernel, const Tactic& tactic);

// Of a dense tensor.
Dim dense_bytes(const Type& type);

}  // namespace burnish
