// The messages that make up a model: attributes, tensors, types.

#include "import/onnx/exporter.h"
#include "import/onnx/tensors.h"

namespace burnish::onnx {

WireWriter& NodeWriter::start(std::string_view name, AttributeProto::Kind kind) {
  WireWriter& attribute = attributes_.emplace_back();
  attribute.text(1, name);
  attribute.integer(20, static_cast<int64_t>(kind));
  return attribute;
}
NodeWriter& NodeWriter::integer(std::string_view name, int64_t value) {
  start(name, AttributeProto::Kind::integer).integer(3, value);
  return *this;
}
NodeWriter& NodeWriter::real(std::string_view name, double value) {
  start(name, AttributeProto::Kind::real).real(2, static_cast<float>(value));
  return *this;
}
NodeWriter& NodeWriter::text(std::string_view name, std::string_view value) {
  start(name, AttributeProto::Kind::string).text(4, value);
  return *this;
}
NodeWriter& NodeWriter::integers(std::string_view name, std::span<const int64_t> values) {
  start(name, AttributeProto::Kind::integers).packed(8, values);
  return *this;
}
NodeWriter& NodeWriter::reals(std::string_view name, std::span<const double> values) {
  start(name, AttributeProto::Kind::reals).packed(7, std::vector<float>(values.begin(), values.end()));
  return *this;
}
NodeWriter& NodeWriter::texts(std::string_view name, const Strings& values) {
  WireWriter& attribute = start(name, AttributeProto::Kind::strings);
  for (const std::string& value : values) attribute.text(9, value);
  return *this;
}
NodeWriter& NodeWriter::tensor(std::string_view name, const Tensor& value) {
  WireWriter proto = tensor_header(value, "");
  if (value.dtype() != DType::string) proto.text(9, raw_bytes(value));
  start(name, AttributeProto::Kind::tensor).message(5, proto);
  return *this;
}
NodeWriter& NodeWriter::type(std::string_view name, const Type& value) {
  start(name, AttributeProto::Kind::type).message(14, type_proto(value));
  return *this;
}
NodeWriter& NodeWriter::domain(std::string_view domain) {
  domain_ = domain;
  return *this;
}
NodeWriter& NodeWriter::graph(std::string_view name, const WireWriter& value) {
  start(name, AttributeProto::Kind::graph).message(6, value);
  return *this;
}

WireWriter tensor_header(const Tensor& tensor, std::string_view name) {
  WireWriter proto;
  proto.packed(1, tensor.dims());
  proto.integer(2, static_cast<int64_t>(to_onnx(tensor.dtype())));
  if (!name.empty()) proto.text(8, name);
  if (tensor.dtype() == DType::string) {
    for (const std::string& s : tensor.as<std::string>()) proto.text(6, s);
  }
  return proto;
}

WireWriter type_proto(const Type& type) {
  WireWriter outer, inner;
  switch (type.kind) {
    case Type::Kind::tensor:
      inner.integer(1, static_cast<int64_t>(to_onnx(type.dtype)));
      if (type.ranked) {
        WireWriter shape;
        for (const Dim& d : type.dims) {
          WireWriter dim;
          if (d.is_constant()) dim.integer(1, d.value());
          else dim.text(2, d.text());
          shape.message(1, dim);
        }
        inner.message(2, shape);
      }
      outer.message(1, inner);
      break;
    case Type::Kind::sequence:
    case Type::Kind::optional:
      inner.message(1, type_proto(*type.element));
      outer.message(type.kind == Type::Kind::sequence ? 4 : 9, inner);
      break;
    case Type::Kind::map:
      inner.integer(1, static_cast<int64_t>(to_onnx(type.dtype)));
      inner.message(2, type_proto(*type.element));
      outer.message(5, inner);
      break;
    case Type::Kind::token: break;
  }
  return outer;
}

WireWriter value_info(std::string_view name, const Type& type) {
  WireWriter info;
  info.text(1, name);
  info.message(2, type_proto(type));
  return info;
}

}  // namespace burnish::onnx
