#include <cstring>

#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const DType to = c.dtype("dtype");
  const auto width = [](DType d) { return d == DType::boolean ? 8 : bit_width(d); };
  if (x.dtype == DType::string || to == DType::string || width(x.dtype) != width(to))
    return c.error(std::string(name(x.dtype)) + " and " + std::string(name(to)) + " differ in width");
  Type y = x;
  y.dtype = to;
  c.result(0, std::move(y));
  return {};
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  Tensor* y = TRY(c.out(0, c.dtype("dtype"), x.dims()));
  if (x.byte_size() > 0) std::memcpy(y->mutable_data(), x.data(), x.byte_size());
  // A signed 2- or 4-bit number is kept sign-extended, an unsigned one not.
  if (bit_width(y->dtype()) < 8 && x.dtype() != y->dtype()) {
    const int bits = bit_width(y->dtype());
    const bool is_signed = number_class(y->dtype()) == NumberClass::signed_int;
    for (uint8_t& byte : y->mutable_as<uint8_t>()) {
      byte = static_cast<uint8_t>(byte & ((1 << bits) - 1));
      if (is_signed && (byte >> (bits - 1)) != 0) byte = static_cast<uint8_t>(byte | (0xff << bits));
    }
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "shape of x"}};
constexpr AttributeSpec kAttributes[] = {{"dtype", AttributeKind::dtype, "required", "of the same width"}};
constexpr Sample kSamples[] = {
    {"x: f32[2,3]; y = bitcast(x) {dtype = i32}"},
    {"x: u8[N]; y = bitcast(x) {dtype = i8}"},
};
constexpr Operator kOperator = {
    .name = "bitcast",
    .doc = "The same bits read as another dtype of the same width.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_bitcast;
constinit const OperatorList list_bitcast = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
