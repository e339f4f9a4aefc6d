#include "runtime/symbols.h"

#include <algorithm>
#include <optional>

#include "base/checked.h"

namespace burnish {
namespace {

// The number of `symbol` that makes `dim` equal to `number`, when dim is linear in it.
std::optional<int64_t> solve(const Dim& dim, const std::string& symbol, int64_t number, const SymbolTable& symbols) {
  const auto at = [&](int64_t x) -> std::optional<int64_t> {
    auto value = dim.evaluate([&](std::string_view name) -> std::optional<int64_t> {
      if (name == symbol) return x;
      const auto found = symbols.find(name);
      return found == symbols.end() ? std::nullopt : std::optional(found->second);
    });
    return value ? std::optional(*value) : std::nullopt;
  };
  const auto zero = at(0), one = at(1);
  if (!zero || !one) return std::nullopt;
  const auto slope = checked_sub(*one, *zero), rise = checked_sub(number, *zero);
  if (!slope || !rise || *slope == 0 || *slope == -1 || *rise % *slope != 0) return std::nullopt;
  const int64_t x = *rise / *slope;
  // Floors and minima bend the line: only a dim that is linear everywhere has one answer.
  if (at(x) != number || at(x + 1) != checked_add(number, *slope)) return std::nullopt;
  return x;
}

}  // namespace

bool known(const Dim& dim, const SymbolTable& symbols) {
  if (dim.is_constant()) return true;
  if (const auto name = dim.symbol_name()) return symbols.find(*name) != symbols.end();
  for (const std::string& name : dim.symbols())
    if (symbols.find(name) == symbols.end()) return false;
  return true;
}

bool bind_dim(const Dim& dim, int64_t number, SymbolTable& symbols) {
  if (const auto constant = dim.constant()) return *constant == number;
  if (const auto name = dim.symbol_name()) {
    const auto found = symbols.find(*name);
    if (found != symbols.end()) return found->second == number;
    const Range range = dim.range();
    if (number < range.low || number > range.high) return false;
    symbols.emplace(std::string(*name), number);
    return true;
  }
  std::string unknown;
  for (std::string& name : dim.symbols()) {
    if (symbols.find(name) != symbols.end()) continue;
    if (!unknown.empty()) return true;
    unknown = std::move(name);
  }
  if (unknown.empty()) {
    const auto value = evaluate(dim, symbols);
    return value && *value == number;
  }
  if (const auto x = solve(dim, unknown, number, symbols)) symbols.emplace(unknown, *x);
  return true;
}

std::string bind_dims(std::span<const Dim> declared, std::span<const int64_t> actual, SymbolTable& symbols) {
  if (declared.size() != actual.size())
    return "its rank is " + std::to_string(actual.size()) + ", not " + std::to_string(declared.size());
  for (std::size_t i = 0; i < actual.size(); ++i) {
    if (bind_dim(declared[i], actual[i], symbols)) continue;
    std::string wanted = declared[i].text();
    if (known(declared[i], symbols)) {
      if (const auto value = evaluate(declared[i], symbols); value && !declared[i].is_constant())
        wanted += " = " + std::to_string(*value);
    } else {
      const Range range = declared[i].range();
      wanted += " in [" + std::to_string(range.low) + ", " + std::to_string(range.high) + "]";
    }
    return "dim " + std::to_string(i) + " is " + std::to_string(actual[i]) + ", not " + wanted;
  }
  return {};
}

std::string describe(const RuntimeValue& value) {
  if (value.absent()) return "nothing";
  if (value.is_tensor()) return value.tensor().type().text();
  if (value.is_sequence()) return "a sequence of " + std::to_string(value.elements().size());
  return "a map";
}

std::string kind_mismatch(const RuntimeValue& value, const Type& type) {
  if (type.kind == Type::Kind::optional)
    return value.absent() || type.element == nullptr ? std::string() : kind_mismatch(value, *type.element);
  if (value.absent()) return type.kind == Type::Kind::token ? std::string() : "is missing";
  const auto wrong = [&] { return "is " + describe(value); };
  switch (type.kind) {
    case Type::Kind::tensor: return value.is_tensor() && value.tensor().dtype() == type.dtype ? std::string() : wrong();
    case Type::Kind::sequence:
      if (!value.is_sequence()) return wrong();
      for (const RuntimeValue& element : value.elements())
        if (type.element != nullptr)
          if (std::string what = kind_mismatch(element, *type.element); !what.empty())
            return "has an element that " + what;
      return {};
    case Type::Kind::map: return value.data.index() == 3 ? std::string() : wrong();
    default: return {};
  }
}

}  // namespace burnish
