#include "import/onnx/messages.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"

namespace burnish::onnx {

AttributeProto::AttributeProto() = default;
AttributeProto::AttributeProto(AttributeProto&&) noexcept = default;
AttributeProto::AttributeProto(const AttributeProto&) = default;
AttributeProto& AttributeProto::operator=(AttributeProto&&) noexcept = default;
AttributeProto::~AttributeProto() = default;

const AttributeProto* NodeProto::attribute(std::string_view wanted) const {
  for (const AttributeProto& a : attributes) {
    if (a.name == wanted) return &a;
  }
  return nullptr;
}

namespace {

struct Parser {
  const Limits& limits;
  int64_t memory_left;  // for what is made of the file, data not counted: small messages become large structures
  int64_t depth = 0, messages = 0, nodes = 0, tensors = 0;

  // Reads every field of a message with `on_field`, which returns a Status; unknown fields are its to ignore.
  template <class F>
  Status fields(Bytes bytes, F&& on_field) {
    if (++messages > limits.messages)
      return over_limit(limits, &Limits::messages,
                        fmt::format("the file holds more than {} messages", limits.messages));
    // A graph in a node is three messages: attribute, graph, node.
    if (++depth > limits.message_depth * 3)
      return over_limit(limits, &Limits::message_depth,
                        fmt::format("graphs or types nest deeper than {}", limits.message_depth));
    WireReader reader(bytes);
    WireField field;
    while (TRY(reader.next(field))) TRY(on_field(field));
    --depth;
    return {};
  }

  static Status expect(const WireField& field, WireType type, std::string_view message) {
    if (field.type == type) return {};
    return refused(fmt::format("field {} of {} has the wrong wire type", field.number, message));
  }
  Status spend(std::size_t count, std::size_t size) {
    memory_left -= static_cast<int64_t>(count * size);  // both are at most a few times what the file or a struct holds
    if (memory_left >= 0) return {};
    return over_limit(limits, &Limits::message_bytes,
                      fmt::format("the file's messages take more memory than {} bytes and twice the file's size",
                                  limits.message_bytes));
  }
  // Room for one more element; the list is twice as long when it grows.
  template <class T>
  Status grow(std::vector<T>& list) {
    if (list.size() < list.capacity()) return {};
    const std::size_t room = list.empty() ? 1 : list.size() * 2;
    TRY(spend(room, sizeof(T)));
    list.reserve(room);
    memory_left += static_cast<int64_t>(list.size() * sizeof(T));  // of the shorter one, given back
    return {};
  }
  template <class T>
  Status push(std::vector<T>& list, T value) {
    TRY(grow(list));
    list.push_back(std::move(value));
    return {};
  }
  Status text(const WireField& field, std::string_view& into, std::string_view message) {
    TRY(expect(field, WireType::bytes, message));
    if (field.bytes.size() > static_cast<std::size_t>(limits.string_bytes))
      return over_limit(limits, &Limits::string_bytes,
                        fmt::format("a text of {} has {} bytes", message, field.bytes.size()));
    into = field.text();
    return {};
  }
  Status push_text(const WireField& field, std::vector<std::string_view>& list, std::string_view message) {
    std::string_view one;
    TRY(text(field, one, message));
    return push(list, one);
  }
  template <class T>
  Status integer(const WireField& field, T& into, std::string_view message) {
    TRY(expect(field, WireType::varint, message));
    into = static_cast<T>(field.integer);
    return {};
  }
  Status integers(const WireField& field, std::vector<int64_t>& into, std::string_view message) {
    if (field.type == WireType::bytes) {
      const auto count =
          std::ranges::count_if(field.bytes, [](std::byte b) { return (b & std::byte{0x80}) == std::byte{0}; });
      TRY(spend(static_cast<std::size_t>(count), sizeof(int64_t)));
      into.reserve(into.size() + static_cast<std::size_t>(count));
    } else {
      TRY(expect(field, WireType::varint, message));
      TRY(grow(into));
    }
    return append_varints(field.bytes, into);
  }
  Status reals(const WireField& field, std::vector<float>& into) {
    if (field.bytes.size() > sizeof(float)) {
      TRY(spend(field.bytes.size(), 1));
      into.reserve(into.size() + field.bytes.size() / sizeof(float));
    } else {
      TRY(grow(into));
    }
    return append_floats(field.bytes, into);
  }
  // Parses a sub-message into a new last element.
  template <class T>
  Status append(const WireField& field, std::vector<T>& list, Status (Parser::*parse)(Bytes, T&),
                std::string_view message) {
    TRY(expect(field, WireType::bytes, message));
    TRY(grow(list));
    return (this->*parse)(field.bytes, list.emplace_back());
  }

  Status tensor(Bytes bytes, TensorProto& t) {
    constexpr std::string_view kName = "TensorProto";
    if (++tensors > limits.tensors)
      return over_limit(limits, &Limits::tensors, fmt::format("the file holds more than {} tensors", limits.tensors));
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return integers(f, t.dims, kName);
        case 2: return integer(f, t.data_type, kName);
        case 3: t.segmented = true; return {};
        case 4: return push(t.float_data, f.bytes);
        case 5: return push(t.int32_data, f.bytes);
        case 6: TRY(expect(f, WireType::bytes, kName)); return push(t.string_data, f.text());
        case 7: return push(t.int64_data, f.bytes);
        case 8: return text(f, t.name, kName);
        case 9:
          TRY(expect(f, WireType::bytes, kName));
          t.raw_data = f.bytes;
          return {};
        case 10: return push(t.double_data, f.bytes);
        case 11: return push(t.uint64_data, f.bytes);
        case 13: return append(f, t.external_data, &Parser::entry, kName);
        case 14: t.external = f.integer == 1; return {};
        default: return {};
      }
    });
  }

  Status entry(Bytes bytes, std::pair<std::string_view, std::string_view>& e) {
    return fields(bytes, [&](const WireField& f) -> Status {
      if (f.number == 1) return text(f, e.first, "StringStringEntryProto");
      if (f.number == 2) return text(f, e.second, "StringStringEntryProto");
      return {};
    });
  }

  Status sparse_tensor(Bytes bytes, SparseTensorProto& s) {
    return fields(bytes, [&](const WireField& f) -> Status {
      if (f.number == 3) return integers(f, s.dims, "SparseTensorProto");
      if (f.number != 1 && f.number != 2) return {};
      TRY(expect(f, WireType::bytes, "SparseTensorProto"));
      return tensor(f.bytes, (f.number == 1 ? s.values : s.indices).emplace());
    });
  }

  Status dimension(Bytes bytes, DimensionProto& d) {
    return fields(bytes, [&](const WireField& f) -> Status {
      if (f.number == 1) return integer(f, d.value.emplace(), "Dimension");
      if (f.number == 2) return text(f, d.parameter, "Dimension");
      return {};
    });
  }

  Status tensor_type(Bytes bytes, TypeProto& t) {
    return fields(bytes, [&](const WireField& f) -> Status {
      if (f.number == 1) return integer(f, t.elem_type, "TypeProto.Tensor");
      if (f.number != 2) return {};
      TRY(expect(f, WireType::bytes, "TypeProto.Tensor"));
      auto& shape = t.shape.emplace();
      return fields(f.bytes, [&](const WireField& d) -> Status {
        return d.number == 1 ? append(d, shape, &Parser::dimension, "TensorShapeProto") : Status{};
      });
    });
  }

  // Sequence, optional and map: `element_field` is the field that holds the inner type.
  Status container_type(Bytes bytes, TypeProto& t, uint32_t element_field) {
    return fields(bytes, [&](const WireField& f) -> Status {
      if (f.number == element_field) {
        t.element.clear();
        return append(f, t.element, &Parser::type, "TypeProto");
      }
      return f.number == 1 ? integer(f, t.elem_type, "TypeProto.Map") : Status{};
    });
  }

  Status type(Bytes bytes, TypeProto& t) {
    return fields(bytes, [&](const WireField& f) -> Status {
      using Kind = TypeProto::Kind;
      if (f.number == 6) return {};
      TRY(expect(f, WireType::bytes, "TypeProto"));
      switch (f.number) {
        case 1: t.kind = Kind::tensor; return tensor_type(f.bytes, t);
        case 8: t.kind = Kind::sparse_tensor; return tensor_type(f.bytes, t);
        case 4: t.kind = Kind::sequence; return container_type(f.bytes, t, 1);
        case 9: t.kind = Kind::optional; return container_type(f.bytes, t, 1);
        case 5: t.kind = Kind::map; return container_type(f.bytes, t, 2);
        case 7: t.kind = Kind::opaque; return {};
        default: return {};
      }
    });
  }

  Status value_info(Bytes bytes, ValueInfoProto& v) {
    return fields(bytes, [&](const WireField& f) -> Status {
      if (f.number == 1) return text(f, v.name, "ValueInfoProto");
      if (f.number != 2) return {};
      TRY(expect(f, WireType::bytes, "ValueInfoProto"));
      return type(f.bytes, v.type);
    });
  }

  Status attribute(Bytes bytes, AttributeProto& a) {
    constexpr std::string_view kName = "AttributeProto";
    using Kind = AttributeProto::Kind;
    Kind seen = Kind::undefined;  // models of IR version 1 leave the type out
    TRY(fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return text(f, a.name, kName);
        case 21: return text(f, a.reference, kName);
        case 20: return integer(f, a.kind, kName);
        case 2:
          TRY(expect(f, WireType::fixed32, kName));
          a.f = f.real();
          seen = Kind::real;
          return {};
        case 3: seen = Kind::integer; return integer(f, a.i, kName);
        case 4: seen = Kind::string; return text(f, a.s, kName);
        case 5: seen = Kind::tensor; return append(f, a.tensors, &Parser::tensor, kName);
        case 6: seen = Kind::graph; return append(f, a.graphs, &Parser::graph, kName);
        case 7: seen = Kind::reals; return reals(f, a.floats);
        case 8: seen = Kind::integers; return integers(f, a.ints, kName);
        case 9: seen = Kind::strings; return push_text(f, a.strings, kName);
        case 10: seen = Kind::tensors; return append(f, a.tensors, &Parser::tensor, kName);
        case 11: seen = Kind::graphs; return append(f, a.graphs, &Parser::graph, kName);
        case 14: seen = Kind::type; return append(f, a.types, &Parser::type, kName);
        case 15: seen = Kind::types; return append(f, a.types, &Parser::type, kName);
        case 22: seen = Kind::sparse_tensor; return append(f, a.sparse_tensors, &Parser::sparse_tensor, kName);
        case 23: seen = Kind::sparse_tensors; return append(f, a.sparse_tensors, &Parser::sparse_tensor, kName);
        default: return {};
      }
    }));
    if (a.kind == Kind::undefined) a.kind = seen;
    const bool incomplete = (a.kind == Kind::tensor && a.tensors.size() != 1) ||
                            (a.kind == Kind::graph && a.graphs.size() != 1) ||
                            (a.kind == Kind::sparse_tensor && a.sparse_tensors.size() != 1) ||
                            (a.kind == Kind::type && a.types.size() != 1);
    if (incomplete && a.reference.empty()) return refused(fmt::format("attribute '{}' has no value", a.name));
    return {};
  }

  Status node(Bytes bytes, NodeProto& n) {
    constexpr std::string_view kName = "NodeProto";
    if (++nodes > limits.nodes)
      return over_limit(limits, &Limits::nodes, fmt::format("the file holds more than {} nodes", limits.nodes));
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return push_text(f, n.inputs, kName);
        case 2: return push_text(f, n.outputs, kName);
        case 3: return text(f, n.name, kName);
        case 4: return text(f, n.op_type, kName);
        case 5:
          if (std::cmp_greater_equal(n.attributes.size(), limits.attributes))
            return over_limit(limits, &Limits::attributes,
                              fmt::format("a node has more than {} attributes", limits.attributes));
          return append(f, n.attributes, &Parser::attribute, kName);
        case 7: return text(f, n.domain, kName);
        case 8: return text(f, n.overload, kName);
        default: return {};
      }
    });
  }

  Status graph(Bytes bytes, GraphProto& g) {
    constexpr std::string_view kName = "GraphProto";
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return append(f, g.nodes, &Parser::node, kName);
        case 2: return text(f, g.name, kName);
        case 5: return append(f, g.initializers, &Parser::tensor, kName);
        case 11: return append(f, g.inputs, &Parser::value_info, kName);
        case 12: return append(f, g.outputs, &Parser::value_info, kName);
        case 13: return append(f, g.value_infos, &Parser::value_info, kName);
        case 15: return append(f, g.sparse_initializers, &Parser::sparse_tensor, kName);
        default: return {};
      }
    });
  }

  Status opset(Bytes bytes, OperatorSet& o) {
    return fields(bytes, [&](const WireField& f) -> Status {
      if (f.number == 1) return text(f, o.domain, "OperatorSetIdProto");
      if (f.number == 2) return integer(f, o.version, "OperatorSetIdProto");
      return {};
    });
  }

  Status function(Bytes bytes, FunctionProto& n) {
    constexpr std::string_view kName = "FunctionProto";
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return text(f, n.name, kName);
        case 4: return push_text(f, n.inputs, kName);
        case 5: return push_text(f, n.outputs, kName);
        case 6: return push_text(f, n.attributes, kName);
        case 7: return append(f, n.nodes, &Parser::node, kName);
        case 9: return append(f, n.opsets, &Parser::opset, kName);
        case 10: return text(f, n.domain, kName);
        case 11: return append(f, n.attribute_defaults, &Parser::attribute, kName);
        case 13: return text(f, n.overload, kName);
        default: return {};
      }
    });
  }

  Status model(Bytes bytes, ModelProto& m) {
    constexpr std::string_view kName = "ModelProto";
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return integer(f, m.ir_version, kName);
        case 2: return text(f, m.producer_name, kName);
        case 3: return text(f, m.producer_version, kName);
        case 7: TRY(expect(f, WireType::bytes, kName)); return graph(f.bytes, m.graph.emplace());
        case 8: return append(f, m.opsets, &Parser::opset, kName);
        case 25: return append(f, m.functions, &Parser::function, kName);
        default: return {};
      }
    });
  }

  Status map(Bytes bytes, MapProto& m) {
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 2: return integer(f, m.key_type, "MapProto");
        case 3: return push(m.keys, f.bytes);
        case 4: return push_text(f, m.string_keys, "MapProto");
        case 5: return append(f, m.values, &Parser::sequence, "MapProto");
        default: return {};
      }
    });
  }

  // Sequences and optionals number their fields alike.
  template <class T>
  Status container(Bytes bytes, T& s, std::string_view name) {
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 2: return integer(f, s.elem_type, name);
        case 3: return append(f, s.tensors, &Parser::tensor, name);
        case 5: return append(f, s.sequences, &Parser::sequence, name);
        case 6: return append(f, s.maps, &Parser::map, name);
        case 7: return append(f, s.optionals, &Parser::optional, name);
        default: return {};
      }
    });
  }
  Status sequence(Bytes bytes, SequenceProto& s) { return container(bytes, s, "SequenceProto"); }
  Status optional(Bytes bytes, OptionalProto& o) { return container(bytes, o, "OptionalProto"); }
};

template <class T>
Result<T> parse(Bytes bytes, const Limits& limits, Status (Parser::*message)(Bytes, T&)) {
  Parser parser{.limits = limits, .memory_left = limits.message_bytes};
  if (const auto more = checked_mul(static_cast<int64_t>(bytes.size()), 2))
    parser.memory_left = checked_add(parser.memory_left, *more).value_or(INT64_MAX);
  T value;
  TRY((parser.*message)(bytes, value));
  return value;
}

}  // namespace

Result<ModelProto> parse_model(Bytes bytes, const Limits& limits) { return parse(bytes, limits, &Parser::model); }
Result<TensorProto> parse_tensor(Bytes bytes, const Limits& limits) { return parse(bytes, limits, &Parser::tensor); }
Result<SequenceProto> parse_sequence(Bytes bytes, const Limits& limits) {
  return parse(bytes, limits, &Parser::sequence);
}
Result<OptionalProto> parse_optional(Bytes bytes, const Limits& limits) {
  return parse(bytes, limits, &Parser::optional);
}

}  // namespace burnish::onnx
