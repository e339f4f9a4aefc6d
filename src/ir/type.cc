#include "ir/type.h"

#include <fmt/format.h>

namespace burnish {

Type Type::tensor(DType dtype, Dims dims) {
  Type t;
  t.dtype = dtype;
  t.dims = std::move(dims);
  return t;
}
Type Type::unranked(DType dtype) {
  Type t;
  t.dtype = dtype;
  t.ranked = false;
  return t;
}
Type Type::sequence(Type element) {
  Type t;
  t.kind = Kind::sequence;
  t.element = std::make_shared<const Type>(std::move(element));
  return t;
}
Type Type::optional(Type element) {
  Type t;
  t.kind = Kind::optional;
  t.element = std::make_shared<const Type>(std::move(element));
  return t;
}
Type Type::map(DType key, Type value) {
  Type t;
  t.kind = Kind::map;
  t.dtype = key;
  t.element = std::make_shared<const Type>(std::move(value));
  return t;
}
Type Type::token() {
  Type t;
  t.kind = Kind::token;
  return t;
}

bool Type::is_static() const { return is_ranked_tensor() && constants(dims).has_value(); }

std::string Type::text() const {
  switch (kind) {
    case Kind::tensor: return fmt::format("{}[{}]", name(dtype), ranked ? burnish::text(dims) : "*");
    case Kind::sequence: return fmt::format("sequence<{}>", element->text());
    case Kind::optional: return fmt::format("optional<{}>", element->text());
    case Kind::map: return fmt::format("map<{},{}>", name(dtype), element->text());
    case Kind::token: return "token";
  }
  return {};
}

bool Type::operator==(const Type& other) const {
  if (kind != other.kind) return false;
  if (kind == Kind::tensor) return dtype == other.dtype && ranked == other.ranked && dims == other.dims;
  if (kind == Kind::map && dtype != other.dtype) return false;
  if (!element || !other.element) return element == other.element;
  return *element == *other.element;
}

}  // namespace burnish
