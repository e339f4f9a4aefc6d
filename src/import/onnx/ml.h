#pragma once
// What the handlers of ai.onnx.ml share.

#include "import/onnx/node_context.h"

namespace burnish::onnx {

// NONE 0, SOFTMAX 1, LOGISTIC 2, SOFTMAX_ZERO 3, PROBIT 4.
Result<int64_t> post_transform(NodeContext& c);
// Of scores in the last axis.
Value* transformed(NodeContext& c, Value* scores, int64_t transform);

struct ClassLabels {
  Tensor names;  // i64 or strings
  int64_t count = 0;
};
Result<ClassLabels> class_labels(NodeContext& c);
// Output 0: the label of the largest score; output 1: the scores.
Status give_classes(NodeContext& c, const ClassLabels& labels, Value* scores);
// The same for one score [n, 1]: the second class when it is above `limit`. Both scores are given: (1 - s, s) for
// `probability`, else (-s, s).
Status give_two_classes(NodeContext& c, const ClassLabels& labels, Value* score, double limit, bool probability,
                        int64_t transform);

Status tree_regressor(NodeContext& c);
Status tree_classifier(NodeContext& c);

}  // namespace burnish::onnx
