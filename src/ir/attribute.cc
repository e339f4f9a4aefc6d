#include "ir/attribute.h"

#include <bit>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/hash.h"
#include "ir/lexer.h"

namespace burnish {
namespace {

// Always with a point, an exponent, or a name, so that it differs from an integer; NaNs other than the usual by their bits.
std::string real_text(double value) {
  if (value != value) {
    const auto bits = std::bit_cast<uint64_t>(value);
    return bits == 0x7ff8000000000000 ? "nan" : fmt::format("0x{:016x}", bits);
  }
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".en") == std::string::npos) text += ".0";
  return text;
}

template <class List, class F>
std::string list_text(const List& list, F&& element) {
  std::string text = "[";
  for (const auto& item : list) {
    if (text.size() > 1) text += ", ";
    text += element(item);
  }
  return text + "]";
}

struct TextOf {
  int64_t inline_elements;
  std::string operator()(int64_t v) const { return fmt::format("{}", v); }
  std::string operator()(double v) const { return real_text(v); }
  std::string operator()(const std::string& v) const { return quote(v); }
  std::string operator()(const Ints& v) const { return fmt::format("[{}]", fmt::join(v, ", ")); }
  // An empty list says of what, the others show it.
  std::string operator()(const Floats& v) const { return v.empty() ? "reals[]" : list_text(v, real_text); }
  std::string operator()(const Strings& v) const { return v.empty() ? "strings[]" : list_text(v, quote); }
  std::string operator()(DType v) const { return std::string(burnish::name(v)); }
  std::string operator()(const Dims& v) const {
    return "dims" + list_text(v, [](const Dim& d) { return d.text(); });
  }
  std::string operator()(const Tensor& v) const {
    const bool large = v.elements() > inline_elements;
    return fmt::format("tensor({} {})", v.type().text(), large ? "#" + constant_hash(v) : elements_text(v));
  }
  std::string operator()(const Type& v) const { return fmt::format("type({})", v.text()); }
};

}  // namespace

std::string_view name(AttributeKind kind) {
  static constexpr std::string_view kNames[] = {"integer", "real",  "string", "ints",   "reals",
                                                "strings", "dtype", "dims",   "tensor", "type"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string text(const Attribute& attribute) { return attribute_text(attribute, PrintOptions{}.inline_elements); }

std::string attribute_text(const Attribute& attribute, int64_t inline_elements) {
  return std::visit(TextOf{inline_elements}, attribute);
}

bool operator==(const Tensor& a, const Tensor& b) { return a.identical(b); }

std::string constant_hash(const Tensor& tensor) {
  std::string bytes;
  if (tensor.dtype() == DType::string) {
    for (const std::string& s : tensor.as<std::string>()) bytes += fmt::format("{}:{}", s.size(), s);
  }
  const auto content = tensor.dtype() == DType::string ? std::as_bytes(std::span(bytes)) : tensor.bytes();
  const std::string named = tensor.type().text() + " " + hash128_hex(content);
  return hash128_hex(std::as_bytes(std::span(named)));
}

}  // namespace burnish
