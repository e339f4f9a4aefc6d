#include "ops/support/docs.h"

#include <algorithm>

#include <fmt/format.h>

#include "ops/operator.h"

namespace burnish::ops {
namespace {

// Text inside a table cell.
std::string cell(std::string_view text) {
  std::string result;
  for (char c : text) {
    if (c == '|') result += '\\';
    result += c == '\n' ? ' ' : c;
  }
  return result;
}

std::string signature(const Operator& op) {
  std::string text(op.name);
  text += "(";
  for (std::size_t i = 0; i < op.operands.size(); ++i) {
    if (i > 0) text += ", ";
    text += op.operands[i].name;
    if (op.operands[i].arity == OperandSpec::Arity::optional) text += "?";
    if (op.operands[i].arity == OperandSpec::Arity::variadic) text += "...";
  }
  return text + ")";
}

std::string kind_of(const Operator& op) {
  std::string kind = op.regions > 0 && op.is_core() ? "control flow" : op.is_core() ? "core" : "composite";
  if (op.random) kind += ", random";
  if (op.effectful) kind += ", with effects";
  return kind;
}

std::string_view compiled(const Operator& op) {
  if (op.lower != nullptr) return "yes";
  if (!op.is_core()) return "through its parts";
  return op.regions > 0 ? "yes" : "reference";
}

std::string section(const Operator& op) {
  std::string text = fmt::format("\n### {}\n\n`{}`: {}\n", op.name, signature(op), op.doc);
  if (!op.operands.empty()) {
    text += "\n| operand | types |\n|---|---|\n";
    for (const OperandSpec& o : op.operands) text += fmt::format("| {} | {} |\n", o.name, cell(o.types));
  }
  text += "\n| result | |\n|---|---|\n";
  for (const ResultDoc& r : op.results)
    text += fmt::format("| {}{} | {} |\n", r.name, r.variadic ? "..." : r.optional ? "?" : "", cell(r.doc));
  if (!op.attributes.empty()) {
    text += "\n| attribute | kind | default | |\n|---|---|---|---|\n";
    for (const AttributeSpec& a : op.attributes)
      text += fmt::format("| {} | {} | {} | {} |\n", a.name, name(a.kind), cell(a.default_text), cell(a.doc));
  }
  return text;
}

}  // namespace

std::string operators_markdown() {
  const auto catalogue = all();
  std::string text =
      "# Operators\n\n"
      "Written from the catalogue in `src/ops` by a test (`BURNISH_BLESS=1` rewrites it). A core operator has a "
      "reference and, "
      "where 'compiled' says yes, becomes a kernel; a composite is rewritten into others. Elementwise operators "
      "broadcast like "
      "NumPy's. A `?` marks what may be absent, `...` any number.\n\n";
  const auto scalars = std::ranges::count_if(catalogue, [](const Operator* op) { return op->scalar.has_value(); });
  const auto cores = std::ranges::count_if(catalogue, [](const Operator* op) { return op->is_core(); });
  text += fmt::format("{} operators: {} core ({} of them elementwise) and {} composite.\n", catalogue.size(), cores,
                      scalars, static_cast<std::ptrdiff_t>(catalogue.size()) - cores);
  text += "\n## Elementwise\n\n| operator | types | result |\n|---|---|---|\n";
  for (const Operator* op : catalogue)
    if (op->scalar)
      text += fmt::format("| `{}` | {} | {} |\n", signature(*op),
                          cell(op->operands.back().types == "same" ? op->operands[0].types : op->operands.back().types),
                          cell(op->doc));
  text += "\n## All others\n\n| operator | kind | compiled |\n|---|---|---|\n";
  for (const Operator* op : catalogue)
    if (!op->scalar) text += fmt::format("| [{}](#{}) | {} | {} |\n", op->name, op->name, kind_of(*op), compiled(*op));
  for (const Operator* op : catalogue)
    if (!op->scalar) text += section(*op);
  return text;
}

}  // namespace burnish::ops
