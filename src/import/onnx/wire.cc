#include "import/onnx/wire.h"

#include <cstring>

#include <fmt/format.h>

namespace burnish::onnx {
namespace {

// Reads one varint at bytes[position]; false when it is cut off or longer than 64 bits.
bool read_varint(Bytes bytes, std::size_t& position, uint64_t& value) {
  value = 0;
  for (int shift = 0; shift < 64; shift += 7) {
    if (position >= bytes.size()) return false;
    const auto byte = static_cast<uint8_t>(bytes[position++]);
    if (shift == 63 && byte > 1) return false;
    value |= static_cast<uint64_t>(byte & 0x7f) << shift;
    if ((byte & 0x80) == 0) return true;
  }
  return false;
}

template <class T>
T read_fixed(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

constexpr std::string_view kRemedy = "the file is damaged, cut off, or not an ONNX model; fetch or export it again";

}  // namespace

Result<uint64_t> WireReader::varint() {
  uint64_t value;
  if (!read_varint(bytes_, position_, value)) {
    return refused(fmt::format("malformed number at byte {} of a message of {} bytes", position_, bytes_.size()), {},
                   std::string(kRemedy));
  }
  return value;
}

Result<bool> WireReader::next(WireField& field) {
  if (position_ >= bytes_.size()) return false;
  const uint64_t tag = TRY(varint());
  if (tag >> 3 == 0 || tag >> 3 > (1u << 29) - 1) {
    return refused(fmt::format("field number {} is outside protobuf's range", tag >> 3), {}, std::string(kRemedy));
  }
  field.number = static_cast<uint32_t>(tag >> 3);
  const std::size_t start = position_;
  std::size_t size = 0;
  switch (tag & 7) {
    case 0:
      field.type = WireType::varint;
      field.integer = TRY(varint());
      field.bytes = bytes_.subspan(start, position_ - start);
      return true;
    case 1:
      field.type = WireType::fixed64;
      size = 8;
      break;
    case 5:
      field.type = WireType::fixed32;
      size = 4;
      break;
    case 2: {
      field.type = WireType::bytes;
      field.integer = 0;
      const uint64_t length = TRY(varint());
      if (length > bytes_.size() - position_) {
        return refused(
            fmt::format("field {} claims {} bytes where {} are left", field.number, length, bytes_.size() - position_),
            {}, std::string(kRemedy));
      }
      field.bytes = bytes_.subspan(position_, length);
      position_ += length;
      return true;
    }
    default:
      return refused(fmt::format("field {} has wire type {}, which ONNX does not use", field.number, tag & 7), {},
                     std::string(kRemedy));
  }
  if (size > bytes_.size() - position_) {
    return refused(fmt::format("field {} is cut off", field.number), {}, std::string(kRemedy));
  }
  field.bytes = bytes_.subspan(position_, size);
  field.integer = size == 8 ? read_fixed<uint64_t>(field.bytes.data()) : read_fixed<uint32_t>(field.bytes.data());
  position_ += size;
  return true;
}

Status append_varints(Bytes encoded, std::vector<int64_t>& values) {
  std::size_t position = 0;
  while (position < encoded.size()) {
    uint64_t value;
    if (!read_varint(encoded, position, value)) return refused("malformed number in a list", {}, std::string(kRemedy));
    values.push_back(static_cast<int64_t>(value));
  }
  return {};
}

Status append_floats(Bytes encoded, std::vector<float>& values) {
  if (encoded.size() % 4 != 0)
    return refused("a list of floats has a fraction of an element", {}, std::string(kRemedy));
  for (std::size_t i = 0; i < encoded.size(); i += 4) values.push_back(read_fixed<float>(encoded.data() + i));
  return {};
}

void WireWriter::varint(uint64_t value) {
  while (value >= 0x80) {
    data_.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  data_.push_back(static_cast<char>(value));
}

void WireWriter::integer(uint32_t number, uint64_t value) {
  varint(uint64_t{number} << 3);
  varint(value);
}

void WireWriter::real(uint32_t number, float value) {
  varint(uint64_t{number} << 3 | 5);
  data_.append(reinterpret_cast<const char*>(&value), sizeof value);
}

void WireWriter::text(uint32_t number, std::string_view value) {
  varint(uint64_t{number} << 3 | 2);
  varint(value.size());
  data_.append(value);
}

void WireWriter::packed(uint32_t number, std::span<const int64_t> values) {
  WireWriter list;
  for (int64_t value : values) list.varint(static_cast<uint64_t>(value));
  text(number, list.data_);
}

void WireWriter::packed(uint32_t number, std::span<const float> values) {
  text(number, {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

}  // namespace burnish::onnx
