#pragma once
// What handlers of several files share.

#include "import/onnx/node_context.h"

namespace burnish::onnx {

// numpy.matmul: a vector on the left is a row, on the right a column, and the axis goes again.
Result<Value*> numpy_matmul(NodeContext& c, Value* a, Value* b, bool exact = false);
// A list of one element as a scalar; anything else, null too, as it is.
Value* single(NodeContext& c, Value* v);
// Channels from the last axis of x to the second, or back.
Value* channels_moved(NodeContext& c, Value* x, int64_t rank, bool to_last);

// Handlers of several domains.
Status qlinear_conv(NodeContext& c);

std::span<const OperatorRow> microsoft_plain_rows();       // of com.microsoft what only looks different from ONNX
std::span<const OperatorRow> microsoft_generation_rows();  // and what generators of text have
std::span<const OperatorRow> legacy_rows();                // experiments of opset 1 in ONNX's own domain

}  // namespace burnish::onnx
