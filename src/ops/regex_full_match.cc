#include "ops/support/compose.h"
#include "ops/support/core.h"
#include "ops/support/regex.h"

namespace burnish::ops {
namespace {

Status infer(InferContext& c) {
  if (auto regex = Regex::compile(c.string("pattern")); !regex) return c.error(regex.error().what);
  Type type = c.type(0);
  type.dtype = DType::boolean;
  c.result(0, std::move(type));
  return {};
}

Status reference(ReferenceContext& c) {
  const auto regex = Regex::compile(c.string("pattern"));
  if (!regex) return c.error(regex.error().what);
  Tensor* y = TRY(c.out(0, c.in(0).dims()));
  const auto texts = c.in(0).as<std::string>();
  for (std::size_t i = 0; i < texts.size(); ++i) y->mutable_as<bool>()[i] = regex->matches(texts[i]);
  return {};
}

constexpr OperandSpec kOperands[] = {{"x", "string"}};
constexpr ResultDoc kResults[] = {{"y", "bool, dims of x"}};
constexpr AttributeSpec kAttributes[] = {
    {"pattern", AttributeKind::string, "required", "in RE2's syntax, but for scripts (\\p{Greek}) and \\C"}};
constexpr Operator kOperators[] = {{
    .name = "regex_full_match",
    .doc = "Whether all of each text fits the pattern. Source: ONNX RegexFullMatch 20.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = nullptr,
    .gradient = nullptr,
    .samples = {},
    .tolerance = {0, 0},
}};

}  // namespace
}  // namespace burnish::ops

OPERATORS(regex_full_match, kOperators)
