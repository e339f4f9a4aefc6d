#pragma once
// A limit on the tensors of a run, asked before memory is: what is counted afterwards has been taken already.

#include <cstdint>

namespace burnish {

// While it lives, no tensor of more bytes is made in this thread (the lowest of nested limits counts).
class TensorLimit {
 public:
  explicit TensorLimit(int64_t bytes);
  ~TensorLimit();
  TensorLimit(const TensorLimit&) = delete;
  TensorLimit& operator=(const TensorLimit&) = delete;

 private:
  int64_t outer_;
};

// The limit that counts now in this thread; for texts, whose characters are not counted when their tensor is made.
int64_t tensor_limit();

}  // namespace burnish
