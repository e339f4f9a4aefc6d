#pragma once
// Attribute values of nodes.

#include <map>
#include <string>
#include <variant>
#include <vector>

#include "ir/tensor.h"
#include "ir/type.h"

namespace burnish {

using Ints = std::vector<int64_t>;
using Floats = std::vector<double>;
using Strings = std::vector<std::string>;

// Dims stand for sizes that may hold symbols (reshape's target, slice's bounds); plain Ints stay Ints.
using Attribute = std::variant<int64_t, double, std::string, Ints, Floats, Strings, DType, Dims, Tensor, Type>;
using AttributeMap = std::map<std::string, Attribute, std::less<>>;

enum class AttributeKind : uint8_t { integer, real, string, ints, reals, strings, dtype, dims, tensor, type };
inline AttributeKind kind(const Attribute& a) { return static_cast<AttributeKind>(a.index()); }
std::string_view name(AttributeKind kind);

// Text that tells every kind apart: 3, 3.0, "s", [1, 2], [1.0], ["a"], f32 (dtype), dims[N, 4], tensor and type in their
// own forms: tensor(f32[2] [1, 2]) or tensor(f32[64,64] #hash), type(f32[N]).
std::string text(const Attribute& attribute);
bool operator==(const Tensor& a, const Tensor& b);  // identical bits

}  // namespace burnish
