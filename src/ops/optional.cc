// Values that may be absent.

#include "ops/support/compose.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

Status infer_optional(InferContext& c) {
  if (c.has(0)) {
    c.result(0, Type::optional(c.type(0)));
    return {};
  }
  if (!c.has_attribute("type")) return c.error("an absent value needs a type");
  c.result(0, Type::optional(std::get<Type>(*c.node().attribute("type"))));
  return {};
}

Status optional(ReferenceContext& c) {
  c.set(0, c.has(0) ? c.value(0) : RuntimeValue());
  return {};
}

Status infer_has(InferContext& c) {
  c.result(0, Type::tensor(DType::boolean, {}));
  return {};
}

Status has(ReferenceContext& c) {
  Tensor* y = TRY(c.out(0, {}));
  y->mutable_as<bool>()[0] = c.has(0);
  return {};
}

Status infer_get(InferContext& c) {
  const Type& x = c.type(0);
  c.result(0, x.kind == Type::Kind::optional && x.element != nullptr ? *x.element : x);
  return {};
}

Status get(ReferenceContext& c) {
  if (!c.has(0)) return c.error("the value is absent");
  c.set(0, c.value(0));
  return {};
}

constexpr OperandSpec kMaybe[] = {{"x", "value", OperandSpec::Arity::optional}};
constexpr OperandSpec kValue[] = {{"x", "value"}};
constexpr ResultDoc kOptionalResult[] = {{"y", "an optional value"}};
constexpr ResultDoc kHasResult[] = {{"y", "bool[]"}};
constexpr ResultDoc kGetResult[] = {{"y", "the value"}};
constexpr AttributeSpec kAttributes[] = {{"type", AttributeKind::type, "optional", "of the value, where it is absent"}};
constexpr Sample kOptionalSamples[] = {{"x: f32[2]; y = optional(x)"}};
constexpr Sample kHasSamples[] = {{"x: f32[2]; y = optional_has_element(x)"}};
constexpr Sample kGetSamples[] = {{"x: f32[2]; y = optional_get_element(x)"}};
constexpr Operator kOperators[] = {
    {
        .name = "optional",
        .doc = "x as a value that may be absent. Source: ONNX Optional.",
        .operands = kMaybe,
        .results = kOptionalResult,
        .attributes = kAttributes,
        .infer = infer_optional,
        .reference = optional,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = kOptionalSamples,
        .tolerance = {0, 0},
    },
    {
        .name = "optional_has_element",
        .doc = "Whether x is there. Source: ONNX OptionalHasElement.",
        .operands = kMaybe,
        .results = kHasResult,
        .attributes = {},
        .infer = infer_has,
        .reference = has,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = kHasSamples,
        .tolerance = {0, 0},
    },
    {
        .name = "optional_get_element",
        .doc = "The value of x; an error when it is absent. Source: ONNX OptionalGetElement.",
        .operands = kValue,
        .results = kGetResult,
        .attributes = {},
        .infer = infer_get,
        .reference = get,
        .decompose = nullptr,
        .lower = nullptr,
        .gradient = nullptr,
        .samples = kGetSamples,
        .tolerance = {0, 0},
    },
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(optional, kOperators)
