#pragma once
// What inlining all functions would make of a model, counted before any of it is done.

#include <map>
#include <string_view>
#include <tuple>

#include "base/limits.h"
#include "import/onnx/messages.h"

namespace burnish::onnx {

using FunctionIndex = std::map<std::tuple<std::string_view, std::string_view, std::string_view>, const FunctionProto*>;

// Refuses functions that call themselves (also through the graphs of nodes, or through others), that nest too deeply, and
// models that would become too large.
Status check_calls(const GraphProto& graph, const FunctionIndex& functions, const Limits& limits);

}  // namespace burnish::onnx
