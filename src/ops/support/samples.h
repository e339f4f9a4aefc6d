#pragma once
// The text of a sample, for one operator with its operands:
//
//   x: f32[N,3], y: f32[3] in [0.5, 2], shape: i64[2] = [3, -1]; a, b = name(x, y, _, shape) {axis = 1}
//
// "= [..]" makes the operand a constant, "in [low, high]" limits the random numbers that an input gets, "_" is an absent
// operand or a result that is not asked for. A sample that starts with "graph" is a graph in its own text form (control
// flow); the first node that has the operator's name is the sampled one.

#include <map>

#include "ops/operator.h"

namespace burnish::ops {

struct SampleInput {
  std::string name;
  Type type;
  std::optional<Tensor> constant;
  std::optional<std::pair<double, double>> limits;
};

struct ParsedSample {
  std::vector<SampleInput> inputs;
  std::vector<std::string> results;
  std::string op;
  std::vector<std::string> operands;
  AttributeMap attributes;
};
Result<ParsedSample> parse_sample(std::string_view text);

}  // namespace burnish::ops
