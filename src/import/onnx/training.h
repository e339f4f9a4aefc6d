#pragma once
// Handlers of ai.onnx.preview.training that have a file of their own.

#include "import/onnx/node_context.h"

namespace burnish::onnx {

Status gradient(NodeContext& c);

}  // namespace burnish::onnx
