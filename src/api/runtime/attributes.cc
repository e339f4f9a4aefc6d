// Attributes and types as C callers write them.

#include "api/runtime/boundary.h"
#include "api/runtime/graph.h"
#include "api/runtime/tensors.h"
#include "ir/lexer.h"

namespace burnish::api {
namespace {

Result<Dim> read_dim(const char* text, Graph& graph, const std::string& where) {
  if (text == nullptr) return usage_error("a size is NULL", where);
  auto dim = parse_dim(text, graph.symbol_ranges());
  if (dim) return dim;
  Error error = std::move(dim).error().within(where);
  error.code = ErrorCode::usage;
  return std::unexpected(std::move(error));
}

// Symbols become known, so that none of the graph's own gets their name.
void know_symbols(const Dim& dim, Graph& graph) {
  for (const std::string& symbol : dim.symbols()) graph.symbol_ranges().try_emplace(symbol);
}
void know_symbols(const Type& type, Graph& graph) {
  for (const Dim& dim : type.dims) know_symbols(dim, graph);
  if (type.element != nullptr) know_symbols(*type.element, graph);
}

}  // namespace

Result<Type> read_type(const std::string& text, Graph& graph, const std::string& where) {
  Lexer lexer(text);
  auto type = burnish::read_type(lexer, graph.symbol_ranges());
  if (type && !lexer.at_end()) type = lexer.error("there is more than a type");
  if (!type) {
    Error error = std::move(type).error().within(where);
    error.what = "'" + text + "' is no type: " + error.what;
    error.code = ErrorCode::usage;
    if (error.remedy.empty()) error.remedy = "write for example f32[N,3,224,224]";
    return std::unexpected(std::move(error));
  }
  know_symbols(*type, graph);
  return type;
}

Result<Attribute> read_attribute(const burnish_attribute& a, Graph& graph, const std::string& where) {
  const bool list =
      a.kind == BURNISH_INTEGERS || a.kind == BURNISH_REALS || a.kind == BURNISH_STRINGS || a.kind == BURNISH_DIMS;
  if (list && a.count == 0) return Attribute(Ints());  // an empty list may be of any kind
  if (a.kind != BURNISH_INTEGER && a.kind != BURNISH_REAL && a.value.string == nullptr)
    return usage_error("the attribute's value is NULL", where);
  switch (a.kind) {
    case BURNISH_INTEGER: return Attribute(a.value.integer);
    case BURNISH_REAL: return Attribute(a.value.real);
    case BURNISH_STRING: return Attribute(std::string(a.value.string));
    case BURNISH_INTEGERS: return Attribute(Ints(a.value.integers, a.value.integers + a.count));
    case BURNISH_REALS: return Attribute(Floats(a.value.reals, a.value.reals + a.count));
    case BURNISH_STRINGS: {
      Strings strings;
      for (std::size_t i = 0; i < a.count; ++i) {
        if (a.value.strings[i] == nullptr) return usage_error("a string is NULL", where);
        strings.emplace_back(a.value.strings[i]);
      }
      return Attribute(std::move(strings));
    }
    case BURNISH_DTYPE: {
      const auto dtype = parse_dtype(a.value.string);
      if (!dtype)
        return usage_error("'" + std::string(a.value.string) + "' is no dtype", where, "write for example f32");
      return Attribute(*dtype);
    }
    case BURNISH_DIMS: {
      Dims dims;
      for (std::size_t i = 0; i < a.count; ++i) {
        dims.push_back(TRY(read_dim(a.value.strings[i], graph, where)));
        know_symbols(dims.back(), graph);
      }
      return Attribute(std::move(dims));
    }
    case BURNISH_TENSOR: return Attribute(TRY(copy(TRY(view_of(a.value.tensor, where)))));
    case BURNISH_TYPE: return Attribute(TRY(read_type(a.value.string, graph, where)));
  }
  return usage_error("there is no attribute kind " + std::to_string(static_cast<int>(a.kind)), where);
}

}  // namespace burnish::api
