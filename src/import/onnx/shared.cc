#include "import/onnx/shared.h"

namespace burnish::onnx {

Value* single(NodeContext& c, Value* v) {
  if (v == nullptr || !v->type().is_ranked_tensor() || v->type().rank() != 1 || !(v->type().dims[0] == Dim(1)))
    return v;
  return c.op("reshape", {v}, {{"shape", Dims{}}});
}

Value* channels_moved(NodeContext& c, Value* x, int64_t rank, bool to_last) {
  Ints order = {0};
  if (!to_last) order.push_back(rank - 1);
  for (int64_t i = to_last ? 2 : 1; i < (to_last ? rank : rank - 1); ++i) order.push_back(i);
  if (to_last) order.push_back(1);
  return c.op("transpose", {x}, {{"permutation", order}});
}

}  // namespace burnish::onnx
