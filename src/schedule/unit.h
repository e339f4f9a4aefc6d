#pragma once
// What fuse makes of a graph: things to run, in order. No layout yet.

#include <functional>
#include <string>
#include <vector>

#include "ir/graph.h"
#include "loop/kernel.h"
#include "target/target.h"

namespace burnish {

struct Unit {
  enum class Kind : uint8_t {
    kernel,     // one kernel of the target
    view,       // reshape, transpose, slice: the same memory read another way, where it can be
    concat,     // every operand is written where it belongs, where that can be
    reference,  // a node without a kernel
    control,    // if, loop, scan
  };
  Kind kind = Kind::reference;
  std::string name;                // the user's layers
  std::vector<Value*> operands;    // kernel: one per kernel operand; else the node's operands, null where absent
  std::vector<Value*> results;     // all but kernels: the node's results, null where omitted
  Kernel kernel;                   // kernel
  std::vector<Tactic> tactics;     // kernel: best estimate first
  std::vector<bool> timed;         // which of them were run: their seconds are no estimate. Empty: none
  std::vector<const Node*> nodes;  // what it computes

  const Node& node() const { return *nodes.front(); }
  std::vector<Value*> inputs() const;
  std::vector<Value*> outputs() const;
};

// Calls f for every value that the node's regions read from outside.
void captured_values(const Node& node, const std::function<void(Value*)>& f);

}  // namespace burnish
