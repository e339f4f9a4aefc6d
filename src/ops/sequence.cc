// Sequences: making, growing, reading. Elements may differ in size, so a size that is no number is another in each.

#include "ops/support/compose.h"
#include "ops/support/control.h"
#include "ops/support/core.h"

namespace burnish::ops {
namespace {

using Elements = std::vector<RuntimeValue>;

// What one element is: sizes that need not be equal become fresh.
Type element_of(InferContext& c, const Type& sequence) {
  Type type = sequence.element != nullptr ? *sequence.element : Type::unranked(DType::f32);
  for (Dim& d : type.dims)
    if (!d.is_constant()) d = c.fresh("size");
  return type;
}

// One index; by default the end.
Status check_position(const InferContext& c, std::size_t i) {
  if (c.has(i) && !is_single(c.type(i))) return c.error("the position is a single number");
  return {};
}

// `limit` positions are allowed, from either end.
Result<std::size_t> position(const ReferenceContext& c, std::size_t i, std::size_t size, std::size_t limit) {
  if (c.in(i).elements() != 1) return c.error("the position is a single number");
  const int64_t given = c.in(i).int_at(0), at = given < 0 ? given + static_cast<int64_t>(size) : given;
  if (at < 0 || at >= static_cast<int64_t>(limit))
    return c.error("position " + std::to_string(given) + " is outside of a sequence of " + std::to_string(size));
  return static_cast<std::size_t>(at);
}

Result<const Elements*> elements_of(const ReferenceContext& c, std::size_t i) {
  if (!c.has(i) || !c.value(i).is_sequence()) return c.error("operand " + std::to_string(i) + " is no sequence");
  return &c.value(i).elements();
}

Status infer_construct(InferContext& c) {
  if (c.operand_count() == 0) return c.error("a sequence of nothing has no type", "use sequence_empty");
  for (std::size_t i = 0; i < c.operand_count(); ++i)
    if (!c.has(i)) return c.error("operand " + std::to_string(i) + " is missing");
  Type type = c.type(0);
  for (std::size_t i = 1; i < c.operand_count(); ++i) type = TRY(join_types(c, type, c.type(i)));
  c.result(0, Type::sequence(std::move(type)));
  return {};
}

Status construct(ReferenceContext& c) {
  Elements elements;
  for (std::size_t i = 0; i < c.operand_count(); ++i) elements.push_back(c.value(i));
  c.set(0, RuntimeValue::sequence(std::move(elements)));
  return {};
}

Status infer_empty(InferContext& c) {
  c.result(0, Type::sequence(Type::unranked(c.dtype("dtype"))));
  return {};
}

Status empty(ReferenceContext& c) {
  c.set(0, RuntimeValue::sequence({}));
  return {};
}

Status infer_insert(InferContext& c) {
  TRY(check_position(c, 2));
  c.result(0, Type::sequence(TRY(join_types(c, element_of(c, c.type(0)), c.type(1)))));
  return {};
}

Status insert(ReferenceContext& c) {
  Elements elements = *TRY(elements_of(c, 0));
  const std::size_t size = elements.size(), at = c.has(2) ? TRY(position(c, 2, size, size + 1)) : size;
  elements.insert(elements.begin() + static_cast<std::ptrdiff_t>(at), c.value(1));
  c.set(0, RuntimeValue::sequence(std::move(elements)));
  return {};
}

Status infer_erase(InferContext& c) {
  TRY(check_position(c, 1));
  c.result(0, c.type(0));
  return {};
}

Status erase(ReferenceContext& c) {
  Elements elements = *TRY(elements_of(c, 0));
  if (elements.empty()) return c.error("the sequence is empty");
  const std::size_t at = c.has(1) ? TRY(position(c, 1, elements.size(), elements.size())) : elements.size() - 1;
  elements.erase(elements.begin() + static_cast<std::ptrdiff_t>(at));
  c.set(0, RuntimeValue::sequence(std::move(elements)));
  return {};
}

Status infer_at(InferContext& c) {
  TRY(check_position(c, 1));
  c.result(0, element_of(c, c.type(0)));
  return {};
}

Status at(ReferenceContext& c) {
  const Elements& elements = *TRY(elements_of(c, 0));
  c.set(0, elements[TRY(position(c, 1, elements.size(), elements.size()))]);
  return {};
}

Status infer_length(InferContext& c) {
  c.result(0, Type::tensor(DType::i64, {}));
  return {};
}

Status length(ReferenceContext& c) {
  Tensor* y = TRY(c.out(0, {}));
  y->mutable_as<int64_t>()[0] = static_cast<int64_t>(TRY(elements_of(c, 0))->size());
  return {};
}

constexpr auto kOptional = OperandSpec::Arity::optional;
constexpr OperandSpec kItems[] = {{"x", "value", OperandSpec::Arity::variadic}};
constexpr OperandSpec kInsert[] = {{"sequence", "sequence"}, {"x", "value"}, {"position", "int", kOptional}};
constexpr OperandSpec kErase[] = {{"sequence", "sequence"}, {"position", "int", kOptional}};
constexpr OperandSpec kAt[] = {{"sequence", "sequence"}, {"position", "int"}};
constexpr OperandSpec kSequence[] = {{"sequence", "sequence"}};
constexpr ResultDoc kResults[] = {{"y", "the sequence"}};
constexpr ResultDoc kElement[] = {{"y", "the element"}};
constexpr ResultDoc kLength[] = {{"y", "i64[]"}};
constexpr AttributeSpec kEmptyAttributes[] = {{"dtype", AttributeKind::dtype, "f32", "of the elements to come"}};
constexpr Sample kConstructSamples[] = {{"a: f32[2,3], b: f32[4,3]; y = sequence_construct(a, b)"}};
constexpr Sample kInsertSamples[] = {{R"(graph @main(%a: f32[2], %b: f32[3]) {
  %s: sequence<f32[*]> = sequence_construct(%a)
  %t: sequence<f32[*]> = sequence_insert(%s, %b)
  return %t
})"}};
constexpr Sample kEraseSamples[] = {{R"(graph @main(%a: f32[2], %b: f32[2]) {
  %s: sequence<f32[*]> = sequence_construct(%a, %b)
  %t: sequence<f32[*]> = sequence_erase(%s)
  return %t
})"}};
constexpr Sample kAtSamples[] = {{R"(graph @main(%a: f32[2], %b: f32[2], %i: i64[]) {
  %s: sequence<f32[*]> = sequence_construct(%a, %b)
  %y: f32[2] = sequence_at(%s, %i)
  return %y
})"}};
constexpr Sample kLengthSamples[] = {{R"(graph @main(%a: f32[2], %b: f32[2]) {
  %s: sequence<f32[*]> = sequence_construct(%a, %b)
  %y: i64[] = sequence_length(%s)
  return %y
})"}};

constexpr Operator make(std::string_view name, std::string_view doc, std::span<const OperandSpec> operands,
                        std::span<const ResultDoc> results, Status (*infer)(InferContext&),
                        Status (*reference)(ReferenceContext&), std::span<const Sample> samples,
                        std::span<const AttributeSpec> attributes = {}) {
  return {.name = name,
          .doc = doc,
          .operands = operands,
          .results = results,
          .attributes = attributes,
          .infer = infer,
          .reference = reference,
          .decompose = nullptr,
          .lower = nullptr,
          .gradient = nullptr,
          .samples = samples,
          .tolerance = {0, 0}};
}

constexpr Operator kOperators[] = {
    make("sequence_construct", "A sequence of the operands. Source: ONNX SequenceConstruct.", kItems, kResults,
         infer_construct, construct, kConstructSamples),
    make("sequence_empty", "A sequence without elements. Source: ONNX SequenceEmpty.", {}, kResults, infer_empty, empty,
         {}, kEmptyAttributes),
    make("sequence_insert", "The sequence with x at a position, by default at the end. Source: ONNX SequenceInsert.",
         kInsert, kResults, infer_insert, insert, kInsertSamples),
    make("sequence_erase", "The sequence without one element, by default the last. Source: ONNX SequenceErase.", kErase,
         kResults, infer_erase, erase, kEraseSamples),
    make("sequence_at", "One element; a negative position counts from the end. Source: ONNX SequenceAt.", kAt, kElement,
         infer_at, at, kAtSamples),
    make("sequence_length", "How many elements there are. Source: ONNX SequenceLength.", kSequence, kLength,
         infer_length, length, kLengthSamples),
};

}  // namespace
}  // namespace burnish::ops

OPERATORS(sequence, kOperators)
