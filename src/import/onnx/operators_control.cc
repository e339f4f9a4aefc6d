// Constants, branches and loops.

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "import/onnx/importer.h"
#include "import/onnx/tensors.h"
#include "import/onnx/types.h"

namespace burnish::onnx {
namespace {

Status constant(NodeContext& c) {
  const auto list = [&](DType dtype, const auto& values, bool scalar) -> Result<Tensor> {
    std::vector<int64_t> dims;
    if (!scalar) dims.push_back(static_cast<int64_t>(values.size()));
    Tensor t = TRY(Tensor::allocate(dtype, dims));
    using T = typename std::remove_cvref_t<decltype(values)>::value_type;
    std::ranges::copy(values, t.mutable_as<T>().begin());
    return t;
  };
  Tensor value;
  if (c.has_attribute("value")) value = TRY(c.tensor("value"));
  else if (c.has_attribute("value_float"))
    value = TRY(list(DType::f32, std::vector<float>{static_cast<float>(c.real("value_float", 0))}, true));
  else if (c.has_attribute("value_int")) value = TRY(list(DType::i64, Ints{c.integer("value_int", 0)}, true));
  else if (c.has_attribute("value_ints")) value = TRY(list(DType::i64, c.ints("value_ints"), false));
  else if (c.has_attribute("value_strings")) value = TRY(list(DType::string, c.strings("value_strings"), false));
  else if (c.has_attribute("value_string"))
    value = TRY(list(DType::string, Strings{c.string("value_string", "")}, true));
  else if (c.has_attribute("value_floats")) {
    const Floats reals = c.reals("value_floats");
    value = TRY(list(DType::f32, std::vector<float>(reals.begin(), reals.end()), false));
  } else if (const AttributeProto* sparse = c.attribute("sparse_value");
             sparse != nullptr && sparse->sparse_tensors.size() == 1) {
    value = TRY(to_dense(sparse->sparse_tensors[0], c.importer().options().limits));
  } else {
    return c.error("no value is given");
  }
  c.give(c.b().constant(std::move(value)));
  return {};
}

// A control-flow node with its results' dtypes still unknown; regions are read into it before inference.
Node* add_owner(NodeContext& c, std::string_view op, AttributeMap attributes) {
  std::vector<ResultSpec> results;
  for (std::string_view name : c.proto().outputs) {
    results.push_back({.type = Type::unranked(DType::f32), .name = {}, .omitted = name.empty()});
  }
  Node* node = c.scope().graph->add_node(op, c.inputs(), std::move(attributes), std::move(results));
  node->set_source(c.source());
  node->set_definition(ops::find(op));
  return node;
}

Status finish_owner(NodeContext& c, Node* node, std::span<const Type> types) {
  for (std::size_t i = 0; i < types.size() && i < node->result_count(); ++i) {
    if (Value* value = node->result(i)) {
      value->set_type(types[i]);
      c.give(i, value);
    }
  }
  return node->definition() != nullptr ? ops::infer(*node) : Status{};
}

// Symbols born inside a region mean nothing outside: dims that hold one become fresh symbols there.
Type outside(NodeContext& c, const Type& type) {
  if (!type.is_tensor()) return type;
  std::set<std::string, std::less<>> known;
  const auto add = [&](const Type& t) {
    for (const Dim& d : t.dims) {
      for (std::string& s : d.symbols()) known.insert(std::move(s));
    }
  };
  for (const auto& input : c.scope().graph->root().inputs()) add(input->type());
  for (Value* v : c.inputs()) {
    if (v != nullptr) add(v->type());
  }
  Type result = type;
  for (Dim& d : result.dims) {
    if (!std::ranges::all_of(d.symbols(), [&](const std::string& s) { return known.contains(s); })) {
      d = c.scope().graph->fresh_symbol();
    }
  }
  return result;
}

Status if_else(NodeContext& c) {
  if (!c.has(0)) return c.error("the condition is missing");
  const GraphProto* branches[] = {TRY(c.graph("then_branch")), TRY(c.graph("else_branch"))};
  if (ops::find("if") == nullptr) {
    c.foreign = true;
    return {};
  }
  Node* node = add_owner(c, "if", {});
  std::vector<Type> types;
  for (int i = 0; i < 2; ++i) {
    Graph& region = node->add_region(i == 0 ? "then" : "else");
    TRY(c.importer().read_region(*branches[i], c.scope(), region, {}));
    if (region.outputs().size() != c.output_count()) {
      return c.error(
          fmt::format("a branch has {} outputs where the node has {}", region.outputs().size(), c.output_count()));
    }
    for (std::size_t k = 0; k < region.outputs().size(); ++k) {
      const Type& type = region.outputs()[k].value->type();
      if (i == 0) {
        types.push_back(type);
        continue;
      }
      auto joined = join(types[k], type, *c.scope().graph);
      if (!joined)
        return std::unexpected(std::move(joined).error().within(fmt::format("output {} of the branches", k)));
      types[k] = outside(c, *joined);
    }
  }
  return finish_owner(c, node, types);
}

// One input of a body and the output that becomes it in the next iteration: what differs becomes symbols that `widened`
// lists, and those hold anything. False when `input` had to change.
Result<bool> widen(Type& input, const Type& output, std::set<std::string, std::less<>>& widened, Graph& graph) {
  if (input == output) return true;
  if (input.is_ranked_tensor() && output.is_ranked_tensor() && input.rank() == output.rank() &&
      input.dtype == output.dtype) {
    bool same = true;
    for (std::size_t i = 0; i < input.dims.size(); ++i) {
      const auto symbol = input.dims[i].symbol_name();
      if (input.dims[i] == output.dims[i] || (symbol && widened.contains(*symbol))) continue;
      input.dims[i] = graph.fresh_symbol();
      widened.emplace(*input.dims[i].symbol_name());
      same = false;
    }
    return same;
  }
  Type joined = TRY(join(input, output, graph));
  // Containers say nothing certain about their elements' sizes.
  const bool loose = !input.is_tensor() && joined.kind == input.kind;
  const bool same = joined == input || (loose && input.element && joined.element && !input.element->ranked);
  input = std::move(joined);
  return same;
}

struct Loop {
  std::string_view op;
  AttributeMap attributes;
  std::vector<Type> inputs;  // of the body
  std::size_t first;         // carried values: inputs first ..., outputs shift ...
  std::size_t carried, shift;
};

using Widened = Importer::LoopMemory::Widened;

// Makes unknown what an earlier reading of the same body did.
void widen_again(Loop& loop, const std::vector<Widened>& before, std::set<std::string, std::less<>>& widened,
                 Graph& graph) {
  for (std::size_t k = 0; k < std::min(loop.carried, before.size()); ++k) {
    Type& input = loop.inputs[loop.first + k];
    if (!input.is_ranked_tensor()) continue;
    if (before[k].rank) {
      input = Type::unranked(input.dtype);
    } else if (before[k].dims.size() == input.dims.size()) {
      for (std::size_t i = 0; i < input.dims.size(); ++i) {
        if (!before[k].dims[i]) continue;
        input.dims[i] = graph.fresh_symbol();
        widened.emplace(*input.dims[i].symbol_name());
      }
    }
  }
}

std::vector<Widened> widened_of(const Loop& loop, const std::set<std::string, std::less<>>& widened) {
  std::vector<Widened> result(loop.carried);
  for (std::size_t k = 0; k < loop.carried; ++k) {
    const Type& input = loop.inputs[loop.first + k];
    result[k].rank = input.is_tensor() && !input.ranked;
    for (const Dim& dim : input.dims) {
      const auto symbol = dim.symbol_name();
      result[k].dims.push_back(symbol && widened.contains(*symbol));
    }
  }
  return result;
}

// Reads the body until its carried types hold for every iteration.
Result<Node*> read_loop(NodeContext& c, const GraphProto& body, Loop& loop) {
  Importer& importer = c.importer();
  Importer::LoopMemory* const around = importer.loop;
  Importer::LoopMemory outermost;
  if (around != nullptr && around->next == around->inner.size()) around->inner.emplace_back();
  Importer::LoopMemory& memory = around == nullptr ? outermost : around->inner[around->next++];
  std::set<std::string, std::less<>> widened;
  widen_again(loop, memory.carried, widened, *c.scope().graph);
  for (int round = 0; round < 16; ++round) {
    Node* node = add_owner(c, loop.op, loop.attributes);
    Graph& region = node->add_region("body");
    memory.next = 0;
    importer.loop = &memory;
    Status read = importer.read_region(body, c.scope(), region, loop.inputs);
    importer.loop = around;
    TRY(std::move(read));
    if (region.outputs().size() < loop.shift + loop.carried) return c.error("the body has too few outputs");
    bool stable = true;
    for (std::size_t k = 0; k < loop.carried; ++k) {
      auto same =
          widen(loop.inputs[loop.first + k], region.outputs()[loop.shift + k].value->type(), widened, *c.scope().graph);
      if (!same)
        return std::unexpected(std::move(same).error().within(fmt::format("value {} that the loop carries", k)));
      stable &= *same;
    }
    if (stable) {
      memory.carried = widened_of(loop, widened);
      return node;
    }
    c.scope().graph->erase(node);
  }
  return c.error("the types of what the loop carries never settle");
}

Status loop(NodeContext& c) {
  const GraphProto* body = TRY(c.graph("body"));
  if (ops::find("loop") == nullptr) {
    c.foreign = true;
    return {};
  }
  const std::size_t carried = c.proto().inputs.size() < 2 ? 0 : c.proto().inputs.size() - 2;
  Loop loop{.op = "loop", .attributes = {}, .inputs = {}, .first = 2, .carried = carried, .shift = 1};
  loop.inputs = {Type::tensor(DType::i64, {}), Type::tensor(DType::boolean, {})};
  for (std::size_t k = 0; k < carried; ++k) {
    if (!c.has(k + 2)) return c.error(fmt::format("input {} is missing", k + 2));
    loop.inputs.push_back(c.in(k + 2)->type());
  }
  if (body->inputs.size() < 2) return c.error("the body lacks the iteration number and the condition");
  Node* node = TRY(read_loop(c, *body, loop));
  const auto& outputs = node->region(0).outputs();
  std::vector<Type> types;
  for (std::size_t k = 0; k < c.output_count(); ++k) {
    if (k + 1 >= outputs.size()) return c.error("the body has fewer outputs than the node");
    if (k < carried) {
      types.push_back(outside(c, loop.inputs[k + 2]));
      continue;
    }
    Type slice = outside(c, outputs[k + 1].value->type());
    if (!slice.is_tensor()) return c.error("a value that the loop collects is not a tensor");
    if (slice.ranked) slice.dims.insert(slice.dims.begin(), c.scope().graph->fresh_symbol("trips"));
    types.push_back(std::move(slice));
  }
  return finish_owner(c, node, types);
}

// The body of a scan over a sequence that may end early: the states, its length; the slices, their number. Afterwards
// states stay and what is collected is zero.
Status read_ending(NodeContext& c, const GraphProto& body, std::size_t states, std::span<const Type> types,
                   Node* scan) {
  Graph& region = scan->add_region("body");
  const Type number = Type::tensor(DType::i64, {});
  std::vector<Value*> inputs;
  Value* length = nullptr;
  for (std::size_t i = 0; i < types.size(); ++i) {
    if (i == states) length = region.add_input(region.fresh_name("length"), number);
    inputs.push_back(region.add_input(region.fresh_name("x"), types[i]));
  }
  Value* step = region.add_input(region.fresh_name("step"), number);
  const std::vector<Value*> results = TRY(c.importer().inline_graph(body, c.scope(), region, inputs));
  Builder builder(region, nullptr, c.source());
  Value* inside = builder.op("lt", {step, length});
  std::vector<Value*> outputs;
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (!results[i]->type().is_tensor()) return c.error("the body gives what is no tensor");
    // Of strings, empty ones are the zeros.
    Value* otherwise = i < states ? inputs[i] : builder.constant(TRY(Tensor::allocate(results[i]->type().dtype, {})));
    outputs.push_back(builder.op("select", {inside, results[i], otherwise}));
  }
  TRY(builder.finish());
  outputs.insert(outputs.begin() + static_cast<std::ptrdiff_t>(states), length);
  for (Value* output : outputs) region.add_output(output, "");
  return {};
}

// The first Scan had a batch: every operand's first axis. It is a scan over the batch of scans over sequences.
Status scan_8(NodeContext& c, const GraphProto& body) {
  const bool ending = c.has(0);
  const int64_t scanned = c.integer("num_scan_inputs", 0);
  const std::size_t operands = c.input_count() == 0 ? 0 : c.input_count() - 1;
  if (scanned < 1 || scanned > static_cast<int64_t>(operands))
    return c.error("attribute 'num_scan_inputs' is out of range");
  const std::size_t states = operands - static_cast<std::size_t>(scanned);
  if (body.outputs.size() < states || body.outputs.size() != c.output_count())
    return c.error("the body's outputs don't fit the node's");
  std::vector<Value*> values;
  std::vector<Type> each;  // types without the batch
  for (std::size_t i = 1; i <= operands; ++i) {
    if (!c.has(i)) return c.error(fmt::format("input {} is missing", i));
    const Dims dims = TRY(c.dims(i));
    if (dims.empty()) return c.error(fmt::format("input {} has no batch", i));
    values.push_back(c.in(i));
    each.push_back(Type::tensor(c.dtype(i), Dims(dims.begin() + 1, dims.end())));
  }
  Ints directions = c.ints("directions", Ints(static_cast<std::size_t>(scanned), 0));
  if (directions.size() != static_cast<std::size_t>(scanned))
    return c.error("attribute 'directions' has another length");
  if (ending) {
    // Backwards is from the end of each sequence.
    for (std::size_t i = 0; i < directions.size(); ++i) {
      if (directions[i] == 0) continue;
      Value*& x = values[states + i];
      x = c.op("reverse_sequence", {x, c.cast(c.in(0), DType::i64)},
               {{"batch_axis", int64_t{0}}, {"time_axis", int64_t{1}}});
      directions[i] = 0;
    }
    values.push_back(c.cast(c.in(0), DType::i64));
    each.push_back(Type::tensor(DType::i64, {}));
  }
  const AttributeMap over_batch = {{"num_scan_inputs", static_cast<int64_t>(values.size())}};
  Node* batch = c.b().begin("scan", values, over_batch, {}, c.output_count());
  TRY(c.finish());
  Graph& outside = batch->add_region("batch");
  std::vector<Value*> one;
  for (const Type& type : each) one.push_back(outside.add_input("", type));
  Builder builder(outside, nullptr, c.source());
  if (ending) {
    // The length goes along as a state, the number of each slice as one more sequence.
    if (each[states].dims.empty()) return c.error(fmt::format("input {} has no sequence", states + 1));
    std::rotate(one.begin() + static_cast<std::ptrdiff_t>(states), one.end() - 1, one.end());
    one.push_back(builder.op("iota", {}, {{"shape", Dims{each[states].dims[0]}}, {"dtype", DType::i64}}));
    directions.push_back(0);
    each.pop_back();
  }
  Node* sequence = builder.begin(
      "scan", one, {{"num_scan_inputs", scanned + (ending ? 1 : 0)}, {"scan_input_directions", directions}}, {},
      c.output_count() + (ending ? 1 : 0));
  TRY(builder.finish());
  for (std::size_t i = states; i < operands; ++i) {
    if (each[i].dims.empty()) return c.error(fmt::format("input {} has no sequence", i + 1));
    each[i].dims.erase(each[i].dims.begin());
  }
  if (ending) TRY(read_ending(c, body, states, each, sequence));
  else TRY(c.importer().read_region(body, c.scope(), sequence->add_region("body"), each));
  builder.complete(sequence);
  TRY(builder.finish());
  for (std::size_t i = 0; i < c.output_count(); ++i)
    outside.add_output(sequence->result(ending && i >= states ? i + 1 : i), std::string(body.outputs[i].name));
  c.b().complete(batch);
  TRY(c.finish());
  for (std::size_t i = 0; i < c.output_count(); ++i) c.give(i, batch->result(i));
  return {};
}

Status scan(NodeContext& c) {
  const GraphProto* body = TRY(c.graph("body"));
  if (c.opset() < 9) return scan_8(c, *body);
  const int64_t scanned = c.integer("num_scan_inputs", 0);
  if (scanned < 1 || scanned > static_cast<int64_t>(c.input_count()))
    return c.error("attribute 'num_scan_inputs' is out of range");
  const std::size_t carried = c.input_count() - static_cast<std::size_t>(scanned);
  if (body->outputs.size() < carried || body->outputs.size() != c.output_count())
    return c.error("the body's outputs don't fit the node's");
  const std::size_t collected = body->outputs.size() - carried;
  Loop loop{.op = "scan",
            .attributes = {{"num_scan_inputs", scanned}},
            .inputs = {},
            .first = 0,
            .carried = carried,
            .shift = 0};
  const auto list = [&](std::string_view name, std::size_t count) -> Result<Ints> {
    Ints values = c.ints(name, Ints(count, 0));
    if (values.size() != count)
      return c.error(fmt::format("attribute '{}' has {} values where {} belong", name, values.size(), count));
    loop.attributes.emplace(name, values);
    return values;
  };
  const Ints axes = TRY(list("scan_input_axes", static_cast<std::size_t>(scanned)));
  TRY(list("scan_input_directions", static_cast<std::size_t>(scanned)));
  const Ints output_axes = TRY(list("scan_output_axes", collected));
  TRY(list("scan_output_directions", collected));
  Dim trips = c.scope().graph->fresh_symbol("trips");
  for (std::size_t k = 0; k < c.input_count(); ++k) {
    if (!c.has(k)) return c.error(fmt::format("input {} is missing", k));
    Type type = c.in(k)->type();
    if (k >= carried && type.is_ranked_tensor()) {
      const int64_t axis = TRY(c.axis(axes[k - carried], type.rank()));
      trips = type.dims[static_cast<std::size_t>(axis)];
      type.dims.erase(type.dims.begin() + axis);
    }
    loop.inputs.push_back(std::move(type));
  }
  Node* node = TRY(read_loop(c, *body, loop));
  std::vector<Type> types;
  for (std::size_t k = 0; k < c.output_count(); ++k) {
    Type type = outside(c, k < carried ? loop.inputs[k] : node->region(0).outputs()[k].value->type());
    if (k >= carried && type.is_ranked_tensor()) {
      const int64_t axis = TRY(c.axis(output_axes[k - carried], type.rank() + 1));
      type.dims.insert(type.dims.begin() + axis, trips);
    }
    types.push_back(std::move(type));
  }
  return finish_owner(c, node, types);
}

constexpr OperatorRow kRows[] = {
    {"Constant", 1, constant, {}},
    {"If", 1, if_else, {}},
    {"Loop", 1, loop, {}},
    {"Scan", 8, scan, {}},
};

}  // namespace

std::span<const OperatorRow> control_rows() { return kRows; }

}  // namespace burnish::onnx
