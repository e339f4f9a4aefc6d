#include "import/onnx/tensors.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"

namespace burnish::onnx {
namespace {

constexpr std::array<std::pair<DataType, DType>, 26> kTypes{{
    {DataType::f32, DType::f32},
    {DataType::u8, DType::u8},
    {DataType::i8, DType::i8},
    {DataType::u16, DType::u16},
    {DataType::i16, DType::i16},
    {DataType::i32, DType::i32},
    {DataType::i64, DType::i64},
    {DataType::string, DType::string},
    {DataType::boolean, DType::boolean},
    {DataType::f16, DType::f16},
    {DataType::f64, DType::f64},
    {DataType::u32, DType::u32},
    {DataType::u64, DType::u64},
    {DataType::c64, DType::c64},
    {DataType::c128, DType::c128},
    {DataType::bf16, DType::bf16},
    {DataType::f8e4m3fn, DType::f8e4m3fn},
    {DataType::f8e4m3fnuz, DType::f8e4m3fnuz},
    {DataType::f8e5m2, DType::f8e5m2},
    {DataType::f8e5m2fnuz, DType::f8e5m2fnuz},
    {DataType::u4, DType::u4},
    {DataType::i4, DType::i4},
    {DataType::f4e2m1, DType::f4e2m1},
    {DataType::f8e8m0, DType::f8e8m0},
    {DataType::u2, DType::u2},
    {DataType::i2, DType::i2},
}};

bool is_packed(DType dtype) { return dtype != DType::string && dtype != DType::boolean && bit_width(dtype) < 8; }

// How many bytes ONNX needs for the elements.
int64_t payload_bytes(DType dtype, int64_t elements) {
  if (!is_packed(dtype)) return elements * static_cast<int64_t>(byte_size(dtype));
  return ceil_div(elements, 8 / bit_width(dtype));
}

// Low bits first; signed types are extended.
void unpack(DType dtype, Bytes packed, Tensor& into) {
  const int bits = bit_width(dtype), per_byte = 8 / bits;
  const bool extend = number_class(dtype) == NumberClass::signed_int;
  std::byte* out = into.mutable_data();
  for (int64_t i = 0; i < into.elements(); ++i) {
    const auto byte = static_cast<unsigned>(packed[static_cast<std::size_t>(i / per_byte)]);
    unsigned value = byte >> (i % per_byte * bits) & ((1u << bits) - 1);
    if (extend && (value >> (bits - 1)) != 0) value |= ~0u << bits;
    out[i] = static_cast<std::byte>(value);
  }
}

std::unexpected<Error> size_error(const TensorProto& proto, DType dtype, int64_t have, int64_t want,
                                  std::string_view unit) {
  return refused(
      fmt::format("holds {} {} where {}[{}] needs {}", have, unit, name(dtype), fmt::join(proto.dims, ","), want),
      fmt::format("tensor '{}'", proto.name), "the file is damaged; fetch or export it again");
}

// The payload as it would stand in raw_data.
Result<Tensor> from_bytes(const TensorProto& proto, DType dtype, Bytes bytes, const std::shared_ptr<const void>& owner,
                          int64_t elements) {
  const int64_t need = payload_bytes(dtype, elements);
  if (bytes.size() != static_cast<std::size_t>(need)) {
    return size_error(proto, dtype, static_cast<int64_t>(bytes.size()), need, "bytes");
  }
  const std::size_t alignment = dtype == DType::c128 ? 8 : std::max<std::size_t>(byte_size(dtype), 1);
  const bool aligned = reinterpret_cast<uintptr_t>(bytes.data()) % alignment == 0;
  // Bools from a file may hold anything: they are normalised below.
  if (owner && aligned && !is_packed(dtype) && dtype != DType::boolean && elements > 0) {
    return Tensor::view(dtype, proto.dims, bytes.data(), owner);
  }
  Tensor tensor = TRY(Tensor::allocate(dtype, proto.dims));
  if (is_packed(dtype)) {
    unpack(dtype, bytes, tensor);
  } else if (dtype == DType::boolean) {
    std::ranges::transform(bytes, tensor.mutable_data(), [](std::byte b) { return std::byte{b != std::byte{0}}; });
  } else if (!bytes.empty()) {
    std::memcpy(tensor.mutable_data(), bytes.data(), bytes.size());
  }
  return tensor;
}

// Chunks of fixed-size elements, checked against `count` before they are joined.
Result<std::vector<std::byte>> join(const TensorProto& proto, DType dtype, const std::vector<Bytes>& chunks,
                                    int64_t bytes) {
  int64_t total = 0;
  for (Bytes chunk : chunks) total += static_cast<int64_t>(chunk.size());
  if (total != bytes) return size_error(proto, dtype, total, bytes, "bytes");
  std::vector<std::byte> joined;
  joined.reserve(static_cast<std::size_t>(bytes));
  for (Bytes chunk : chunks) joined.insert(joined.end(), chunk.begin(), chunk.end());
  return joined;
}

// Typed fields: each dtype has the one that onnx.proto3 gives it.
Result<Tensor> from_fields(const TensorProto& proto, DType dtype, int64_t elements) {
  if (dtype == DType::string) {
    if (static_cast<int64_t>(proto.string_data.size()) != elements) {
      return size_error(proto, dtype, static_cast<int64_t>(proto.string_data.size()), elements, "strings");
    }
    Tensor tensor = TRY(Tensor::allocate(dtype, proto.dims));
    std::ranges::copy(proto.string_data, tensor.mutable_as<std::string>().begin());
    return tensor;
  }
  if (dtype == DType::f32 || dtype == DType::c64 || dtype == DType::f64 || dtype == DType::c128) {
    const bool wide = dtype == DType::f64 || dtype == DType::c128;
    const auto bytes =
        TRY(join(proto, dtype, wide ? proto.double_data : proto.float_data, payload_bytes(dtype, elements)));
    return from_bytes(proto, dtype, bytes, nullptr, elements);
  }
  const auto& chunks = dtype == DType::i64                          ? proto.int64_data
                       : dtype == DType::u64 || dtype == DType::u32 ? proto.uint64_data
                                                                    : proto.int32_data;
  // Packed types come as bytes, one a number; the others one element a number. An element takes a byte of file at least.
  const int64_t count = is_packed(dtype) ? payload_bytes(dtype, elements) : elements;
  int64_t encoded = 0;
  for (Bytes chunk : chunks) encoded += static_cast<int64_t>(chunk.size());
  if (encoded < count) return size_error(proto, dtype, encoded, count, "bytes of numbers, too few");
  std::vector<int64_t> numbers;
  for (Bytes chunk : chunks) TRY(append_varints(chunk, numbers));
  if (static_cast<int64_t>(numbers.size()) != count) {
    return size_error(proto, dtype, static_cast<int64_t>(numbers.size()), count, "numbers");
  }
  const std::size_t width = is_packed(dtype) ? 1 : byte_size(dtype);
  std::vector<std::byte> bytes(numbers.size() * width);
  for (std::size_t i = 0; i < numbers.size(); ++i) std::memcpy(bytes.data() + i * width, &numbers[i], width);
  return from_bytes(proto, dtype, bytes, nullptr, elements);
}

Result<uint64_t> parse_number(std::string_view text, std::string_view key) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    return refused(fmt::format("external data's {} is '{}', not a number", key, text.substr(0, 40)));
  }
  return value;
}

Result<Tensor> from_external(const TensorProto& proto, DType dtype, int64_t elements, ExternalFiles* external) {
  if (external == nullptr || dtype == DType::string) return refused("external data is not allowed here");
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  if (proto.raw_data) return refused("its data is both in the file and outside");
  std::set<std::string_view> keys;
  for (const auto& [key, value] : proto.external_data) {
    if (!keys.insert(key).second) return refused(fmt::format("external data's {} is given twice", key));
    if (key == "location") location = value;
    else if (key == "offset") offset = TRY(parse_number(value, key));
    else if (key == "length") length = TRY(parse_number(value, key));
    else if (key != "checksum" && key != "basepath") return refused(fmt::format("unknown external data key '{}'", key));
  }
  const auto file = TRY(external->open(location));
  const Bytes bytes = file->bytes();
  const auto need = static_cast<uint64_t>(payload_bytes(dtype, elements));
  if (length && *length != need)
    return size_error(proto, dtype, static_cast<int64_t>(*length), static_cast<int64_t>(need), "bytes");
  if (need > bytes.size() || offset > bytes.size() - need) {
    return refused(fmt::format("needs {} bytes at {} of a file of {} bytes", need, offset, bytes.size()),
                   std::string(location), "the data file is cut off or belongs to another model");
  }
  return from_bytes(proto, dtype, bytes.subspan(offset, need), file, elements);
}

Error named(Error error, const TensorProto& proto) {
  return std::move(error).within(fmt::format("tensor '{}'", proto.name));
}

}  // namespace

std::optional<DType> to_dtype(int64_t onnx_type) {
  for (const auto& [theirs, ours] : kTypes) {
    if (static_cast<int64_t>(theirs) == onnx_type) return ours;
  }
  return std::nullopt;
}

DataType to_onnx(DType dtype) {
  for (const auto& [theirs, ours] : kTypes) {
    if (ours == dtype) return theirs;
  }
  return DataType::undefined;
}

Result<DType> require_dtype(int64_t onnx_type) {
  if (const auto dtype = to_dtype(onnx_type)) return *dtype;
  return refused(fmt::format("element type {} is not one of ONNX's", onnx_type));
}

Result<Tensor> to_tensor(const TensorProto& proto, const std::shared_ptr<const void>& owner, ExternalFiles* external) {
  const auto convert = [&]() -> Result<Tensor> {
    const DType dtype = TRY(require_dtype(proto.data_type));
    if (proto.segmented) return refused("stored in segments, which no exporter writes");
    if (proto.dims.size() > 64) return refused(fmt::format("has {} dims; at most 64 are read", proto.dims.size()));
    const auto elements = checked_product(proto.dims);
    if (!elements || *elements > int64_t{1} << 58)
      return refused(fmt::format("dims [{}] are negative or overflow", fmt::join(proto.dims, ",")));
    if (proto.external) return from_external(proto, dtype, *elements, external);
    if (proto.raw_data) {
      if (dtype == DType::string) return refused("strings in raw_data");
      return from_bytes(proto, dtype, *proto.raw_data, owner, *elements);
    }
    return from_fields(proto, dtype, *elements);
  };
  auto tensor = convert();
  if (!tensor && tensor.error().where.find("tensor '") == std::string::npos)
    return std::unexpected(named(std::move(tensor).error(), proto));
  return tensor;
}

Result<Tensor> to_dense(const SparseTensorProto& proto, const Limits& limits) {
  if (!proto.values || !proto.indices) return refused("sparse tensor without values or indices");
  const Tensor values = TRY(to_tensor(*proto.values, nullptr, nullptr));
  const Tensor indices = TRY(to_tensor(*proto.indices, nullptr, nullptr));
  const auto elements = checked_product(proto.dims);
  const auto bytes = elements ? checked_mul(*elements, static_cast<int64_t>(byte_size(values.dtype()))) : std::nullopt;
  if (proto.dims.size() > 64 || !bytes) return refused("sparse tensor has dims that no dense one can have");
  if (*bytes > limits.dense_bytes)
    return over_limit(limits, &Limits::dense_bytes,
                      fmt::format("a sparse tensor takes {} bytes when made dense", *bytes));
  const auto rank = static_cast<int64_t>(proto.dims.size());
  const bool linear = indices.rank() == 1;
  if (indices.dtype() != DType::i64 || values.rank() != 1 || indices.rank() < 1 || indices.rank() > 2 ||
      indices.elements() != values.elements() * (linear ? 1 : rank) || values.dtype() == DType::string) {
    return refused("sparse tensor's indices and values don't fit each other");
  }
  Tensor dense = TRY(Tensor::allocate(values.dtype(), proto.dims));
  const std::size_t width = byte_size(values.dtype());
  for (int64_t i = 0; i < values.elements(); ++i) {
    int64_t position = linear ? indices.as<int64_t>()[static_cast<std::size_t>(i)] : 0;
    for (int64_t d = 0; !linear && d < rank; ++d) {
      const int64_t index = indices.as<int64_t>()[static_cast<std::size_t>(i * rank + d)];
      const int64_t extent = proto.dims[static_cast<std::size_t>(d)];
      if (index < 0 || index >= extent) return refused("sparse tensor's index is out of range");
      position = position * extent + index;
    }
    if (position < 0 || position >= *elements) return refused("sparse tensor's index is out of range");
    std::memcpy(dense.mutable_data() + static_cast<std::size_t>(position) * width,
                values.data() + static_cast<std::size_t>(i) * width, width);
  }
  return dense;
}

namespace {

Result<RuntimeValue> to_value(const MapProto& proto) {
  RuntimeMap map;
  TensorProto keys;
  keys.data_type = proto.key_type;
  if (proto.values.size() != 1) return refused("map without values");
  auto values = TRY(onnx::to_value(proto.values[0]));
  map.values = values.elements();
  keys.dims = {static_cast<int64_t>(map.values.size())};
  keys.int64_data = keys.int32_data = keys.uint64_data = proto.keys;
  keys.string_data = proto.string_keys;
  map.keys = TRY(to_tensor(keys, nullptr, nullptr));
  RuntimeValue value;
  value.data = std::make_shared<const RuntimeMap>(std::move(map));
  return value;
}

template <class T>
Result<std::vector<RuntimeValue>> elements_of(const T& proto) {
  std::vector<RuntimeValue> elements;
  for (const TensorProto& t : proto.tensors) elements.emplace_back(TRY(to_tensor(t, nullptr, nullptr)));
  for (const SequenceProto& s : proto.sequences) elements.push_back(TRY(onnx::to_value(s)));
  for (const MapProto& m : proto.maps) elements.push_back(TRY(to_value(m)));
  for (const OptionalProto& o : proto.optionals) elements.push_back(TRY(onnx::to_value(o)));
  return elements;
}

}  // namespace

Result<RuntimeValue> to_value(const SequenceProto& proto) { return RuntimeValue::sequence(TRY(elements_of(proto))); }

Result<RuntimeValue> to_value(const OptionalProto& proto) {
  auto elements = TRY(elements_of(proto));
  if (elements.size() > 1) return refused("optional with several values");
  return elements.empty() ? RuntimeValue() : std::move(elements[0]);
}

std::string raw_bytes(const Tensor& tensor) {
  if (!is_packed(tensor.dtype())) return {reinterpret_cast<const char*>(tensor.data()), tensor.byte_size()};
  const int bits = bit_width(tensor.dtype()), per_byte = 8 / bits;
  std::string packed(static_cast<std::size_t>(payload_bytes(tensor.dtype(), tensor.elements())), '\0');
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const unsigned value = static_cast<unsigned>(tensor.data()[i]) & ((1u << bits) - 1);
    auto& byte = packed[static_cast<std::size_t>(i / per_byte)];
    byte = static_cast<char>(static_cast<unsigned char>(byte) | value << (i % per_byte * bits));
  }
  return packed;
}

}  // namespace burnish::onnx
