// Operators whose ONNX form and ours are the same up to attribute names: the catalogue's own attribute list says how to read
// them, so one table row is all that such an operator needs.

#include <charconv>

#include <fmt/format.h>

#include "import/onnx/node_context.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {
namespace {

struct Renames {
  std::string_view text;
  // Calls f(entry) for each entry of the comma-separated list.
  template <class F>
  void each(F&& f) const {
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t comma = std::min(text.find(", ", from), text.size());
      f(text.substr(from, comma - from));
      from = comma + 2;
    }
  }
  bool ignored(std::string_view theirs) const {
    bool found = false;
    each([&](std::string_view e) { found |= e.starts_with('-') && e.substr(1) == theirs; });
    return found;
  }
  std::string_view ours(std::string_view theirs) const {
    std::string_view name = theirs;
    each([&](std::string_view e) {
      const std::size_t arrow = e.find('>');
      if (arrow != e.npos && e.substr(0, arrow) == theirs) name = e.substr(arrow + 1);
    });
    return name;
  }
};

Result<Attribute> convert(NodeContext& c, std::string_view theirs, AttributeKind kind) {
  switch (kind) {
    case AttributeKind::integer: return c.integer(theirs, 0);
    case AttributeKind::real: return c.real(theirs, 0);
    case AttributeKind::string: return c.string(theirs, "");
    case AttributeKind::ints: return c.ints(theirs);
    case AttributeKind::reals: return c.reals(theirs);
    case AttributeKind::strings: return c.strings(theirs);
    case AttributeKind::dtype: return TRY(c.dtype_attribute(theirs));
    case AttributeKind::dims: return to_dims(c.ints(theirs));
    case AttributeKind::tensor: return TRY(c.tensor(theirs));
    case AttributeKind::type: break;
  }
  return c.error(fmt::format("attribute '{}' has a kind that is not supported", theirs));
}

const AttributeSpec* find_spec(const Operator& op, std::string_view name) {
  for (const AttributeSpec& spec : op.attributes) {
    if (spec.name == name) return &spec;
  }
  return nullptr;
}

}  // namespace

bool is_meaningless(const OperatorRow& row, std::string_view attribute) {
  return Renames{row.attributes}.ignored(attribute);
}

Status import_direct(NodeContext& c, const OperatorRow& row) {
  const Operator* op = ops::find(row.target);
  if (op == nullptr) {
    c.foreign = true;
    return {};
  }
  const Renames renames{row.attributes};
  AttributeMap attributes;
  for (const AttributeProto& a : c.proto().attributes) {
    if (renames.ignored(a.name) || !c.has_attribute(a.name)) continue;
    const std::string_view name = renames.ours(a.name);
    const AttributeSpec* spec = find_spec(*op, name);
    if (spec == nullptr) return c.error(fmt::format("attribute '{}' is not supported", a.name));
    attributes.emplace(name, TRY(convert(c, a.name, spec->kind)));
  }
  Status status;
  renames.each([&](std::string_view e) {
    const std::size_t equals = e.find('=');
    if (equals == e.npos || attributes.contains(e.substr(0, equals))) return;
    auto value = parse_attribute(e.substr(equals + 1));
    if (value) attributes.emplace(e.substr(0, equals), *std::move(value));
    else status = std::unexpected(value.error());
  });
  TRY(std::move(status));
  c.give_all(row.target, c.inputs(), std::move(attributes), c.output_count());
  return {};
}

}  // namespace burnish::onnx
