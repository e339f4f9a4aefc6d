#include "ops/support/control.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

// An optional holds the value itself, too.
bool is_maybe(const Type& input, const Type& given) {
  return input.kind == Type::Kind::optional && input.element != nullptr && input.element->kind == given.kind;
}

// Whether the input of the body holds every value of `given`: its own symbols hold anything.
bool accepts(const Type& input, const Type& given, const OuterSymbols& outer) {
  if (is_maybe(input, given)) return true;
  if (input.kind != given.kind) return false;
  if (!input.is_tensor()) return true;
  if (input.dtype != given.dtype) return false;
  if (!input.ranked) return true;
  if (!given.ranked || input.rank() != given.rank()) return false;
  for (std::size_t i = 0; i < input.dims.size(); ++i) {
    const auto symbol = input.dims[i].symbol_name();
    if (!(input.dims[i] == given.dims[i]) && !(symbol && !outer.contains(*symbol))) return false;
  }
  return true;
}

// The input's type made general enough for `given`, too.
Result<Type> widen(InferContext& c, const Type& input, const Type& given, const OuterSymbols& outer, Graph& region) {
  if (is_maybe(input, given)) return input;
  if (input.kind != given.kind || (input.is_tensor() && input.dtype != given.dtype))
    return c.error("the loop carries " + input.text() + " into an iteration and " + given.text() + " out of it");
  if (!input.is_tensor()) return input;
  if (!input.ranked || !given.ranked || input.rank() != given.rank()) return Type::unranked(input.dtype);
  Type result = input;
  for (std::size_t i = 0; i < result.dims.size(); ++i) {
    const auto symbol = result.dims[i].symbol_name();
    if (!(result.dims[i] == given.dims[i]) && !(symbol && !outer.contains(*symbol)))
      result.dims[i] = region.fresh_symbol();
  }
  return result;
}

// The condition never stops the loop: the body hands on its own, or a constant true.
bool always_continues(const Graph& body) {
  const Value* condition = body.outputs()[0].value;
  if (condition == body.input(1)) return true;
  return condition->contents() && condition->contents()->size() == 1 && condition->contents()->front().constant() == 1;
}

Status infer(InferContext& c) {
  const Node& node = c.node();
  Graph& body = node.region(0);
  const std::size_t carried = node.operand_count() < 2 ? 0 : node.operand_count() - 2;
  if (body.inputs().size() != carried + 2)
    return c.error("the body needs (iteration, condition, carried...), " + std::to_string(carried + 2) + " inputs");
  if (body.outputs().size() != c.result_count() + 1 || body.outputs().size() < carried + 1)
    return c.error("the body must give (condition, carried..., collected...), one more value than the loop");
  for (std::size_t i = 0; i < 2; ++i)
    if (c.has(i) && !is_single(c.type(i))) return c.error("trip count and condition must be scalars");
  body.input(0)->set_type(Type::tensor(DType::i64, {}));
  body.input(1)->set_type(Type::tensor(DType::boolean, {}));
  const OuterSymbols outer(node);
  bool again = false;
  for (std::size_t k = 0; k < carried; ++k) {
    if (!c.has(k + 2)) return c.error("carried value " + std::to_string(k) + " is missing");
    if (accepts(body.input(k + 2)->type(), c.type(k + 2), outer)) continue;
    body.input(k + 2)->set_type(c.type(k + 2));
    again = true;
  }
  // Every round makes one dim or rank of a carried value unknown, so there is an end.
  for (bool stable = false; !stable;) {
    TRY(infer_region(body, again));
    stable = true;
    for (std::size_t k = 0; k < carried; ++k) {
      const Type &input = body.input(k + 2)->type(), &output = body.outputs()[k + 1].value->type();
      if (accepts(input, output, outer)) continue;
      body.input(k + 2)->set_type(TRY(widen(c, input, output, outer, body)));
      again = true;
      stable = false;
    }
  }
  const Type& condition = body.outputs()[0].value->type();
  if (!condition.is_tensor() || condition.dtype != DType::boolean)
    return c.error("the body's condition is " + condition.text());

  for (std::size_t k = 0; k < carried; ++k) c.result(k, outside(c, body.input(k + 2)->type(), outer));
  std::optional<Dim> trips;
  if (c.has(0) && !c.has(1) && c.contents(0) && c.contents(0)->size() == 1 && always_continues(body))
    trips = max(Dim(0), c.contents(0)->front());
  for (std::size_t k = carried; k < c.result_count(); ++k) {
    Type slice = outside(c, body.outputs()[k + 1].value->type(), outer);
    if (!slice.is_tensor()) return c.error("a value that the loop collects is no tensor");
    if (slice.ranked) {
      if (!trips) trips = c.fresh("trips");
      slice.dims.insert(slice.dims.begin(), *trips);
    }
    c.result(k, std::move(slice));
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"trip", "i64", OperandSpec::Arity::optional},
                                     {"condition", "bool", OperandSpec::Arity::optional},
                                     {"carried", "value", OperandSpec::Arity::variadic}};
constexpr ResultDoc kResults[] = {
    {"y", "carried values after the last iteration, then collected ones along a new first axis", false, true}};
constexpr Sample kSamples[] = {
    {R"(graph @main(%x: f32[3]) {
  %trip: i64[] = constant() {value = tensor(i64[] [4])}
  %y: f32[3], %all: f32[4,3] = loop(%trip, _, %x) body(%i: i64[], %c: bool[], %v: f32[3]) {
    %w: f32[3] = add(%v, %x)
    return %c, %w, %w
  }
  return %y, %all
})"},
    {R"(graph @main(%x: f32[2], %go: bool[]) {
  %trip: i64[] = constant() {value = tensor(i64[] [3])}
  %y: f32[s1] = loop(%trip, %go, %x) body(%i: i64[], %c: bool[], %v: f32[s0]) {
    %w: f32[s0 + 2] = concat(%v, %x) {axis = 0}
    return %c, %w
  }
  return %y
})"},
};
constexpr Operator kOperator = {
    .name = "loop",
    .doc =
        "while (condition, i < trip): (condition, carried..., collected...) = body(i, condition, carried...). An "
        "absent trip "
        "count is infinite, an absent condition true.",
    .operands = kOperands,
    .results = kResults,
    .attributes = {},
    .infer = infer,
    .reference = nullptr,  // a step of the program: loop
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-6, 1e-6},
    .regions = 1,
};

}  // namespace

namespace ops {
extern const OperatorList list_loop;
constinit const OperatorList list_loop = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
