#include "compile/shape_text.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <map>
#include <optional>

#include <fmt/format.h>

namespace burnish {
namespace {

constexpr const char* kRemedy = "write for example x=f32[1..8..64,3,224,224]";

struct Size {
  int64_t low = 0, opt = 0, high = 0;
  std::string symbol;  // instead of numbers
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  text = trim(text);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_name(std::string_view text) {
  return !text.empty() && (std::isalpha(static_cast<unsigned char>(text[0])) != 0 || text[0] == '_') &&
         std::ranges::all_of(text, [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; });
}

Result<Size> read_size(std::string_view text) {
  text = trim(text);
  const auto bad = [&] { return usage_error(fmt::format("'{}' is no size", text), "shapes", kRemedy); };
  if (is_name(text)) return Size{.symbol = std::string(text)};
  const std::size_t first = text.find("..");
  if (first == std::string_view::npos) {
    const auto value = number(text);
    if (!value || *value < 0 || *value > Range::kMax) return bad();
    return Size{*value, *value, *value, {}};
  }
  const std::size_t second = text.find("..", first + 2);
  if (second == std::string_view::npos) return bad();
  const auto low = number(text.substr(0, first)), opt = number(text.substr(first + 2, second - first - 2)),
             high = number(text.substr(second + 2));
  if (!low || !opt || !high || *low < 0 || *low > *opt || *opt > *high || *high > Range::kMax) return bad();
  return Size{*low, *opt, *high, {}};
}

Result<std::vector<Size>> read_sizes(std::string_view text) {
  std::vector<Size> sizes;
  while (!trim(text).empty()) {
    const std::size_t comma = text.find(',');
    sizes.push_back(TRY(read_size(text.substr(0, comma))));
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  return sizes;
}

}  // namespace

Result<Shapes> read_shapes(std::span<const InputShape> given, const Graph& graph) {
  Shapes shapes;
  std::map<std::string, Size, std::less<>> symbols;
  for (const auto& [name, type] : given) {
    const std::string_view text = trim(type);
    const std::size_t open = text.find('[');
    if (open == std::string::npos || !text.ends_with(']'))
      return usage_error(fmt::format("'{}' is not DTYPE[SIZES]", text), "shapes", kRemedy);
    const std::string_view dtype_text = trim(text.substr(0, open));
    const auto dtype = parse_dtype(dtype_text);
    if (!dtype) return usage_error(fmt::format("'{}' is no dtype", dtype_text), "shapes", kRemedy);
    const auto sizes = TRY(read_sizes(text.substr(open + 1, text.size() - open - 2)));

    const auto input = std::ranges::find(graph.inputs(), name, [](const auto& v) { return v->name(); });
    Dims dims;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const Size& size = sizes[i];
      if (!size.symbol.empty()) {
        dims.push_back(Dim::symbol(size.symbol));
        continue;
      }
      if (size.low == size.high) {
        dims.emplace_back(size.low);
        continue;
      }
      // The model's own name for it, where it has one: other inputs may share it.
      std::string symbol = fmt::format("{}_{}", is_name(name) ? name : "input", i);
      if (input != graph.inputs().end() && i < (*input)->type().dims.size())
        if (const auto own = (*input)->type().dims[i].symbol_name()) symbol = *own;
      const auto [known, first] = symbols.emplace(symbol, size);
      if (const Size& other = known->second;
          !first && (other.low != size.low || other.opt != size.opt || other.high != size.high))
        return usage_error(fmt::format("'{}' is the size {}, which is {}..{}..{} elsewhere and {}..{}..{} here", name,
                                       symbol, other.low, other.opt, other.high, size.low, size.opt, size.high),
                           "shapes", "give both the same sizes");
      dims.push_back(Dim::symbol(symbol, {size.low, size.high}));
      shapes.opt[symbol] = size.opt;
    }
    if (!shapes.types.emplace(name, Type::tensor(*dtype, std::move(dims))).second)
      return usage_error(fmt::format("'{}' is given twice", name), "shapes");
  }
  return shapes;
}

}  // namespace burnish
