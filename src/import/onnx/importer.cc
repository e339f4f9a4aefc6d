#include "import/onnx/importer.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/remedy.h"
#include "import/onnx/tensors.h"
#include "import/onnx/types.h"

namespace burnish::onnx {

std::string_view canonical_domain(std::string_view domain) { return domain.empty() ? "ai.onnx" : domain; }

std::optional<Value*> Scope::find(std::string_view name) const {
  for (const Scope* s = this; s != nullptr; s = s->parent) {
    if (const auto it = s->values.find(name); it != s->values.end()) return it->second;
  }
  return std::nullopt;
}

Result<int64_t> Scope::opset(std::string_view domain) const {
  if (const auto it = opsets.find(canonical_domain(domain)); it != opsets.end()) return it->second;
  return refused(fmt::format("no opset is imported for the domain '{}'", domain), {},
                 "the model lacks an opset_import entry");
}

Result<Tensor> Importer::tensor(const TensorProto& proto) {
  if (std::cmp_greater(proto.dims.size(), options_.limits.rank))
    return over_limit(options_.limits, &Limits::rank, fmt::format("has {} dims", proto.dims.size()),
                      fmt::format("tensor '{}'", proto.name));
  return to_tensor(proto, owner_, &external_);
}

Status Importer::read_opsets() {
  for (const OperatorSet& o : model_.opsets)
    if (const auto [it, fresh] = opsets_.emplace(canonical_domain(o.domain), o.version);
        !fresh && it->second != o.version)
      return refused(
          fmt::format("the model imports the opsets {} and {} of one domain, '{}'", it->second, o.version, it->first),
          {}, "a domain has one opset: export the model again");
  if (model_.opsets.empty() && model_.ir_version < 3) opsets_["ai.onnx"] = 1;  // before opsets were numbered
  const auto it = opsets_.find("ai.onnx");
  if (it == opsets_.end()) return {};
  if (it->second < 1 || it->second > kNewestOnnxOpset) {
    return refused(fmt::format("the model needs ONNX opset {}; 1 to {} are known", it->second, kNewestOnnxOpset), {},
                   fmt::format("export it with opset {} or less", kNewestOnnxOpset));
  }
  return {};
}

Status Importer::index_functions() {
  for (const FunctionProto& f : model_.functions) {
    const auto key = std::tuple(canonical_domain(f.domain), f.name, f.overload);
    if (!functions_.emplace(key, &f).second)
      return refused(fmt::format("function {}.{} is defined twice", f.domain, f.name));
  }
  return check_calls(*model_.graph, functions_, options_.limits);
}

Status Importer::define(Scope& scope, std::string_view name, Value* value) {
  if (!scope.values.emplace(name, value).second) return refused(fmt::format("value '{}' is defined twice", name));
  return {};
}

Result<Value*> Importer::resolve(const Scope& scope, std::string_view name) const {
  if (name.empty()) return nullptr;
  if (const auto value = scope.find(name)) return *value;
  return refused(fmt::format("reads '{}', which nothing before it defines", name), {},
                 "the model is incomplete or its nodes are out of order");
}

Result<Value*> Importer::output_of(const Scope& scope, std::string_view name) const {
  const auto value = resolve(scope, name);
  if (!value || *value == nullptr) return refused(fmt::format("output '{}' is never computed", name));
  return *value;
}

void Importer::apply_hint(const Scope& scope, std::string_view name, Value* value) {
  const auto it = scope.hints.find(name);
  if (it == scope.hints.end() || !value->type().is_tensor()) return;
  const bool untyped = untyped_.contains(value);
  if (value->type().ranked && !untyped) return;  // what inference found is derived from the inputs; a hint may be stale
  auto hint = type(*it->second, *value->graph());
  if (!hint || (!untyped && (!hint->is_tensor() || hint->dtype != value->type().dtype))) return;
  value->set_type(*std::move(hint));
  untyped_.erase(value);
}

Status Importer::read_constants(const GraphProto& proto, Scope& scope) {
  const auto add = [&](std::string_view name, Tensor tensor) -> Status {
    Builder builder(*scope.graph, nullptr, std::string(name));
    Value* value = builder.constant(std::move(tensor), scope.graph->fresh_name(name));
    TRY(builder.finish());
    return define(scope, name, value);
  };
  for (const TensorProto& t : proto.initializers) TRY(add(t.name, TRY(tensor(t))));
  for (const SparseTensorProto& t : proto.sparse_initializers) {
    if (!t.values) return refused("sparse initializer without values");
    TRY(add(t.values->name, TRY(to_dense(t, options_.limits))));
  }
  return {};
}

Status Importer::read_nodes(const std::vector<NodeProto>& nodes, Scope& scope) {
  for (const NodeProto& node : nodes) {
    auto status = read_node(node, scope);
    if (status) continue;
    Error error = std::move(status).error();
    const auto opset = scope.opset(node.domain);
    const std::string_view name = node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
    // An operator of the catalogue names the node, too: once is enough.
    const std::string inner = fmt::format("node '{}{}' (", scope.prefix, name);
    if (error.where.starts_with(inner))
      if (const std::size_t end = error.where.find(')', inner.size()); end != std::string::npos)
        error.where.erase(0, end + (error.where.substr(end + 1).starts_with(": ") ? 3 : 1));
    return std::unexpected(std::move(error).within(fmt::format("node '{}' ({}{}{}, opset {})", name, node.domain,
                                                               node.domain.empty() ? "" : ".", node.op_type,
                                                               opset ? fmt::to_string(*opset) : "?")));
  }
  return {};
}

Status Importer::read_node(const NodeProto& node, Scope& scope) {
  // Bodies of loops are read again: that check_calls has not counted.
  if (++nodes_ > options_.limits.nodes)
    return over_limit(
        options_.limits, &Limits::nodes,
        fmt::format("the model has more than {} nodes once functions are inlined", options_.limits.nodes));
  std::set<std::string_view> attributes;
  for (const AttributeProto& a : node.attributes)
    if (!attributes.insert(a.name).second) return refused(fmt::format("the attribute '{}' is given twice", a.name));
  std::string source = scope.prefix;
  source += node.name.empty() && !node.outputs.empty() ? node.outputs[0] : node.name;
  std::vector<Value*> inputs;
  for (std::string_view name : node.inputs) inputs.push_back(TRY(resolve(scope, name)));
  while (!inputs.empty() && inputs.back() == nullptr) inputs.pop_back();

  const auto function = functions_.find({canonical_domain(node.domain), node.op_type, node.overload});
  if (function != functions_.end()) return call_function(*function->second, node, std::move(inputs), scope, source);

  const std::string_view domain = canonical_domain(node.domain);
  const int64_t opset = TRY(scope.opset(node.domain));
  const bool tainted = std::ranges::any_of(inputs, [&](Value* v) { return untyped_.contains(v); });
  const Node* last = scope.graph->nodes().empty() ? nullptr : scope.graph->nodes().back().get();
  Builder builder(*scope.graph, nullptr, source);
  NodeContext context(*this, scope, node, opset, source, inputs, builder);
  const OperatorRow* row = tainted ? nullptr : find_row(domain, node.op_type, opset);
  const Operator* own = tainted || row != nullptr ? nullptr : ops::find_foreign(domain, node.op_type, opset);
  if (own != nullptr) {  // a user's, whose attributes are theirs
    TRY(import_direct(context, OperatorRow{node.op_type, 1, nullptr, own->name}));
  } else if (row == nullptr) {
    context.foreign = true;
  } else {
    auto status = row->handler != nullptr ? row->handler(context) : import_direct(context, *row);
    if (!context.foreign) TRY(std::move(status));
  }
  if (context.foreign) {
    if (!tainted && options_.unknown != nullptr) {
      options_.unknown->push_back({std::string(domain), std::string(node.op_type), opset, source});
    }
    TRY(make_foreign(context, domain));
  } else {
    TRY(context.finish());
    if (row != nullptr) TRY(context.all_read(*row));
  }
  std::vector<const Node*> made;
  for (auto it = scope.graph->nodes().rbegin(); it != scope.graph->nodes().rend() && it->get() != last; ++it) {
    made.push_back(it->get());
  }
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    Value* value = context.outputs()[i];
    if (value == nullptr) return refused(fmt::format("output {} ('{}') is not supported", i, node.outputs[i]));
    // A value made for this node takes the model's name; one passed through keeps its own.
    if (value->producer() != nullptr && std::ranges::find(made, value->producer()) != made.end()) {
      scope.graph->rename(value, node.outputs[i]);
    }
    apply_hint(scope, node.outputs[i], value);
    TRY(define(scope, node.outputs[i], value));
  }
  return {};
}

Status Importer::make_foreign(NodeContext& c, std::string_view domain) {
  AttributeMap attributes;
  for (const AttributeProto& proto : c.proto().attributes) {
    using Kind = AttributeProto::Kind;
    const AttributeProto* a = c.attribute(proto.name);
    if (a == nullptr) continue;
    const std::string name(proto.name);
    switch (a->kind) {
      case Kind::real: attributes.emplace(name, double{a->f}); break;
      case Kind::integer: attributes.emplace(name, a->i); break;
      case Kind::string: attributes.emplace(name, std::string(a->s)); break;
      case Kind::reals: attributes.emplace(name, Floats(a->floats.begin(), a->floats.end())); break;
      case Kind::integers: attributes.emplace(name, a->ints); break;
      case Kind::strings: attributes.emplace(name, Strings(a->strings.begin(), a->strings.end())); break;
      case Kind::tensor: attributes.emplace(name, TRY(tensor(a->tensors[0]))); break;
      default: break;  // graphs stay behind: the node can only be reported
    }
  }
  Graph& graph = *c.scope().graph;
  std::vector<ResultSpec> results;
  std::vector<bool> told;
  for (std::string_view name : c.proto().outputs) {
    ResultSpec spec{.type = Type::unranked(DType::f32), .name = {}, .omitted = name.empty()};
    const auto hint = c.scope().hints.find(name);
    told.push_back(false);
    if (hint != c.scope().hints.end()) {
      if (auto known = type(*hint->second, graph)) {
        spec.type = *std::move(known);
        told.back() = true;
      }
    }
    results.push_back(std::move(spec));
  }
  Node* node = graph.add_node(fmt::format("onnx.{}.{}", domain, c.proto().op_type), c.inputs(), std::move(attributes),
                              std::move(results));
  node->set_source(c.source());
  for (std::size_t i = 0; i < c.output_count(); ++i) {
    if (Value* value = node->result(i)) {
      c.give(i, value);
      if (!told[i]) untyped_.insert(value);
    }
  }
  return {};
}

Status Importer::call_function(const FunctionProto& function, const NodeProto& node, std::vector<Value*> inputs,
                               Scope& scope, const std::string& source) {
  const auto place = [&] { return fmt::format("function {}.{}", function.domain, function.name); };
  if (scope.depth + 1 > options_.limits.function_depth)
    return over_limit(options_.limits, &Limits::function_depth,
                      fmt::format("functions call functions more than {} deep", options_.limits.function_depth),
                      place());
  if (inputs.size() > function.inputs.size() || node.outputs.size() > function.outputs.size()) {
    return refused(fmt::format("is called with {} inputs and {} outputs; it has {} and {}", inputs.size(),
                               node.outputs.size(), function.inputs.size(), function.outputs.size()),
                   place());
  }
  Scope inner;
  inner.graph = scope.graph;
  inner.depth = scope.depth + 1;
  inner.graphs = scope.graphs;
  inner.prefix = source + "/";
  for (const OperatorSet& o : function.opsets) inner.opsets[canonical_domain(o.domain)] = o.version;
  auto arguments = std::make_shared<std::map<std::string_view, const AttributeProto*>>();
  for (const AttributeProto& a : function.attribute_defaults) (*arguments)[a.name] = &a;
  for (const AttributeProto& a : node.attributes) {
    const AttributeProto* value = &a;
    if (!a.reference.empty()) {
      const auto it = scope.arguments ? scope.arguments->find(a.reference) : decltype(scope.arguments->end()){};
      if (!scope.arguments || it == scope.arguments->end()) continue;
      value = it->second;
    }
    (*arguments)[a.name] = value;
  }
  inner.arguments = std::move(arguments);
  for (std::size_t i = 0; i < function.inputs.size(); ++i) {
    TRY(define(inner, function.inputs[i], i < inputs.size() ? inputs[i] : nullptr));
  }
  auto status = read_nodes(function.nodes, inner);
  if (!status) return std::unexpected(std::move(status).error().within(place()));
  for (std::size_t i = 0; i < node.outputs.size(); ++i) {
    if (node.outputs[i].empty()) continue;
    Value* value = inner.find(function.outputs[i]).value_or(nullptr);
    if (value == nullptr) return refused(fmt::format("output '{}' is never defined", function.outputs[i]), place());
    apply_hint(scope, node.outputs[i], value);
    TRY(define(scope, node.outputs[i], value));
  }
  return {};
}

Result<Scope> Importer::inner_scope(const Scope& outer, Graph& graph) const {
  if (outer.graphs + 1 > options_.limits.graph_depth)
    return over_limit(options_.limits, &Limits::graph_depth,
                      fmt::format("graphs nest more than {} deep", options_.limits.graph_depth));
  Scope scope;
  scope.graph = &graph;
  scope.parent = &outer;
  scope.opsets = outer.opsets;
  scope.arguments = outer.arguments;
  scope.prefix = outer.prefix;
  scope.depth = outer.depth;
  scope.graphs = outer.graphs + 1;
  return scope;
}

Result<std::vector<Value*>> Importer::inline_graph(const GraphProto& proto, const Scope& outer, Graph& graph,
                                                   std::span<Value* const> inputs) {
  if (proto.inputs.size() != inputs.size()) {
    return refused(
        fmt::format("the graph '{}' has {} inputs where {} are given", proto.name, proto.inputs.size(), inputs.size()));
  }
  Scope scope = TRY(inner_scope(outer, graph));
  for (std::size_t i = 0; i < inputs.size(); ++i) TRY(define(scope, proto.inputs[i].name, inputs[i]));
  TRY(read_constants(proto, scope));
  TRY(read_nodes(proto.nodes, scope));
  std::vector<Value*> outputs;
  for (const ValueInfoProto& v : proto.outputs) outputs.push_back(TRY(output_of(scope, v.name)));
  return outputs;
}

Status Importer::read_region(const GraphProto& proto, const Scope& outer, Graph& region,
                             std::span<const Type> input_types) {
  if (proto.inputs.size() != input_types.size()) {
    return refused(fmt::format("the graph '{}' has {} inputs where {} are given", proto.name, proto.inputs.size(),
                               input_types.size()));
  }
  Scope scope = TRY(inner_scope(outer, region));
  for (const ValueInfoProto& v : proto.value_infos) scope.hints.emplace(v.name, &v.type);
  for (const ValueInfoProto& v : proto.outputs) scope.hints.emplace(v.name, &v.type);
  for (std::size_t i = 0; i < input_types.size(); ++i) {
    TRY(define(scope, proto.inputs[i].name, region.add_input(region.fresh_name(proto.inputs[i].name), input_types[i])));
  }
  TRY(read_constants(proto, scope));
  TRY(read_nodes(proto.nodes, scope));
  for (const ValueInfoProto& v : proto.outputs) region.add_output(TRY(output_of(scope, v.name)), std::string(v.name));
  return {};
}

Result<std::unique_ptr<Graph>> Importer::run() {
  if (!model_.graph) return refused("there is no graph in the file", {}, "this is not an ONNX model");
  TRY(read_opsets());
  TRY(index_functions());
  const GraphProto& proto = *model_.graph;
  auto graph = std::make_unique<Graph>("main");
  Scope scope;
  scope.graph = graph.get();
  scope.opsets = opsets_;
  for (const ValueInfoProto& v : proto.value_infos) scope.hints.emplace(v.name, &v.type);
  for (const ValueInfoProto& v : proto.outputs) scope.hints.emplace(v.name, &v.type);

  // An input with an initializer is a default that callers rarely change: it becomes a constant.
  std::unordered_map<std::string_view, bool> initialized;
  for (const TensorProto& t : proto.initializers) initialized[t.name] = true;
  for (const SparseTensorProto& t : proto.sparse_initializers) initialized[t.values ? t.values->name : ""] = true;
  for (const ValueInfoProto& input : proto.inputs) {
    if (initialized.contains(input.name)) continue;
    auto type = this->type(input.type, *graph);
    if (!type) return std::unexpected(std::move(type).error().within(fmt::format("input '{}'", input.name)));
    if (scope.find(input.name)) return refused(fmt::format("input '{}' is defined twice", input.name));
    TRY(define(scope, input.name, graph->add_input(std::string(input.name), *std::move(type))));
  }
  bind_symbols_ = false;
  TRY(read_constants(proto, scope));
  TRY(read_nodes(proto.nodes, scope));
  if (proto.outputs.empty())
    return refused("the graph has no outputs", {}, "the model computes nothing: export it again");
  std::set<std::string_view> names;
  for (const ValueInfoProto& output : proto.outputs) {
    if (!names.insert(output.name).second)
      return refused(
          fmt::format("two outputs are named '{}'", output.name), {},
          "an engine's outputs are told apart by their names: list it once, or give an Identity of it another");
    Value* value = TRY(output_of(scope, output.name));
    // Sizes may be stale, and what inference found holds; another kind of value or of number is an error.
    if (output.type.kind != TypeProto::Kind::none && !untyped_.contains(value)) {
      const auto declared = type(output.type, *graph);
      const Type& found = value->type();
      // What may be absent is read as what it holds.
      const bool optional = found.kind == Type::Kind::optional || (declared && declared->kind == Type::Kind::optional);
      if (declared && !optional &&
          (declared->kind != found.kind || (found.is_tensor() && declared->dtype != found.dtype)))
        return refused(fmt::format("output '{}' is declared {}, but what computes it gives {}", output.name,
                                   declared->text(), found.text()),
                       {}, "correct the type of the model's output, or put a Cast before it");
    }
    graph->add_output(value, std::string(output.name));
  }
  return graph;
}

}  // namespace burnish::onnx

namespace burnish {
namespace {

constexpr std::string_view kRemedy =
    "the model is damaged or breaks ONNX's rules: download or export it again (onnx.checker.check_model says more)";

constexpr std::string_view kLacking =
    "the model is valid, but not all forms of its operators are known here: write this part of the network in another "
    "way, or as an operator of your own (docs/getting_started.md)";

// What is lacking here is no fault of the model.
Result<std::unique_ptr<Graph>> advised(Result<std::unique_ptr<Graph>> graph) {
  const bool lacking = !graph && graph.error().what.find("supported") != std::string::npos;
  return advise(std::move(graph), lacking ? kLacking : kRemedy);
}

Result<std::unique_ptr<Graph>> import_bytes(std::span<const std::byte> bytes, const ImportOptions& options,
                                            std::shared_ptr<const void> owner, onnx::ExternalFiles external) {
  if (std::cmp_greater(bytes.size(), options.limits.file_bytes))
    return over_limit(options.limits, &Limits::file_bytes, fmt::format("the file has {} bytes", bytes.size()));
  const auto model = TRY(onnx::parse_model(bytes, options.limits));
  return onnx::Importer(model, options, std::move(owner), std::move(external)).run();
}

}  // namespace

Result<std::unique_ptr<Graph>> import_onnx(std::span<const std::byte> bytes, const ImportOptions& options,
                                           std::shared_ptr<const void> owner) {
  return advised(import_bytes(bytes, options, std::move(owner), {}));
}

Result<std::unique_ptr<Graph>> import_onnx(const std::string& path, const ImportOptions& options) {
  const auto file = TRY(MappedFile::open(path));
  auto graph = advised(import_bytes(file->bytes(), options, file, onnx::ExternalFiles(path, options.limits)));
  if (!graph) return std::unexpected(std::move(graph).error().within(path));
  return graph;
}

}  // namespace burnish
