#include "ops/support/control.h"
#include "ops/support/core.h"

namespace burnish {
namespace {

// What the attributes say, with axes made non-negative.
struct Plan {
  std::size_t states, scanned, collected;
  Ints input_axes, output_axes;
  std::vector<bool> input_reversed, output_reversed;
};

Result<Plan> plan(const NodeView& c) {
  const Graph& body = c.node().region(0);
  Plan p{};
  const int64_t scanned = c.integer("num_scan_inputs");
  if (scanned < 1 || scanned > static_cast<int64_t>(c.operand_count()))
    return c.error("num_scan_inputs is out of range");
  p.scanned = idx(scanned);
  p.states = c.operand_count() - p.scanned;
  if (body.inputs().size() != c.operand_count()) return c.error("the body has not one input per operand");
  if (body.outputs().size() != c.node().result_count() || body.outputs().size() < p.states)
    return c.error("the body has not one output per result");
  p.collected = body.outputs().size() - p.states;
  const auto list = [&](std::string_view name, std::size_t count) -> Result<Ints> {
    Ints values = c.ints(name);
    if (values.empty()) values.assign(count, 0);
    if (values.size() != count) return c.error(std::string(name) + " needs " + std::to_string(count) + " numbers");
    return values;
  };
  p.input_axes = TRY(list("scan_input_axes", p.scanned));
  p.output_axes = TRY(list("scan_output_axes", p.collected));
  const auto reversed = [&](std::string_view name, std::size_t count) -> Result<std::vector<bool>> {
    std::vector<bool> flags;
    for (int64_t v : TRY(list(name, count))) flags.push_back(v != 0);
    return flags;
  };
  p.input_reversed = TRY(reversed("scan_input_directions", p.scanned));
  p.output_reversed = TRY(reversed("scan_output_directions", p.collected));
  for (std::size_t i = 0; i < c.operand_count(); ++i) {
    if (!c.has(i)) return c.error("operand " + std::to_string(i) + " is missing");
    if (i >= p.states && !c.type(i).is_ranked_tensor()) return c.error("what is scanned must have a known rank");
  }
  for (std::size_t i = 0; i < p.scanned; ++i) {
    const int64_t rank = c.type(p.states + i).rank();
    if (p.input_axes[i] < -rank || p.input_axes[i] >= rank) return c.error("scan_input_axes are out of range");
    if (p.input_axes[i] < 0) p.input_axes[i] += rank;
  }
  return p;
}

Status infer(InferContext& c) {
  Plan p = TRY(plan(c));
  Graph& body = c.node().region(0);
  const OuterSymbols outer(c.node());
  Dim trips = c.type(p.states).dims[idx(p.input_axes[0])];
  bool again = false;
  const auto give = [&](std::size_t i, const Type& type) {
    if (body.input(i)->type() == type) return;
    body.input(i)->set_type(type);
    again = true;
  };
  for (std::size_t i = 0; i < p.states; ++i) {
    // A state that changes shape would have to be a loop's.
    const Type& declared = body.input(i)->type();
    if (declared.is_tensor() && declared.ranked && c.type(i).is_ranked_tensor() &&
        declared.rank() == c.type(i).rank() && declared.dtype == c.type(i).dtype && declared.dims != c.type(i).dims) {
      bool general = true;
      for (std::size_t d = 0; d < declared.dims.size(); ++d) {
        const auto symbol = declared.dims[d].symbol_name();
        general = general && (declared.dims[d] == c.type(i).dims[d] || (symbol && !outer.contains(*symbol)));
      }
      if (general) continue;
    }
    give(i, c.type(i));
  }
  for (std::size_t i = 0; i < p.scanned; ++i) {
    Type slice = c.type(p.states + i);
    const Dim& length = slice.dims[idx(p.input_axes[i])];
    auto common = common_dim(trips, length);
    if (!common) return c.error("scanned axes have " + trips.text() + " and " + length.text() + " elements");
    trips = std::move(*common);
    slice.dims.erase(slice.dims.begin() + p.input_axes[i]);
    give(p.states + i, slice);
  }
  TRY(infer_region(body, again));
  for (std::size_t i = 0; i < c.result_count(); ++i) {
    Type type = outside(c, body.outputs()[i].value->type(), outer);
    if (i < p.states) {
      if (type.kind != c.type(i).kind || (type.is_tensor() && type.dtype != c.type(i).dtype))
        return c.error("state " + std::to_string(i) + " becomes " + type.text());
      c.result(i, TRY(join_types(c, type, outside(c, body.input(i)->type(), outer))));
      continue;
    }
    if (!type.is_tensor()) return c.error("a value that the scan collects is no tensor");
    if (type.ranked) {
      const int64_t axis = TRY(c.axis(p.output_axes[i - p.states], type.rank() + 1));
      type.dims.insert(type.dims.begin() + axis, trips);
    }
    c.result(i, std::move(type));
  }
  return {};
}

// A loop over the axis: the body gathers its slices by the iteration's number.
Result<std::vector<Value*>> decompose(DecomposeContext& c) {
  Plan p = TRY(plan(c));
  const Graph& body = c.node().region(0);
  Builder& b = c.builder;
  const auto i64s = [](Builder& builder, Sizes values) { return builder.constant(Tensor::i64s(values)); };
  const int64_t first_axis = p.input_axes[0];
  Value* length = b.op("shape_of", {c.in(p.states)}, {{"start", first_axis}, {"end", first_axis + 1}});
  Value* trips = b.op("reshape", {length}, {{"shape", Dims{}}});
  std::vector<Value*> operands = {trips, nullptr};
  for (std::size_t i = 0; i < p.states; ++i) operands.push_back(c.in(i));
  Node* loop = b.begin("loop", operands, {}, {}, body.outputs().size());
  TRY(b.finish());
  Graph& region = loop->add_region("body");
  Value* iteration = region.add_input("", Type::tensor(DType::i64, {}));
  Value* condition = region.add_input("", Type::tensor(DType::boolean, {}));
  std::unordered_map<const Value*, Value*> map;
  for (std::size_t i = 0; i < p.states; ++i) map[body.input(i)] = region.add_input("", body.input(i)->type());
  Builder inside(region, nullptr, c.node().source());
  for (std::size_t i = 0; i < p.scanned; ++i) {
    Value* at = iteration;
    if (p.input_reversed[i])
      at = inside.op("sub", {inside.op("sub", {trips, iteration}), inside.scalar(DType::i64, 1)});
    map[body.input(p.states + i)] = inside.op("gather", {c.in(p.states + i), at}, {{"axis", p.input_axes[i]}});
  }
  TRY(inside.finish());
  copy_nodes(body, region, map);
  region.add_output(condition, "condition");
  for (const auto& output : body.outputs()) {
    const auto found = map.find(output.value);
    region.add_output(found == map.end() ? output.value : found->second, output.name);
  }
  b.complete(loop);
  TRY(b.finish());
  std::vector<Value*> results;
  for (std::size_t i = 0; i < body.outputs().size(); ++i) {
    Value* value = loop->result(i);
    if (i >= p.states) {
      if (p.output_reversed[i - p.states])
        value = b.op("dynamic_slice", {value, i64s(b, {-1}), i64s(b, {std::numeric_limits<int64_t>::min()}),
                                       i64s(b, {0}), i64s(b, {-1})});
      if (const int64_t wanted = p.output_axes[i - p.states]; wanted != 0) {
        if (value == nullptr || !value->type().is_ranked_tensor())
          return c.error("what is collected must have a known rank");
        const int64_t rank = value->type().rank(), axis = wanted < 0 ? wanted + rank : wanted;
        if (axis < 0 || axis >= rank) return c.error("scan_output_axes are out of range");
        Ints permutation;
        for (int64_t d = 1; d < rank; ++d) permutation.push_back(d);
        permutation.insert(permutation.begin() + axis, 0);
        value = b.op("transpose", {value}, {{"permutation", permutation}});
      }
    }
    results.push_back(value);
  }
  TRY(b.finish());
  return results;
}

constexpr OperandSpec kOperands[] = {{"x", "value", OperandSpec::Arity::variadic}};
constexpr ResultDoc kResults[] = {{"y", "states after the last iteration, then collected values", false, true}};
constexpr AttributeSpec kAttributes[] = {
    {"num_scan_inputs", AttributeKind::integer, "required",
     "how many of the operands, at the end, are scanned; others are states"},
    {"scan_input_axes", AttributeKind::ints, "[]", "per scanned operand; none: all 0"},
    {"scan_input_directions", AttributeKind::ints, "[]", "1: from the end"},
    {"scan_output_axes", AttributeKind::ints, "[]", "per collected value, where its new axis goes"},
    {"scan_output_directions", AttributeKind::ints, "[]", "1: collected from the end"},
};
constexpr Sample kSamples[] = {
    {R"(graph @main(%s: f32[3], %x: f32[4,3]) {
  %y: f32[3], %all: f32[4,3] = scan(%s, %x) {num_scan_inputs = 1} body(%a: f32[3], %row: f32[3]) {
    %b: f32[3] = add(%a, %row)
    return %b, %b
  }
  return %y, %all
})"},
    {R"(graph @main(%x: f32[2,5]) {
  %all: f32[2,5] = scan(%x) {num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [1], scan_output_axes = [-1], scan_output_directions = [1]} body(%column: f32[2]) {
    %b: f32[2] = neg(%column)
    return %b
  }
  return %all
})"},
};
constexpr Operator kOperator = {
    .name = "scan",
    .doc =
        "Runs its region once per position of an axis, on slices of the scanned operands and on states that it hands "
        "on. "
        "Source: ONNX Scan 9.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = nullptr,
    .decompose = decompose,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {1e-6, 1e-6},
    .regions = 1,
};

}  // namespace

namespace ops {
extern const OperatorList list_scan;
constinit const OperatorList list_scan = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
