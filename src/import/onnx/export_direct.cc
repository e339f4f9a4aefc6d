// Operators whose ONNX form is the same up to attribute names: what the import's rows say, read backwards.

#include <algorithm>

#include <fmt/format.h>

#include "import/onnx/exporter.h"
#include "import/onnx/import.h"
#include "import/onnx/tensors.h"
#include "ops/support/attributes.h"

namespace burnish::onnx {
namespace {

// Where the import has a handler for older forms. ">NAME" is an attribute of ours that theirs has none for.
constexpr OperatorRow kRows[] = {
    {"GatherElements", 13, nullptr, "gather_elements"},
    {"OneHot", 11, nullptr, "one_hot"},
    {"Unique", 11, nullptr, "unique"},
    {"GridSample", 20, nullptr, "grid_sample", "padding_mode>padding"},
    {"DeformConv", 19, nullptr, "deform_conv", "group>groups, offset_group>offset_groups"},
    {"MaxUnpool", 11, nullptr, "max_unpool", "kernel_shape>kernel, >dilations"},
};

// An empty list stands for a default here; there it would be a list of nothing.
bool is_empty(const Attribute& value) {
  const auto* ints = std::get_if<Ints>(&value);
  const auto* reals = std::get_if<Floats>(&value);
  const auto* strings = std::get_if<Strings>(&value);
  return (ints != nullptr && ints->empty()) || (reals != nullptr && reals->empty()) ||
         (strings != nullptr && strings->empty());
}

Result<NodeWriter> inverse_attributes(const Node& node, const OperatorRow& row) {
  const NodeView v(node);
  NodeWriter writer;
  for (const AttributeSpec& spec : node.definition()->attributes) {
    const Attribute* value = node.attribute(spec.name);
    if (value == nullptr && !v.has_attribute(spec.name)) continue;
    if (value == nullptr) value = ops::default_value(spec);
    std::string name(spec.name);
    for (std::size_t from = 0; from < row.attributes.size();) {
      const std::size_t comma = std::min(row.attributes.find(", ", from), row.attributes.size());
      const std::string_view entry = row.attributes.substr(from, comma - from);
      const std::size_t arrow = entry.find('>');
      if (arrow != entry.npos && entry.substr(arrow + 1) == spec.name) name = entry.substr(0, arrow);
      from = comma + 2;
    }
    if (name.empty() || (spec.default_text == "[]" && is_empty(*value))) continue;
    switch (kind(*value)) {
      case AttributeKind::integer: writer.integer(name, std::get<int64_t>(*value)); break;
      case AttributeKind::real: writer.real(name, std::get<double>(*value)); break;
      case AttributeKind::string: writer.text(name, std::get<std::string>(*value)); break;
      case AttributeKind::ints: writer.integers(name, std::get<Ints>(*value)); break;
      case AttributeKind::reals: writer.reals(name, std::get<Floats>(*value)); break;
      case AttributeKind::strings: writer.texts(name, std::get<Strings>(*value)); break;
      case AttributeKind::dtype: writer.integer(name, static_cast<int64_t>(to_onnx(std::get<DType>(*value)))); break;
      case AttributeKind::tensor: writer.tensor(name, std::get<Tensor>(*value)); break;
      case AttributeKind::type: writer.type(name, std::get<Type>(*value)); break;
      case AttributeKind::dims: {
        const auto numbers = constants(std::get<Dims>(*value));
        if (!numbers) return refused(fmt::format("attribute '{}' has sizes that only a run can tell", spec.name));
        writer.integers(name, *numbers);
        break;
      }
    }
  }
  return writer;
}

}  // namespace

NodeExport find_export(std::string_view op) {
  for (const auto find : {find_elementwise_export, find_shape_export, find_reduce_export, find_network_export,
                          find_index_export, find_ml_export}) {
    if (const NodeExport found = find(op)) return found;
  }
  return nullptr;
}

const OperatorRow* find_inverse_row(std::string_view op, int64_t opset) {
  const OperatorRow* found = nullptr;
  for (const auto rows : {std::span<const OperatorRow>(kRows), activation_rows(), shape_rows(), index_rows(),
                          network_rows(), normalization_rows(), sequence_rows(), other_rows()}) {
    for (const OperatorRow& row : rows) {
      const bool fits = row.handler == nullptr && row.target == op && row.since <= opset;
      if (fits && (found == nullptr || row.since > found->since)) found = &row;
    }
  }
  return found;
}

bool is_expressible(const Node& node) {
  if (node.definition() != nullptr && node.definition()->users) return true;
  if (find_export(node.op()) != nullptr || find_inverse_row(node.op(), kExportedOpset) != nullptr) return true;
  return node.definition() == nullptr || node.definition()->decompose == nullptr;
}

Status export_users(Exporter& e, const Node& n) {
  std::vector<ops::ForeignName> names = ops::foreign_names(*n.definition());
  if (names.empty()) return refused("the operator is bound to no name of ONNX");
  const ops::ForeignName& best = *std::ranges::max_element(
      names, {}, [](const ops::ForeignName& name) { return std::pair(name.until, name.since); });
  std::vector<std::string> inputs, outputs;
  for (const Value* v : n.operands()) inputs.push_back(e.name(v));
  for (std::size_t i = 0; i < n.result_count(); ++i) outputs.push_back(e.name(n.result(i)));
  NodeWriter writer = TRY(inverse_attributes(n, {best.op_type, 1, nullptr, n.op()}));
  if (best.domain == "ai.onnx") {
    e.need_opset(best.since);
  } else {
    writer.domain(best.domain);
    TRY(e.need_versions(best.domain, best.since, best.until));
  }
  e.emit_all(best.op_type, inputs, writer, outputs);
  return {};
}

Status export_direct(Exporter& e, const Node& n, const OperatorRow& row) {
  std::vector<std::string> inputs, outputs;
  for (const Value* v : n.operands()) inputs.push_back(e.name(v));
  for (std::size_t i = 0; i < n.result_count(); ++i) outputs.push_back(e.name(n.result(i)));
  while (outputs.size() > 1 && outputs.back().empty()) outputs.pop_back();
  if (outputs.at(0).empty()) outputs[0] = e.fresh("unused");  // never optional
  e.emit_all(row.op_type, inputs, TRY(inverse_attributes(n, row)), outputs);
  return {};
}

}  // namespace burnish::onnx
