#pragma once
// Two kernels become one: a pointwise consumer is appended to its producer's nest, or a pointwise producer is evaluated
// where its consumer reads it.

#include "schedule/unit.h"

namespace burnish {

// A kernel and the values that its operands are (the anchor's inputs, then the nest's operands).
struct Group {
  Kernel kernel;
  std::vector<Value*> operands;

  std::size_t anchor_inputs() const { return kernel.anchor ? kernel.anchor->operands.size() : 0; }
  // The nest's operand that stores the value, or -1.
  int output_of(const Value* value) const;
  bool reads(const Value* value) const;
};

// Only stores, at the outer axes alone.
bool is_pointwise(const Nest& nest);
// Vector instructions for one element of a pointwise nest's result; loads count nothing.
double pointwise_cost(const Nest& nest);

// Appends a pointwise `consumer` that reads results of `producer` element by element. False: it does not fit, and nothing
// has changed. The producer's results stay results.
bool append(Group& producer, const Group& consumer);

// Evaluates the pointwise `producer` of `value` wherever `consumer` reads it. False: it does not fit.
bool inline_producer(Group& consumer, const Group& producer, const Value* value);

// A convolution of single pixels takes in the depthwise convolution that gives its image, `value`, with all that rides along:
// one "separable" problem. False: it does not fit.
bool join_separable(Group& consumer, const Group& producer, const Value* value);
// A separable problem or a pool takes in what gives its image, `value`: a convolution, or a separable problem. False: it does
// not fit.
bool join_image(Group& consumer, const Group& producer, const Value* value);

// `value` is a result no longer.
void drop_result(Group& group, const Value* value);
// Loads of constants with one element become numbers.
void fold_scalars(Group& group);

}  // namespace burnish
