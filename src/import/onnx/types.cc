#include "import/onnx/types.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include <fmt/format.h>

#include "import/onnx/importer.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {

// A dim_param is any text ("batch", "2*s0 + 1", "unk__17"). Equal texts mean equal sizes, so each text becomes one symbol
// with a printable name of its own.
Dim Importer::symbol(std::string_view parameter, Graph& graph) {
  if (const auto it = symbols_.find(parameter); it != symbols_.end()) return it->second;
  // "?", "-1", "None": some exporters write what they don't know, several times, with no word that the sizes are equal.
  const bool unknown = parameter == "None" || std::ranges::none_of(parameter, [](unsigned char ch) {
                         return std::isalpha(ch) != 0 || ch >= 0x80;
                       });
  if (!bind_symbols_ || unknown) return graph.fresh_symbol();
  std::string name;
  for (char c : parameter.substr(0, 64)) name += std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  if (name.empty() || std::isdigit(static_cast<unsigned char>(name[0])) != 0) name.insert(0, "d");
  // s0, s1 ... are the names of fresh symbols.
  const bool like_fresh =
      name[0] == 's' && std::ranges::all_of(name.substr(1), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (like_fresh && name.size() > 1) name.insert(0, "d_");
  while (!symbol_names_.insert(name).second) name += fmt::format("_{}", symbol_names_.size());
  return symbols_.emplace(std::string(parameter), Dim::symbol(name)).first->second;
}

Result<Type> Importer::type(const TypeProto& proto, Graph& graph) {
  using Kind = TypeProto::Kind;
  switch (proto.kind) {
    case Kind::tensor:
    case Kind::sparse_tensor: {
      const DType dtype = TRY(require_dtype(proto.elem_type));
      if (!proto.shape) return Type::unranked(dtype);
      if (std::cmp_greater(proto.shape->size(), options_.limits.rank))
        return over_limit(options_.limits, &Limits::rank, fmt::format("a type has {} dims", proto.shape->size()));
      Dims dims;
      for (const DimensionProto& d : *proto.shape) {
        if (d.value && *d.value > Range::kMax) return refused(fmt::format("a dim of {}", *d.value));
        if (d.value && *d.value >= 0) dims.emplace_back(*d.value);
        else if (!d.parameter.empty()) dims.push_back(symbol(d.parameter, graph));
        else dims.push_back(graph.fresh_symbol());
      }
      return Type::tensor(dtype, std::move(dims));
    }
    case Kind::sequence:
    case Kind::optional:
    case Kind::map: {
      if (proto.element.size() != 1) return refused("a container type without an element type");
      Type element = TRY(type(proto.element[0], graph));
      if (proto.kind == Kind::sequence) {
        // Elements may differ in size even where the model names one.
        if (element.is_ranked_tensor()) {
          for (Dim& d : element.dims) d = d.is_constant() ? d : graph.fresh_symbol();
        }
        return Type::sequence(std::move(element));
      }
      if (proto.kind == Kind::optional) return Type::optional(std::move(element));
      return Type::map(TRY(require_dtype(proto.elem_type)), std::move(element));
    }
    case Kind::none: return refused("has no type");
    case Kind::opaque: break;
  }
  return refused("opaque types are not supported");
}

Result<Type> join(const Type& a, const Type& b, Graph& graph) {
  if (a == b) return a;
  using Kind = Type::Kind;
  if (a.kind == Kind::optional && b.kind != Kind::optional && a.element)
    return Type::optional(TRY(join(*a.element, b, graph)));
  if (b.kind == Kind::optional && a.kind != Kind::optional && b.element)
    return Type::optional(TRY(join(a, *b.element, graph)));
  if (a.kind != b.kind || a.dtype != b.dtype) return refused(fmt::format("{} here and {} there", a.text(), b.text()));
  if (!a.is_tensor()) {
    if (!a.element || !b.element) return a;
    const Type element = TRY(join(*a.element, *b.element, graph));
    if (a.kind == Type::Kind::sequence) return Type::sequence(element);
    if (a.kind == Type::Kind::optional) return Type::optional(element);
    return Type::map(a.dtype, element);
  }
  if (!a.ranked || !b.ranked || a.rank() != b.rank()) return Type::unranked(a.dtype);
  Dims dims = a.dims;
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (!(dims[i] == b.dims[i])) dims[i] = graph.fresh_symbol();
  }
  return Type::tensor(a.dtype, std::move(dims));
}

}  // namespace burnish::onnx
