#include "ops/support/docs.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "ops/operator.h"

namespace burnish::ops {
namespace {

constexpr std::string_view kIntroduction = R"(# Operators

Written from the catalogue in `src/ops` by a test: `BURNISH_BLESS=1 ./dev test -R ops` writes it again.

Importers turn foreign operators into these. A *core* operator has a reference in C++, for every dtype that it takes.
A *composite* is rewritten into others. What an engine runs:

| compiled | |
|---|---|
| kernel | machine code. What no kernel takes (a dtype, a string) runs as a reference; `burnish check` tells |
| kernel of its own | a composite that stays whole where there is a kernel for it, else it is rewritten as the others |
| through its parts | a composite made of operators with kernels |
| in part | a composite, some of whose parts run as references |
| data, view | constants, and other dims for the same memory |
| steps of the engine | control flow; what the bodies hold is compiled |
| reference | the C++ reference is a step of the engine, unless the build can work the result out |

Elementwise operators broadcast like NumPy's. A `?` marks what may be absent, `...` any number.

)";

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
  std::string kind = op.regions > 0 ? "control flow" : op.is_core() ? "core" : "composite";
  if (op.random) kind += ", random";
  if (op.effectful) kind += ", with effects";
  return kind;
}

// Data and views need no code.
std::string_view without_code(const Operator& op) {
  return op.name == "constant" ? "data" : op.name == "reshape" || op.name == "bitcast" ? "view" : "";
}

// What a build turns into constants or attributes is no step of the engine.
bool is_known(const Node& node) {
  for (std::size_t i = 0; i < node.result_count(); ++i)
    if (node.result(i) != nullptr && !node.result(i)->contents()) return false;
  return true;
}

// Adds the operators without a kernel that the sample is made of.
Status find_references(const Operator& op, const Sample& sample, std::set<std::string>& found) {
  const auto graph = TRY(sample_graph(sample));
  std::vector<Node*> todo;
  walk(*graph, [&](Node& node) {
    if (node.op() == op.name) todo.push_back(&node);
  });
  while (!todo.empty()) {
    Node* node = todo.back();
    todo.pop_back();
    const Operator& definition = *node->definition();
    if (definition.regions > 0 || is_known(*node)) continue;
    if (definition.is_core()) {
      if (definition.lower == nullptr && without_code(definition).empty())
        found.insert(fmt::format("[{0}](#{0})", definition.name));
      continue;
    }
    if (definition.lower != nullptr && node->op() != op.name) continue;
    std::set<const Node*> before;
    walk(*graph, [&](Node& n) { before.insert(&n); });
    Builder builder(*node->graph(), node, "docs");
    DecomposeContext context(*node, builder);
    const std::vector<Value*> results = TRY(definition.decompose(context));
    TRY(builder.finish());
    walk(*graph, [&](Node& n) {
      if (!before.contains(&n)) todo.push_back(&n);
    });
  }
  return {};
}

Result<std::string> compiled(const Operator& op) {
  if (op.lower != nullptr) return op.is_core() ? "kernel" : "kernel of its own";
  if (op.regions > 0) return "steps of the engine";
  if (const auto text = without_code(op); !text.empty()) return std::string(text);
  if (op.is_core()) return "reference";
  std::set<std::string> references;
  for (const Sample& sample : op.samples) TRY(find_references(op, sample, references));
  if (references.empty()) return "through its parts";
  return fmt::format("in part; reference: {}", fmt::join(references, ", "));
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

Result<std::string> operators_markdown() {
  const auto catalogue = all();
  std::string text(kIntroduction);
  const auto scalars = std::ranges::count_if(catalogue, [](const Operator* op) { return op->scalar.has_value(); });
  const auto cores = std::ranges::count_if(catalogue, [](const Operator* op) { return op->is_core(); });
  text += fmt::format("{} operators: {} core ({} of them elementwise) and {} composite.\n", catalogue.size(), cores,
                      scalars, static_cast<std::ptrdiff_t>(catalogue.size()) - cores);
  text += "\n## Elementwise\n\n| operator | types | result | compiled |\n|---|---|---|---|\n";
  for (const Operator* op : catalogue)
    if (op->scalar)
      text += fmt::format("| `{}` | {} | {} | {} |\n", signature(*op),
                          cell(op->operands.back().types == "same" ? op->operands[0].types : op->operands.back().types),
                          cell(op->doc), TRY(compiled(*op)));
  text += "\n## All others\n\n| operator | kind | compiled |\n|---|---|---|\n";
  for (const Operator* op : catalogue)
    if (!op->scalar)
      text += fmt::format("| [{}](#{}) | {} | {} |\n", op->name, op->name, kind_of(*op), TRY(compiled(*op)));
  for (const Operator* op : catalogue)
    if (!op->scalar) text += section(*op);
  return text;
}

}  // namespace burnish::ops
