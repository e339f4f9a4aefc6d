#include "ops/support/control.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

// The branch that never runs becomes what the other one is.
void replace(Graph& dead, const Graph& live) {
  const std::vector<Graph::Output> outputs = dead.outputs();
  dead.clear_outputs();
  while (!dead.nodes().empty()) dead.erase(dead.nodes().back().get());
  std::unordered_map<const Value*, Value*> map;
  copy_nodes(live, dead, map);
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    Value* value = live.outputs()[i].value;
    const auto found = map.find(value);
    dead.add_output(found == map.end() ? value : found->second, outputs[i].name, outputs[i].updates);
  }
}

// Which branch runs, where the sizes tell.
std::optional<std::size_t> known_branch(const InferContext& c) {
  const auto& known = c.contents(0);
  if (!known || known->size() != 1 || !known->front().is_constant()) return std::nullopt;
  return known->front().value() != 0 ? 0 : 1;
}

Status infer(InferContext& c) {
  if (!is_single(c.type(0))) return c.error("the condition must be one bool");
  const Node& node = c.node();
  std::optional<std::size_t> dead;
  for (std::size_t r = 0; r < 2; ++r) {
    if (!node.region(r).inputs().empty()) return c.error("a branch takes no inputs; it reads the values around it");
    if (node.region(r).outputs().size() != c.result_count())
      return c.error("a branch gives " + std::to_string(node.region(r).outputs().size()) +
                     " values where the node has " + std::to_string(c.result_count()));
    if (Status status = infer_region(node.region(r), false); !status) {
      // Exporters guard by a condition what only some sizes allow.
      const auto live = known_branch(c);
      if (!live || *live == r) return status;
      dead = r;
    }
  }
  if (dead) replace(node.region(*dead), node.region(1 - *dead));
  const OuterSymbols outer(node);
  for (std::size_t i = 0; i < c.result_count(); ++i) {
    const Type& a = node.region(0).outputs()[i].value->type();
    const Type& b = node.region(1).outputs()[i].value->type();
    c.result(i, outside(c, TRY(join_types(c, a, b)), outer));
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"condition", "bool"}};
constexpr ResultDoc kResults[] = {{"y", "what the branch gives", false, true}};
constexpr Sample kSamples[] = {
    {R"(graph @main(%c: bool[], %x: f32[3]) {
  %y: f32[3] = if(%c) then() {
    %a: f32[3] = neg(%x)
    return %a
  } else() {
    %b: f32[3] = add(%x, %x)
    return %b
  }
  return %y
})"},
    {R"(graph @main(%c: bool[1], %x: f32[2,3]) {
  %y: f32[s0,3] = if(%c) then() {
    %a: f32[2,3] = neg(%x)
    return %a
  } else() {
    %b: f32[1,3] = slice(%x) {starts = [0, 0], sizes = [1, 3], steps = [1, 1]}
    return %b
  }
  return %y
})"},
};
constexpr Operator kOperator = {
    .name = "if",
    .doc = "Runs the first region where the condition holds, else the second. Regions read the values around them.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
    .infer = infer,
    .reference = nullptr,  // a step of the program: branch
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
    .regions = 2,
};

}  // namespace

namespace ops {
extern const OperatorList list_if;
constinit const OperatorList list_if = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
