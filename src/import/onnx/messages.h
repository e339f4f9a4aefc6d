#pragma once
// ONNX's messages as plain structs whose texts and payloads are views into the file (onnx.ai, onnx.proto3). The bytes must
// outlive them. Field numbers stand in messages.cc.

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "import/onnx/wire.h"

namespace burnish::onnx {

struct GraphProto;

// ONNX's TensorProto.DataType.
enum class DataType : int32_t {
  undefined = 0,
  f32 = 1,
  u8 = 2,
  i8 = 3,
  u16 = 4,
  i16 = 5,
  i32 = 6,
  i64 = 7,
  string = 8,
  boolean = 9,
  f16 = 10,
  f64 = 11,
  u32 = 12,
  u64 = 13,
  c64 = 14,
  c128 = 15,
  bf16 = 16,
  f8e4m3fn = 17,
  f8e4m3fnuz = 18,
  f8e5m2 = 19,
  f8e5m2fnuz = 20,
  u4 = 21,
  i4 = 22,
  f4e2m1 = 23,
  f8e8m0 = 24,
  u2 = 25,
  i2 = 26,
};

struct TensorProto {
  std::vector<int64_t> dims;
  int32_t data_type = 0;
  std::string_view name;
  bool segmented = false;
  std::optional<Bytes> raw_data;
  // Encodings of the elements, in order; packed or not makes no difference.
  std::vector<Bytes> float_data, int32_data, int64_data, double_data, uint64_data;
  std::vector<std::string_view> string_data;
  std::vector<std::pair<std::string_view, std::string_view>> external_data;
  bool external = false;
};

struct SparseTensorProto {
  std::optional<TensorProto> values, indices;
  std::vector<int64_t> dims;
};

struct DimensionProto {
  std::optional<int64_t> value;
  std::string_view parameter;
};

struct TypeProto {
  enum class Kind : uint8_t { none, tensor, sparse_tensor, sequence, optional, map, opaque };
  Kind kind = Kind::none;
  int32_t elem_type = 0;  // of tensors; key of a map
  std::optional<std::vector<DimensionProto>> shape;
  std::vector<TypeProto> element;  // of sequence, optional, map: none or one
};

struct ValueInfoProto {
  std::string_view name;
  TypeProto type;
};

struct AttributeProto {
  enum class Kind : int32_t {
    undefined = 0,
    real = 1,
    integer = 2,
    string = 3,
    tensor = 4,
    graph = 5,
    reals = 6,
    integers = 7,
    strings = 8,
    tensors = 9,
    graphs = 10,
    sparse_tensor = 11,
    sparse_tensors = 12,
    type = 13,
    types = 14,
  };
  std::string_view name, reference;  // reference: the enclosing function's attribute to take instead
  Kind kind = Kind::undefined;
  float f = 0;
  int64_t i = 0;
  std::string_view s;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings;
  std::vector<TensorProto> tensors;  // t and tensors
  std::vector<GraphProto> graphs;    // g and graphs
  std::vector<SparseTensorProto> sparse_tensors;
  std::vector<TypeProto> types;

  AttributeProto();
  AttributeProto(AttributeProto&&) noexcept;
  AttributeProto(const AttributeProto&);
  AttributeProto& operator=(AttributeProto&&) noexcept;
  ~AttributeProto();
};

struct NodeProto {
  std::vector<std::string_view> inputs, outputs;  // an empty name is an absent one
  std::string_view name, op_type, domain, overload;
  std::vector<AttributeProto> attributes;
  const AttributeProto* attribute(std::string_view name) const;
};

struct GraphProto {
  std::string_view name;
  std::vector<NodeProto> nodes;
  std::vector<TensorProto> initializers;
  std::vector<SparseTensorProto> sparse_initializers;
  std::vector<ValueInfoProto> inputs, outputs, value_infos;
};

struct OperatorSet {
  std::string_view domain;
  int64_t version = 0;
};

struct FunctionProto {
  std::string_view name, domain, overload;
  std::vector<std::string_view> inputs, outputs, attributes;
  std::vector<AttributeProto> attribute_defaults;
  std::vector<NodeProto> nodes;
  std::vector<OperatorSet> opsets;
};

struct ModelProto {
  int64_t ir_version = 0;
  std::string_view producer_name, producer_version;
  std::vector<OperatorSet> opsets;
  std::optional<GraphProto> graph;
  std::vector<FunctionProto> functions;
};

struct SequenceProto;
struct OptionalProto;
struct MapProto {
  int32_t key_type = 0;
  std::vector<Bytes> keys;
  std::vector<std::string_view> string_keys;
  std::vector<SequenceProto> values;  // one
};
struct SequenceProto {
  int32_t elem_type = 0;  // 1 tensor, 2 sparse tensor, 3 sequence, 4 map, 5 optional
  std::vector<TensorProto> tensors;
  std::vector<SequenceProto> sequences;
  std::vector<MapProto> maps;
  std::vector<OptionalProto> optionals;
};
struct OptionalProto {
  int32_t elem_type = 0;
  std::vector<TensorProto> tensors;  // each list: none or one
  std::vector<SequenceProto> sequences;
  std::vector<MapProto> maps;
  std::vector<OptionalProto> optionals;
};

Result<ModelProto> parse_model(Bytes bytes, const Limits& limits = {});
Result<TensorProto> parse_tensor(Bytes bytes, const Limits& limits = {});
Result<SequenceProto> parse_sequence(Bytes bytes, const Limits& limits = {});
Result<OptionalProto> parse_optional(Bytes bytes, const Limits& limits = {});

}  // namespace burnish::onnx
