#include "import/onnx/calls.h"

#include <fmt/format.h>

#include "import/onnx/importer.h"

namespace burnish::onnx {
namespace {

struct Size {
  int64_t nodes = 0, calls = 0, depth = 0;  // depth: of calls in calls
};

class Counter {
 public:
  Counter(const FunctionIndex& functions, const Limits& limits) : functions_(functions), limits_(limits) {}

  Result<Size> nodes(const std::vector<NodeProto>& list) {
    Size size;
    for (const NodeProto& node : list) {
      ++size.nodes;
      for (const AttributeProto& a : node.attributes)
        for (const GraphProto& g : a.graphs) TRY(add(size, TRY(nodes(g.nodes)), 0));
      const auto callee = functions_.find({canonical_domain(node.domain), node.op_type, node.overload});
      if (callee == functions_.end()) continue;
      ++size.calls;
      TRY(add(size, TRY(function(*callee->second)), 1));
    }
    return size;
  }

 private:
  Status add(Size& size, const Size& more, int64_t deeper) {
    size.nodes += more.nodes;  // each is at most the limit and what one file holds
    size.calls += more.calls;
    size.depth = std::max(size.depth, more.depth + deeper);
    if (size.nodes > limits_.nodes)
      return over_limit(limits_, &Limits::nodes,
                        fmt::format("the model has more than {} nodes once functions are inlined", limits_.nodes));
    if (size.calls > limits_.function_calls)
      return over_limit(
          limits_, &Limits::function_calls,
          fmt::format("the model calls functions more than {} times once they are inlined", limits_.function_calls));
    if (size.depth > limits_.function_depth)
      return over_limit(limits_, &Limits::function_depth,
                        fmt::format("functions call functions more than {} deep", limits_.function_depth));
    return {};
  }

  Result<Size> function(const FunctionProto& f) {
    const auto [it, fresh] = known_.try_emplace(&f);
    if (!fresh) {
      if (it->second) return *it->second;
      return refused("calls itself, directly or through others", fmt::format("function {}.{}", f.domain, f.name),
                     "functions of ONNX cannot be recursive: the model is not valid");
    }
    if (++active_ > limits_.function_depth)
      return over_limit(limits_, &Limits::function_depth,
                        fmt::format("functions call functions more than {} deep", limits_.function_depth));
    const Size size = TRY(nodes(f.nodes));
    --active_;
    known_[&f] = size;
    return size;
  }

  const FunctionIndex& functions_;
  const Limits& limits_;
  std::map<const FunctionProto*, std::optional<Size>> known_;  // without a size: being counted now
  int64_t active_ = 0;
};

}  // namespace

Status check_calls(const GraphProto& graph, const FunctionIndex& functions, const Limits& limits) {
  TRY(Counter(functions, limits).nodes(graph.nodes));
  return {};
}

}  // namespace burnish::onnx
