// Reducing, sorting, control flow, as ONNX nodes.

#include <fmt/format.h>

#include "import/onnx/exporter.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {
namespace {

std::vector<std::string> operands(Exporter& e, const Node& node) {
  std::vector<std::string> names;
  for (const Value* v : node.operands()) names.push_back(e.name(v));
  return names;
}
std::vector<std::string> results(Exporter& e, const Node& node) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < node.result_count(); ++i) names.push_back(e.name(node.result(i)));
  while (!names.empty() && names.back().empty()) names.pop_back();
  return names;
}
std::string in(Exporter& e, const Node& n, std::size_t i) { return e.name(n.operand(i)); }
std::string out(Exporter& e, const Node& n) { return e.name(n.result()); }

// Reductions over booleans are done on bytes.
Status reduce(Exporter& e, const Node& n) {
  const NodeView v(n);
  const std::string& kind = v.string("kind");
  const std::string axes = e.i64s(v.ints("axes"));
  const NodeWriter keep = NodeWriter().integer("keepdims", v.integer("keep")).integer("noop_with_empty_axes", 1);
  if (kind == "logical_and" || kind == "logical_or") {
    const std::string bytes =
        e.emit("Cast", {in(e, n, 0)}, NodeWriter().integer("to", static_cast<int64_t>(DataType::u8)));
    const std::string reduced = e.emit(kind == "logical_and" ? "ReduceMin" : "ReduceMax", {bytes, axes}, keep);
    e.emit("Cast", {reduced}, NodeWriter().integer("to", static_cast<int64_t>(DataType::boolean)), out(e, n));
    return {};
  }
  const std::string_view op = kind == "sum"       ? "ReduceSum"
                              : kind == "product" ? "ReduceProd"
                              : kind == "min"     ? "ReduceMin"
                                                  : "ReduceMax";
  e.emit(op, {in(e, n, 0), axes}, keep, out(e, n));
  return {};
}

Status reduce_composite(Exporter& e, const Node& n) {
  constexpr std::pair<std::string_view, std::string_view> kNames[] = {{"reduce_mean", "ReduceMean"},
                                                                      {"reduce_l1", "ReduceL1"},
                                                                      {"reduce_l2", "ReduceL2"},
                                                                      {"reduce_log_sum", "ReduceLogSum"},
                                                                      {"reduce_log_sum_exp", "ReduceLogSumExp"},
                                                                      {"reduce_sum_square", "ReduceSumSquare"}};
  const NodeView v(n);
  for (const auto& [ours, theirs] : kNames) {
    if (ours != n.op()) continue;
    e.emit(theirs, {in(e, n, 0), e.i64s(v.ints("axes"))},
           NodeWriter().integer("keepdims", v.integer("keep")).integer("noop_with_empty_axes", 1), out(e, n));
  }
  return {};
}

Status dynamic_reduce(Exporter& e, const Node& n) {
  const NodeView v(n);
  const std::string& kind = v.string("kind");
  const std::string_view op = kind == "sum"       ? "ReduceSum"
                              : kind == "product" ? "ReduceProd"
                              : kind == "min"     ? "ReduceMin"
                                                  : "ReduceMax";
  if (kind.starts_with("logical")) return refused("reductions of booleans over axes given as data have no ONNX form");
  e.emit(op, operands(e, n),
         NodeWriter()
             .integer("keepdims", v.integer("keep"))
             .integer("noop_with_empty_axes", v.integer("noop_with_empty_axes")),
         out(e, n));
  return {};
}

Status arg(Exporter& e, const Node& n) {
  const NodeView v(n);
  e.emit(n.op() == "arg_max" ? "ArgMax" : "ArgMin", operands(e, n),
         NodeWriter()
             .integer("axis", v.integer("axis"))
             .integer("keepdims", v.integer("keep"))
             .integer("select_last_index", v.integer("select_last")),
         out(e, n));
  return {};
}

// Of maxima and minima there is none: they are rewritten.
Status cumulative(Exporter& e, const Node& n) {
  const NodeView v(n);
  const bool product = v.string("kind") == "product";
  if (product) e.need_opset(26);
  e.emit(product ? "CumProd" : "CumSum", {in(e, n, 0), e.scalar(DType::i64, static_cast<double>(v.integer("axis")))},
         NodeWriter().integer("exclusive", v.integer("exclusive")).integer("reverse", v.integer("reverse")), out(e, n));
  return {};
}

// Ours is sorted in any case.
Status top_k(Exporter& e, const Node& n) {
  const NodeView v(n);
  const std::string k = e.emit("Reshape", {in(e, n, 1), e.i64s(Ints{1})});
  std::vector<std::string> names = results(e, n);
  names.resize(2);
  for (std::string& name : names) name = name.empty() ? e.fresh("unused") : name;
  e.emit_all("TopK", {in(e, n, 0), k},
             NodeWriter().integer("axis", v.integer("axis")).integer("largest", v.integer("largest")), names);
  return {};
}

Status arg_sort(Exporter& e, const Node& n) {
  const NodeView v(n);
  e.emit_all("TopK", {in(e, n, 0), TRY(e.dims(v.dims("count")))},
             NodeWriter().integer("axis", v.integer("axis")).integer("largest", v.integer("largest")),
             {e.fresh("unused"), out(e, n)});
  return {};
}

Status if_else(Exporter& e, const Node& n) {
  const WireWriter yes = TRY(e.region(n.region(0))), no = TRY(e.region(n.region(1)));
  e.emit_all("If", operands(e, n), NodeWriter().graph("then_branch", yes).graph("else_branch", no), results(e, n));
  return {};
}

Status loop(Exporter& e, const Node& n) {
  const WireWriter body = TRY(e.region(n.region(0)));
  e.emit_all("Loop", operands(e, n), NodeWriter().graph("body", body), results(e, n));
  return {};
}

Status scan(Exporter& e, const Node& n) {
  const WireWriter body = TRY(e.region(n.region(0)));
  NodeWriter attributes;
  for (const auto& [name, value] : n.attributes()) {
    if (const auto* ints = std::get_if<Ints>(&value)) attributes.integers(name, *ints);
    else if (const auto* integer = std::get_if<int64_t>(&value)) attributes.integer(name, *integer);
  }
  e.emit_all("Scan", operands(e, n), attributes.graph("body", body), results(e, n));
  return {};
}

constexpr std::pair<std::string_view, NodeExport> kTable[] = {
    {"reduce", reduce},
    {"reduce_mean", reduce_composite},
    {"reduce_l1", reduce_composite},
    {"reduce_l2", reduce_composite},
    {"reduce_log_sum", reduce_composite},
    {"reduce_log_sum_exp", reduce_composite},
    {"reduce_sum_square", reduce_composite},
    {"dynamic_reduce", dynamic_reduce},
    {"arg_max", arg},
    {"arg_min", arg},
    {"cumulative", cumulative},
    {"top_k", top_k},
    {"arg_sort", arg_sort},
    {"if", if_else},
    {"loop", loop},
    {"scan", scan},
};

}  // namespace

NodeExport find_reduce_export(std::string_view op) {
  for (const auto& [name, write] : kTable) {
    if (name == op) return write;
  }
  return nullptr;
}

}  // namespace burnish::onnx
