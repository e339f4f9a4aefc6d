#include "import/onnx/exporter.h"

#include <algorithm>

#include <fmt/format.h>

#include "import/onnx/import.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {

std::string Exporter::fresh(std::string_view hint) {
  std::string name(hint.empty() ? "v" : hint);
  for (int i = 1; !used_.insert(name).second; ++i) name = fmt::format("{}_{}", hint, i);
  return name;
}

std::string Exporter::name(const Value* value) {
  if (value == nullptr) return {};
  const auto [it, added] = names_.try_emplace(value);
  if (added) it->second = fresh(value->name());
  return it->second;
}

std::string Exporter::constant(Tensor tensor, std::string_view hint) {
  std::string name = fresh(hint);
  initializers_.push_back({name, std::move(tensor)});  // of the main graph: regions read it from there
  return name;
}

void Exporter::write_node_proto(std::string_view op_type, const std::vector<std::string>& inputs,
                                const NodeWriter& attributes, const std::vector<std::string>& outputs) {
  WireWriter node;
  std::size_t count = inputs.size();
  while (count > 0 && inputs[count - 1].empty()) --count;
  for (std::size_t i = 0; i < count; ++i) node.text(1, inputs[i]);
  for (const std::string& output : outputs) node.text(2, output);
  std::string name = source_;
  for (int i = 1; !node_names_.insert(name).second; ++i) name = fmt::format("{}#{}", source_, i);
  node.text(3, name);
  node.text(4, op_type);
  for (const WireWriter& attribute : attributes.attributes()) node.message(5, attribute);
  if (!attributes.domain().empty()) {
    node.text(7, attributes.domain());
    domains_.try_emplace(attributes.domain());
  }
  target_->message(1, node);
}

Status Exporter::need_versions(const std::string& domain, int64_t least, int64_t most) {
  Versions& v = domains_[domain];
  v = {std::max(v.least, least), std::min(v.most, most)};
  if (v.least <= v.most) return {};
  return refused(fmt::format("no version of '{}' has all operators of the graph", domain), {},
                 "bind the operators to versions that overlap");
}

std::map<std::string, int64_t> Exporter::domains() const {
  std::map<std::string, int64_t> result;
  for (const auto& [domain, v] : domains_)
    result.emplace(domain, domain == "ai.onnx.ml" ? std::max(v.least, kExportedMlOpset) : v.least);
  return result;
}

std::string Exporter::emit(std::string_view op_type, const std::vector<std::string>& inputs,
                           const NodeWriter& attributes, std::string output) {
  if (output.empty()) output = fresh(op_type);
  write_node_proto(op_type, inputs, attributes, {output});
  return output;
}

void Exporter::emit_all(std::string_view op_type, const std::vector<std::string>& inputs, const NodeWriter& attributes,
                        const std::vector<std::string>& outputs) {
  write_node_proto(op_type, inputs, attributes, outputs);
}

// Remembers which values' shapes tell symbols.
void Exporter::declare(const Value* value) {
  if (value == nullptr || !value->type().is_ranked_tensor()) return;
  for (std::size_t i = 0; i < value->type().dims.size(); ++i) {
    if (const auto symbol = value->type().dims[i].symbol_name()) {
      sources_.try_emplace(std::string(*symbol), value, static_cast<int64_t>(i));
    }
  }
}

namespace {

// Reads Dim::text and writes the nodes that compute it.
struct DimWriter {
  Exporter& e;
  std::string_view text;
  std::map<std::string, std::pair<const Value*, int64_t>, std::less<>>& sources;
  std::map<std::string, std::string, std::less<>>* cache;  // null within regions, whose nodes the outside can't read
  int depth = 0;

  void spaces() {
    while (!text.empty() && text[0] == ' ') text.remove_prefix(1);
  }
  bool take(std::string_view token) {
    spaces();
    if (!text.starts_with(token)) return false;
    text.remove_prefix(token.size());
    return true;
  }
  std::string number(int64_t value) { return e.i64s(std::span(&value, 1)); }
  Result<std::string> sum() {
    if (++depth > 100) return refused("a size is nested too deeply");
    std::string total = take("-") ? e.emit("Neg", {TRY(term())}) : TRY(term());
    while (true) {
      if (take("+")) total = e.emit("Add", {total, TRY(term())});
      else if (take("-")) total = e.emit("Sub", {total, TRY(term())});
      else break;
    }
    --depth;
    return total;
  }
  Result<std::string> term() {
    std::string product = TRY(atom());
    while (take("*")) product = e.emit("Mul", {product, TRY(atom())});
    return product;
  }
  Result<std::string> atom() {
    spaces();
    if (take("(")) {
      std::string inner = TRY(sum());
      if (!take(")")) return refused("malformed size");
      return inner;
    }
    std::size_t n = 0;
    while (n < text.size() && (std::isalnum(static_cast<unsigned char>(text[n])) != 0 || text[n] == '_')) ++n;
    const std::string_view word = text.substr(0, n);
    if (n == 0) return refused(fmt::format("malformed size at '{}'", text));
    text.remove_prefix(n);
    if (std::isdigit(static_cast<unsigned char>(word[0])) != 0) return number(std::stoll(std::string(word)));
    if (!take("(")) return symbol(word);
    const std::string a = TRY(sum());
    if (!take(",")) return refused("malformed size");
    const std::string b = TRY(sum());
    if (!take(")")) return refused("malformed size");
    if (word == "floordiv") return e.emit("Div", {a, b});
    if (word == "ceildiv") return e.emit("Div", {e.emit("Sub", {e.emit("Add", {a, b}), number(1)}), b});
    if (word == "mod") return e.emit("Mod", {a, b});
    if (word == "min") return e.emit("Min", {a, b});
    if (word == "max") return e.emit("Max", {a, b});
    return refused(fmt::format("unknown function '{}' of sizes", word));
  }
  Result<std::string> symbol(std::string_view name) {
    if (cache != nullptr) {
      if (const auto it = cache->find(name); it != cache->end()) return it->second;
    }
    const auto it = sources.find(name);
    if (it == sources.end()) return refused(fmt::format("no value has the size '{}'", name));
    const auto [value, axis] = it->second;
    std::string size = e.emit("Shape", {e.name(value)}, NodeWriter().integer("start", axis).integer("end", axis + 1));
    if (cache != nullptr) cache->emplace(name, size);
    return size;
  }
};

}  // namespace

Result<std::string> Exporter::dim(const Dim& dim) {
  if (const auto constant = dim.constant()) return i64s(std::span(&*constant, 1));
  const std::string text = dim.text();
  DimWriter writer{.e = *this, .text = text, .sources = sources_, .cache = in_region_ ? nullptr : &symbols_};
  std::string result = TRY(writer.sum());
  writer.spaces();
  if (!writer.text.empty()) return refused(fmt::format("malformed size '{}'", text));
  return result;
}

Result<std::string> Exporter::dims(std::span<const Dim> dims) {
  if (const auto numbers = constants(dims)) return i64s(*numbers);
  std::vector<std::string> parts;
  for (const Dim& d : dims) parts.push_back(TRY(dim(d)));
  if (parts.size() == 1) return parts[0];
  return emit("Concat", parts, NodeWriter().integer("axis", 0));
}

Status Exporter::write_node(const Node& node) {
  source_ = node.source().empty() && node.result() != nullptr ? node.result()->name() : node.source();
  const auto failed = [&](Error error) {
    return std::unexpected(std::move(error).within(fmt::format("node '{}' ({})", node.source(), node.op())));
  };
  if (const NodeExport write = find_export(node.op())) {
    if (auto status = write(*this, node); !status) return failed(std::move(status).error());
  } else if (const OperatorRow* row = find_inverse_row(node.op(), kNewestOnnxOpset)) {
    need_opset(row->since);
    if (auto status = export_direct(*this, node, *row); !status) return failed(std::move(status).error());
  } else if (node.definition() != nullptr && node.definition()->users) {
    if (auto status = export_users(*this, node); !status) return failed(std::move(status).error());
  } else {
    return failed(refused(fmt::format("ONNX has no form for '{}'", node.op())).error());
  }
  for (std::size_t i = 0; i < node.result_count(); ++i) declare(node.result(i));
  return {};
}

Status Exporter::write_nodes(const Graph& graph) {
  for (const auto& node : graph.nodes()) TRY(write_node(*node));
  return {};
}

Result<WireWriter> Exporter::region(const Graph& graph) {
  WireWriter proto;
  WireWriter* const outer = std::exchange(target_, &proto);
  const bool outer_region = std::exchange(in_region_, true);
  const auto outer_sources = sources_;
  const std::string outer_source = source_;
  proto.text(2, graph.name());
  for (const auto& input : graph.inputs()) {
    proto.message(11, value_info(name(input.get()), input->type()));
    declare(input.get());
  }
  Status status = write_nodes(graph);
  for (const Graph::Output& output : graph.outputs()) {
    if (!status) break;
    // An output is produced here and under one name only.
    std::string result = fresh(output.value->name());
    emit("Identity", {name(output.value)}, {}, result);
    proto.message(12, value_info(result, output.value->type()));
  }
  target_ = outer;
  in_region_ = outer_region;
  sources_ = outer_sources;
  source_ = outer_source;
  TRY(std::move(status));
  return proto;
}

Status Exporter::run() {
  // Most operators take bf16 from opset 22 on.
  const auto is_bf16 = [](const Value* v) {
    return v != nullptr && v->type().is_tensor() && v->type().dtype == DType::bf16;
  };
  walk(root_, [&](Node& node) {
    if (std::ranges::any_of(node.operands(), is_bf16)) need_opset(22);
    for (std::size_t i = 0; i < node.result_count(); ++i)
      if (is_bf16(node.result(i))) need_opset(22);
  });
  graph_.text(2, root_.name());
  // The interface's names first: nothing inside may take them.
  for (const auto& input : root_.inputs()) {
    if (!used_.insert(input->name()).second) return refused(fmt::format("two inputs are named '{}'", input->name()));
    names_[input.get()] = input->name();
    declare(input.get());
  }
  std::vector<std::pair<const Value*, std::string>> copies;
  for (const Graph::Output& output : root_.outputs()) {
    const bool free = used_.insert(output.name).second;
    const bool computed = output.value->producer() != nullptr && output.value->producer()->op() != "constant";
    if (free && computed && !names_.contains(output.value)) names_[output.value] = output.name;
    else if (free) copies.emplace_back(output.value, output.name);
    else if (names_[output.value] != output.name || !computed) {
      return refused(fmt::format("two inputs or outputs are named '{}'", output.name), {}, "rename one of them");
    }
  }
  for (const auto& input : root_.inputs()) graph_.message(11, value_info(input->name(), input->type()));
  for (const Graph::Output& output : root_.outputs()) graph_.message(12, value_info(output.name, output.value->type()));
  TRY(write_nodes(root_));
  for (const auto& [value, output] : copies) {
    source_ = output;
    emit("Identity", {name(value)}, {}, output);
  }
  return {};
}

}  // namespace burnish::onnx
