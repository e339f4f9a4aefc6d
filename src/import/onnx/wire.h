#pragma once
// Protobuf's wire format, read in place: fields are numbers or views into the file, and nothing is allocated. A message is
// hostile until shown otherwise: every length is compared with the bytes that are left.

#include <bit>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace burnish::onnx {

using Bytes = std::span<const std::byte>;

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

struct WireField {
  uint32_t number = 0;
  WireType type = WireType::varint;
  uint64_t integer = 0;  // varint, fixed32, fixed64
  Bytes bytes;           // contents of a length-delimited field; of the others, their encoding

  std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  int64_t signed_integer() const { return static_cast<int64_t>(integer); }
  float real() const { return std::bit_cast<float>(static_cast<uint32_t>(integer)); }
};

class WireReader {
 public:
  explicit WireReader(Bytes bytes) : bytes_(bytes) {}
  // False at the end of the message.
  Result<bool> next(WireField& field);

 private:
  Result<uint64_t> varint();
  Bytes bytes_;
  std::size_t position_ = 0;
};

// One element of a packed field or of an unpacked one's encoding (they look the same).
Status append_varints(Bytes encoded, std::vector<int64_t>& values);
Status append_floats(Bytes encoded, std::vector<float>& values);

// The write side: messages are built inside out.
class WireWriter {
 public:
  void integer(uint32_t number, uint64_t value);
  void integer(uint32_t number, int64_t value) { integer(number, static_cast<uint64_t>(value)); }
  void integer(uint32_t number, int value) { integer(number, static_cast<uint64_t>(static_cast<int64_t>(value))); }
  void real(uint32_t number, float value);
  void text(uint32_t number, std::string_view value);
  void message(uint32_t number, const WireWriter& value) { text(number, value.data_); }
  void packed(uint32_t number, std::span<const int64_t> values);
  void packed(uint32_t number, std::span<const float> values);
  const std::string& data() const { return data_; }
  std::string take() && { return std::move(data_); }

 private:
  void varint(uint64_t value);
  std::string data_;
};

}  // namespace burnish::onnx
