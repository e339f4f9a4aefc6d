#include <cstring>
#include <unordered_map>

#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  const Tensor &keys = c.tensor("keys"), &values = c.tensor("values"), &otherwise = c.tensor("otherwise");
  if (keys.elements() != values.elements())
    return c.error(std::to_string(keys.elements()) + " keys have " + std::to_string(values.elements()) + " values");
  if (otherwise.elements() != 1 || otherwise.dtype() != values.dtype())
    return c.error("`otherwise` must be one element of the dtype of the values");
  if (keys.dtype() != c.type(0).dtype) return c.error("x and the keys differ in dtype");
  Type type = c.type(0);
  type.dtype = values.dtype();
  c.result(0, std::move(type));
  return {};
}

// A key as bytes: all NaNs are one, and so are both zeros.
std::string key_at(const Tensor& tensor, int64_t i) {
  if (tensor.dtype() == DType::string) return tensor.as<std::string>()[idx(i)];
  if (is_float(tensor.dtype())) {
    const double value = tensor.real_at(i);
    if (std::isnan(value)) return "nan";
    if (value == 0) return "zero";
  }
  const std::size_t size = byte_size(tensor.dtype());
  return std::string(reinterpret_cast<const char*>(tensor.data()) + idx(i) * size, size);
}

Status reference(ReferenceContext& c) {
  const Tensor &x = c.in(0), &keys = c.tensor("keys"), &values = c.tensor("values"), &otherwise = c.tensor("otherwise");
  std::unordered_map<std::string, int64_t> places;
  for (int64_t i = 0; i < keys.elements(); ++i) places.emplace(key_at(keys, i), i);
  Tensor* y = TRY(c.out(0, values.dtype(), x.dims()));
  for (int64_t i = 0; i < x.elements(); ++i) {
    const auto found = places.find(key_at(x, i));
    if (found != places.end()) copy_elements(values, found->second, *y, i, 1);
    else copy_elements(otherwise, 0, *y, i, 1);
  }
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "dims of x, dtype of the values"}};
constexpr AttributeSpec kAttributes[] = {
    {"keys", AttributeKind::tensor, "required", "of x's dtype; the first of equal ones counts"},
    {"values", AttributeKind::tensor, "required", "one per key"},
    {"otherwise", AttributeKind::tensor, "required", "the value of what is no key"},
};
constexpr Sample kSamples[] = {
    {"x: i64[6] in [0, 4]; y = label_encoder(x) {keys = tensor(i64[3] [1, 2, 4]), values = tensor(f32[3] [0.5, 1.5, "
     "2.5]), otherwise = tensor(f32[] [-1.0])}"},
};
constexpr Operator kOperators[] = {{
    .name = "label_encoder",
    .doc = "Looks every element up in a table. Source: ONNX-ML LabelEncoder 4.",
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
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(label_encoder, kOperators)
