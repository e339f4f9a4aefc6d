// Maps from keys to numbers, as classical models give and take them.

#include <map>

#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer_zip(InferContext& c) {
  const Type& x = c.type(0);
  const Tensor& keys = c.tensor("keys");
  if (keys.dtype() != DType::i64 && keys.dtype() != DType::string) return c.error("keys are i64 or strings");
  if (x.ranked && x.rank() != 1 && x.rank() != 2) return c.error("x must be [n] or [N, n]");
  if (x.ranked && equal(x.dims.back(), keys.elements()) == Truth::no)
    return c.error("x has " + x.dims.back().text() + " columns for " + std::to_string(keys.elements()) + " keys");
  c.result(0, Type::sequence(Type::map(keys.dtype(), Type::tensor(x.dtype, {}))));
  return {};
}

Status zip(ReferenceContext& c) {
  const Tensor &x = c.in(0), &keys = c.tensor("keys");
  const int64_t width = keys.elements();
  if (x.rank() < 1 || x.rank() > 2 || x.dims().back() != width) return c.error("x must have a column per key");
  std::vector<RuntimeValue> rows;
  for (int64_t row = 0; row * width < x.elements(); ++row) {
    RuntimeMap map{keys, {}};
    for (int64_t k = 0; k < width; ++k) {
      Tensor value = TRY(Tensor::allocate(x.dtype(), {}));
      copy_elements(x, row * width + k, value, 0, 1);
      map.values.emplace_back(std::move(value));
    }
    RuntimeValue value;
    value.data = std::make_shared<const RuntimeMap>(std::move(map));
    rows.push_back(std::move(value));
  }
  c.set(0, RuntimeValue::sequence(std::move(rows)));
  return {};
}

Status infer_vector(InferContext& c) {
  const Type& x = c.type(0);
  if (x.element == nullptr || !x.element->is_tensor()) return c.error("the map's values must be tensors");
  if (c.tensor("keys").dtype() != x.dtype) return c.error("the map's keys are " + std::string(name(x.dtype)));
  c.result(0, Type::tensor(x.element->dtype, {1, c.tensor("keys").elements()}));
  return {};
}

// A number per key of the list; what the map lacks is 0 (or empty).
Status vector(ReferenceContext& c) {
  if (!c.has(0) || c.value(0).data.index() != 3) return c.error("operand 0 is no map");
  const RuntimeMap& map = *std::get<3>(c.value(0).data);
  const Tensor& keys = c.tensor("keys");
  if (map.keys.dtype() != keys.dtype() || map.keys.elements() != static_cast<int64_t>(map.values.size()))
    return c.error("the map's keys are " + std::string(name(map.keys.dtype())));
  std::map<std::string, std::size_t> texts;
  std::map<int64_t, std::size_t> numbers;
  const bool text = keys.dtype() == DType::string;
  for (std::size_t i = 0; i < map.values.size(); ++i) {
    if (text) texts.emplace(map.keys.as<std::string>()[i], i);
    else numbers.emplace(map.keys.int_at(static_cast<int64_t>(i)), i);
  }
  Tensor* y = TRY(c.out(0, {1, keys.elements()}));
  for (int64_t k = 0; k < keys.elements(); ++k) {
    std::size_t at = map.values.size();
    if (text) {
      if (const auto found = texts.find(keys.as<std::string>()[idx(k)]); found != texts.end()) at = found->second;
    } else if (const auto found = numbers.find(keys.int_at(k)); found != numbers.end()) {
      at = found->second;
    }
    if (at == map.values.size()) continue;
    const RuntimeValue& value = map.values[at];
    if (!value.is_tensor() || value.tensor().elements() != 1 || value.tensor().dtype() != y->dtype())
      return c.error("a value of the map is no " + std::string(name(y->dtype())));
    copy_elements(value.tensor(), 0, *y, k, 1);
  }
  return {};
}

constexpr OperandSpec kMatrix[] = {{"x", "any"}};
constexpr OperandSpec kMap[] = {{"x", "map"}};
constexpr ResultDoc kZipped[] = {{"y", "a sequence of maps, one per row"}};
constexpr ResultDoc kVector[] = {{"y", "[1, keys]"}};
constexpr AttributeSpec kAttributes[] = {{"keys", AttributeKind::tensor, "required", "i64 or strings"}};
constexpr Sample kZipSamples[] = {{"x: f32[2,3]; y = zip_map(x) {keys = tensor(i64[3] [10, 20, 30])}"}};
constexpr Operator kOperators[] = {
    {
        .name = "zip_map",
        .doc = "Every row of x as a map from keys to its elements. Source: ONNX-ML ZipMap.",
        .operands = kMatrix,
        .results = kZipped,
        .attributes = kAttributes,
        .infer = infer_zip,
        .reference = zip,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = kZipSamples,
        .tolerance = {0, 0},
    },
    {
        .name = "dict_vectorizer",
        .doc = "What a map holds for each key of a list, 0 or an empty text for those that it lacks. Source: ONNX-ML "
               "DictVectorizer.",
        .operands = kMap,
        .results = kVector,
        .attributes = kAttributes,
        .infer = infer_vector,
        .reference = vector,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = {},
        .tolerance = {0, 0},
    },
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(maps, kOperators)
