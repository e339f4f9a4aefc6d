// Sequences and optional values.

#include <fmt/format.h>

#include "import/onnx/importer.h"

namespace burnish::onnx {
namespace {

Status optional(NodeContext& c) {
  if (c.has(0)) {
    c.give(c.op("optional", {c.in(0)}));
    return {};
  }
  const AttributeProto* type = c.attribute("type");
  if (type == nullptr || type->types.size() != 1) return c.error("an absent value needs the attribute 'type'");
  c.give(c.op("optional", {}, {{"type", TRY(c.importer().type(type->types[0], *c.scope().graph))}}));
  return {};
}

// A loop over the first sequence: other sequences give their element of the same place, tensors are the same in every round.
Status map(NodeContext& c) {
  const GraphProto* body = TRY(c.graph("body"));
  if (!c.has(0) || c.in(0)->type().kind != Type::Kind::sequence) return c.error("input 0 is no sequence");
  if (body->inputs.size() != c.input_count() || body->outputs.size() != c.output_count())
    return c.error("the body has not one input per input and one output per output");
  Graph& graph = *c.scope().graph;
  std::vector<Value*> operands = {c.op("sequence_length", {c.in(0)}), nullptr};
  for (const ValueInfoProto& output : body->outputs) {
    if (output.type.kind != TypeProto::Kind::tensor)
      return c.error(fmt::format("the body's output '{}' is not declared as a tensor", output.name));
    const Type type = TRY(c.importer().type(output.type, graph));
    operands.push_back(c.op("sequence_empty", {}, {{"dtype", type.dtype}}));
  }
  TRY(c.finish());
  Node* loop = c.b().begin("loop", operands, {}, {}, body->outputs.size());
  TRY(c.finish());
  Graph& region = loop->add_region("body");
  Value* round = region.add_input("", Type::tensor(DType::i64, {}));
  Value* condition = region.add_input("", Type::tensor(DType::boolean, {}));
  for (std::size_t i = 2; i < operands.size(); ++i) region.add_input("", operands[i]->type());
  Builder inside(region, nullptr, c.source());
  std::vector<Value*> inputs;
  for (Value* value : c.inputs()) {
    const bool sequence = value != nullptr && value->type().kind == Type::Kind::sequence;
    inputs.push_back(sequence ? inside.op("sequence_at", {value, round}) : value);
  }
  TRY(inside.finish());
  const auto outputs = TRY(c.importer().inline_graph(*body, c.scope(), region, inputs));
  std::vector<Value*> grown;
  for (std::size_t i = 0; i < outputs.size(); ++i)
    grown.push_back(inside.op("sequence_insert", {region.input(i + 2), outputs[i]}));
  TRY(inside.finish());
  region.add_output(condition, "condition");
  for (std::size_t i = 0; i < grown.size(); ++i) region.add_output(grown[i], fmt::format("grown{}", i));
  c.b().complete(loop);
  TRY(c.finish());
  for (std::size_t i = 0; i < outputs.size(); ++i) c.give(i, loop->result(i));
  return {};
}

constexpr OperatorRow kRows[] = {
    {"SequenceConstruct", 11, nullptr, "sequence_construct"},
    {"SequenceEmpty", 11, nullptr, "sequence_empty"},
    {"SequenceInsert", 11, nullptr, "sequence_insert"},
    {"SequenceErase", 11, nullptr, "sequence_erase"},
    {"SequenceAt", 11, nullptr, "sequence_at"},
    {"SequenceLength", 11, nullptr, "sequence_length"},
    {"SequenceMap", 17, map, {}},
    {"SplitToSequence", 11, nullptr, "split_to_sequence", "keepdims>keep"},
    {"ConcatFromSequence", 11, nullptr, "concat_from_sequence"},
    {"Optional", 15, optional, {}},
    {"OptionalHasElement", 15, nullptr, "optional_has_element"},
    {"OptionalGetElement", 15, nullptr, "optional_get_element"},
};

}  // namespace

std::span<const OperatorRow> sequence_rows() { return kRows; }

}  // namespace burnish::onnx
