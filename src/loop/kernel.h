#pragma once
// A kernel: a nest alone, or an anchor (a problem for a family) whose result the nest's `anchor` expression reads.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ir/attribute.h"
#include "ir/storage.h"
#include "loop/nest.h"

namespace burnish {

// What a family solves, in logical terms. Families and their attributes:
//   matmul       a[..., M, K], b[..., K, N] (batch dims broadcast)      {}
//   convolution  x[N, C, *S], w[O, C/g, *K]                             {strides, dilations, pads (begins, ends), groups, exact}
//                (depthwise is the case groups = C: its tactics offer themselves there)
//   separable    the inputs of `before`, then w[O, C, 1...]             {}
//                a convolution of single pixels of what `before`, a depthwise convolution and its nest, gives; that one's
//                image may be what another kernel gives: then its inputs stand here in place of the image
//   pool         x[N, C, *S], or the inputs of `before`, which gives it
//                                {mode "max" | "average", kernel, strides, dilations, pads, count_include_pad}
//   attention    q[B..., T, d], k[B..., S, d], v[B..., S, e], bias?     {scale, causal, masked}
//   scatter_elements x, indices, updates {axis, reduction "none" | "add" | "mul" | "min" | "max"}
//   arg_sort     x                      {axis, largest}; as many as the result has
//   scatter_nd   x, indices, updates    {reduction}
//   cumulative   x                      {axis, kind "sum" | "product" | "min" | "max", exclusive, reverse}
struct Kernel;
struct Problem {
  std::string family;
  std::vector<Type> operands;  // the anchor's own inputs, in order
  Type result;                 // logical result of the anchor, before the nest
  AttributeMap attributes;
  // Its one result, the last of its operands, lies nowhere: of a separable problem, of the convolution before it, of a pool.
  std::shared_ptr<const Kernel> before;
  bool operator==(const Problem& other) const;
};

struct Kernel {
  std::optional<Problem> anchor;
  // Operands of the kernel: the anchor's inputs first, then the nest's. For a kernel with an anchor, nest.operands holds
  // only the nest's own (residuals, biases, outputs), and its outer axes are the dims of anchor->result in order.
  Nest nest;

  std::size_t operand_count() const { return (anchor ? anchor->operands.size() : 0) + nest.operands.size(); }
  const Type& operand_type(std::size_t i) const;
  bool is_output(std::size_t i) const;
  bool operator==(const Kernel&) const = default;
};

std::string print(const Kernel& kernel);

// How to run a kernel: names a way and says which formats it takes and gives.
struct Tactic {
  std::string name;         // "direct 14x2", "nest"
  AttributeMap parameters;  // numbers for the emitter
  // One per kernel operand. `any_strides`: every dense or strided placement of the dtype is accepted, so that views
  // (slices, transposes) need no copy; else the operand's format must be `format` exactly.
  struct Port {
    Format format;
    bool any_strides = false;
    // Above 0: the operand must be a constant, and the kernel reads so many bytes that Target::derive makes of it.
    int64_t derived_bytes = 0;
  };
  std::vector<Port> ports;
  bool inexact = false;  // rounds more than a sum in any order would: left out under `exact`
  double seconds = 0;    // the cost model's estimate at the profile's `opt`
  std::string why;       // the model's terms in words
};

}  // namespace burnish
