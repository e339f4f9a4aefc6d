#pragma once
// Attributes as operators see them: defaults applied, every value of its declared kind.

#include <optional>

#include "ops/operator.h"

namespace burnish::ops {

const AttributeSpec* find_attribute(const Operator& definition, std::string_view name);
inline bool is_required(const AttributeSpec& spec) { return spec.default_text == "required"; }
inline bool is_optional(const AttributeSpec& spec) { return spec.default_text == "optional"; }
// The declared default; null for required and optional attributes. Parsed once, kept for good.
const Attribute* default_value(const AttributeSpec& spec);
// The same value as the wanted kind, where text cannot tell the two apart ("[1, 2]" for dims); nullopt otherwise.
std::optional<Attribute> as_kind(const Attribute& value, AttributeKind wanted);

}  // namespace burnish::ops
