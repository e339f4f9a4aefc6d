#include "import/onnx/messages.h"

#include <fmt/format.h>

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
  ParseLimits limits;
  int depth = 0;
  int64_t messages = 0;

  // Reads every field of a message with `on_field`, which returns a Status; unknown fields are its to ignore.
  template <class F>
  Status fields(Bytes bytes, F&& on_field) {
    if (++messages > limits.messages) {
      return refused(fmt::format("the file holds more than {} messages", limits.messages));
    }
    if (++depth > limits.depth * 3) return refused(fmt::format("messages nest deeper than {}", limits.depth * 3));
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
  Status text(const WireField& field, std::string_view& into, std::string_view message) {
    TRY(expect(field, WireType::bytes, message));
    into = field.text();
    return {};
  }
  template <class T>
  Status integer(const WireField& field, T& into, std::string_view message) {
    TRY(expect(field, WireType::varint, message));
    into = static_cast<T>(field.integer);
    return {};
  }
  static Status integers(const WireField& field, std::vector<int64_t>& into, std::string_view message) {
    if (field.type != WireType::bytes) TRY(expect(field, WireType::varint, message));
    return append_varints(field.bytes, into);
  }
  // Parses a sub-message into a new last element.
  template <class T>
  Status append(const WireField& field, std::vector<T>& list, Status (Parser::*parse)(Bytes, T&),
                std::string_view message) {
    TRY(expect(field, WireType::bytes, message));
    return (this->*parse)(field.bytes, list.emplace_back());
  }

  Status tensor(Bytes bytes, TensorProto& t) {
    constexpr std::string_view kName = "TensorProto";
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return integers(f, t.dims, kName);
        case 2: return integer(f, t.data_type, kName);
        case 3: t.segmented = true; return {};
        case 4: t.float_data.push_back(f.bytes); return {};
        case 5: t.int32_data.push_back(f.bytes); return {};
        case 6:
          TRY(expect(f, WireType::bytes, kName));
          t.string_data.push_back(f.text());
          return {};
        case 7: t.int64_data.push_back(f.bytes); return {};
        case 8: return text(f, t.name, kName);
        case 9:
          TRY(expect(f, WireType::bytes, kName));
          t.raw_data = f.bytes;
          return {};
        case 10: t.double_data.push_back(f.bytes); return {};
        case 11: t.uint64_data.push_back(f.bytes); return {};
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
        case 7: seen = Kind::reals; return append_floats(f.bytes, a.floats);
        case 8: seen = Kind::integers; return integers(f, a.ints, kName);
        case 9:
          TRY(expect(f, WireType::bytes, kName));
          seen = Kind::strings;
          a.strings.push_back(f.text());
          return {};
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
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1:
          TRY(expect(f, WireType::bytes, kName));
          n.inputs.push_back(f.text());
          return {};
        case 2:
          TRY(expect(f, WireType::bytes, kName));
          n.outputs.push_back(f.text());
          return {};
        case 3: return text(f, n.name, kName);
        case 4: return text(f, n.op_type, kName);
        case 5: return append(f, n.attributes, &Parser::attribute, kName);
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
    const auto name = [&](const WireField& f, std::vector<std::string_view>& list) -> Status {
      TRY(expect(f, WireType::bytes, kName));
      list.push_back(f.text());
      return {};
    };
    return fields(bytes, [&](const WireField& f) -> Status {
      switch (f.number) {
        case 1: return text(f, n.name, kName);
        case 4: return name(f, n.inputs);
        case 5: return name(f, n.outputs);
        case 6: return name(f, n.attributes);
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
        case 3: m.keys.push_back(f.bytes); return {};
        case 4:
          TRY(expect(f, WireType::bytes, "MapProto"));
          m.string_keys.push_back(f.text());
          return {};
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
Result<T> parse(Bytes bytes, const ParseLimits& limits, Status (Parser::*message)(Bytes, T&)) {
  Parser parser{.limits = limits};
  T value;
  TRY((parser.*message)(bytes, value));
  return value;
}

}  // namespace

Result<ModelProto> parse_model(Bytes bytes, const ParseLimits& limits) { return parse(bytes, limits, &Parser::model); }
Result<TensorProto> parse_tensor(Bytes bytes, const ParseLimits& limits) {
  return parse(bytes, limits, &Parser::tensor);
}
Result<SequenceProto> parse_sequence(Bytes bytes, const ParseLimits& limits) {
  return parse(bytes, limits, &Parser::sequence);
}
Result<OptionalProto> parse_optional(Bytes bytes, const ParseLimits& limits) {
  return parse(bytes, limits, &Parser::optional);
}

}  // namespace burnish::onnx
