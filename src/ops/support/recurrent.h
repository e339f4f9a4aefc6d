#pragma once
// The activation functions that recurrent layers choose by name.

#include "ops/support/compose.h"

namespace burnish::ops {

bool is_recurrent_activation(std::string_view name);

// Those of one direction, with the parameters that fall to each.
class RecurrentActivations {
 public:
  RecurrentActivations(const NodeView& n, int64_t direction, std::size_t count,
                       std::span<const std::string_view> defaults);
  Value* apply(Compose& c, std::size_t function, Value* x) const;
  Value* clipped(Compose& c, Value* x) const;  // what gates see

 private:
  struct Function {
    std::string name;  // in lower case
    double alpha, beta;
  };
  std::vector<Function> functions_;
  std::optional<double> clip_;
};

}  // namespace burnish::ops
