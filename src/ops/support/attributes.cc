#include "ops/support/attributes.h"

#include <map>
#include <mutex>

namespace burnish::ops {

const AttributeSpec* find_attribute(const Operator& definition, std::string_view name) {
  for (const AttributeSpec& spec : definition.attributes)
    if (spec.name == name) return &spec;
  return nullptr;
}

const Attribute* default_value(const AttributeSpec& spec) {
  if (is_required(spec) || is_optional(spec)) return nullptr;
  static std::mutex mutex;
  static std::map<const AttributeSpec*, Attribute> values;  // nodes of it never move
  std::lock_guard lock(mutex);
  const auto known = values.find(&spec);
  if (known != values.end()) return &known->second;
  auto parsed = parse_attribute(spec.default_text);
  CHECK(parsed, "default of attribute " + std::string(spec.name) + ": " + std::string(spec.default_text));
  auto value = as_kind(*parsed, spec.kind);
  CHECK(value, "default of attribute " + std::string(spec.name) + " is not of its kind");
  return &values.emplace(&spec, std::move(*value)).first->second;
}

std::optional<Attribute> as_kind(const Attribute& value, AttributeKind wanted) {
  if (kind(value) == wanted) return value;
  if (wanted == AttributeKind::real)
    if (const auto* i = std::get_if<int64_t>(&value)) return Attribute(static_cast<double>(*i));
  const auto* ints = std::get_if<Ints>(&value);
  if (ints == nullptr) return std::nullopt;
  if (wanted == AttributeKind::dims) return Attribute(Dims(ints->begin(), ints->end()));
  if (wanted == AttributeKind::reals) return Attribute(Floats(ints->begin(), ints->end()));
  if (wanted == AttributeKind::strings && ints->empty()) return Attribute(Strings{});
  return std::nullopt;
}

}  // namespace burnish::ops
