// Two operators that no catalogue has, in the two ways there are: out of other operators, which is compiled and fused like
// any other, and by a function that computes it, which runs as a step of its own.
#pragma once

#include <algorithm>
#include <vector>

#include <burnish/burnish.hpp>

namespace own {

// Towards 0 by `by`, and 0 for what is less: sign(x) * max(|x| - by, 0).
inline burnish::CustomOperator soft_threshold() {
  burnish::CustomOperator op;
  op.name = "com.example.SoftThreshold";  // in ONNX files: domain com.example, op_type SoftThreshold
  op.doc = "sign(x) * max(|x| - by, 0)";
  op.operands = {{"x", "float"}};
  op.results = {{"y"}};
  op.attributes = {{"by", burnish::AttributeKind::real, "0.5", "how far"}};
  op.infer = [](burnish::Inference& n) { n.result(0, n.type(0)); };
  op.decompose = [](burnish::Decomposition& n) {
    const burnish::Value x = n.operand(0);
    n.result(0, relu(x - n.real("by")) - relu(-x - n.real("by")));
  };
  return op;
}

// The median of each row; of an even number of values, the lower one of the two in the middle.
inline burnish::CustomOperator median() {
  burnish::CustomOperator op;
  op.name = "com.example.Median";
  op.doc = "the middle of the sorted values along the last axis";
  op.operands = {{"x", "f32"}};
  op.results = {{"y"}};
  op.infer = [](burnish::Inference& n) {
    if (!n.is_ranked(0)) return n.result(0, "f32[*]");
    burnish::Dims dims = n.dims(0);
    if (dims.empty()) return n.fail("x has no axis", "give it at least one");
    n.require(burnish::Requirement::at_most, 1, dims.back(), "one value and those of a row");
    dims.pop_back();
    n.result(0, burnish::DType::f32, dims);
  };
  op.reference = [](burnish::Evaluation& n) {
    const burnish::Tensor x = n.operand(0);
    burnish::Tensor y = n.result(0, x.shape().first(x.shape().size() - 1));
    const auto width = static_cast<std::size_t>(x.shape().back());
    std::vector<float> row(width);
    for (std::size_t i = 0; i < y.values<float>().size(); ++i) {
      std::ranges::copy(x.values<float>().subspan(i * width, width), row.begin());
      std::ranges::nth_element(row, row.begin() + static_cast<std::ptrdiff_t>((width - 1) / 2));
      y.mutable_values<float>()[i] = row[(width - 1) / 2];
    }
  };
  return op;
}

}  // namespace own
