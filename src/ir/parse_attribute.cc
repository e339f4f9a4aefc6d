// Types and attributes from text.

#include <bit>
#include <charconv>

#include <fmt/format.h>

#include "ir/lexer.h"

namespace burnish {
namespace {

constexpr std::size_t kMaxRank = 64;  // as in every other file format that is read

// Counts a level of nesting for as long as it lives.
struct Nested {
  explicit Nested(Lexer& lexer) : lexer(lexer) { ++lexer.depth; }
  ~Nested() { --lexer.depth; }
  Nested(const Nested&) = delete;
  Lexer& lexer;
};

// "N, 4]" with the bracket.
Result<Dims> read_dims(Lexer& lexer, const RangeMap& ranges) {
  Dims dims;
  if (lexer.eat("]")) return dims;
  for (;;) {
    const std::size_t start = lexer.position();
    auto dim = parse_dim(TRY(lexer.balanced(",]")), ranges);
    if (!dim) return lexer.error_at(start, dim.error().what);
    dims.push_back(*std::move(dim));
    if (lexer.eat("]")) return dims;
    TRY(lexer.expect(","));
  }
}

Result<DType> read_dtype(Lexer& lexer) {
  const std::size_t start = lexer.position();
  const std::string word = TRY(lexer.word());
  const auto dtype = parse_dtype(word);
  if (!dtype) return lexer.error_at(start, fmt::format("there is no dtype '{}'", word));
  return *dtype;
}

Result<double> read_real(Lexer& lexer, bool& is_real, int64_t& integer) {
  const std::size_t start = lexer.position();
  Lexer ahead = lexer;
  const std::string_view token = ahead.number_token();
  if (token.starts_with("0x")) {
    uint64_t bits = 0;
    const char* const last = token.data() + token.size();
    const auto [end, error] = std::from_chars(token.data() + 2, last, bits, 16);
    if (token.size() != 18 || error != std::errc{} || end != last)
      return lexer.error_at(start, "expected 16 hexadecimal digits");
    lexer = ahead;
    is_real = true;
    return std::bit_cast<double>(bits);
  }
  const Lexer::Number number = TRY(lexer.number());
  is_real = number.is_real;
  integer = number.integer;
  return number.real;
}

Result<Attribute> read_list(Lexer& lexer) {
  Ints ints;
  if (lexer.eat("]")) return ints;
  if (lexer.peek() == '"') {
    Strings strings;
    do strings.push_back(TRY(lexer.string()));
    while (lexer.eat(","));
    TRY(lexer.expect("]"));
    return strings;
  }
  Floats reals;
  bool any_real = false;
  do {
    bool is_real = false;
    int64_t integer = 0;
    reals.push_back(TRY(read_real(lexer, is_real, integer)));
    any_real |= is_real;
    if (!any_real) ints.push_back(integer);
  } while (lexer.eat(","));
  TRY(lexer.expect("]"));
  if (any_real) return reals;
  return ints;
}

Result<Attribute> read_tensor(Lexer& lexer, const RangeMap& ranges, const ConstantStore& constants) {
  const std::size_t start = lexer.position();
  const Type type = TRY(read_type(lexer, ranges));
  const auto dims = type.is_ranked_tensor() ? burnish::constants(type.dims) : std::nullopt;
  if (!dims) return lexer.error_at(start, "a constant needs a tensor's type whose sizes are numbers");
  Tensor tensor;
  if (const std::size_t hash_at = lexer.position(); lexer.eat("#")) {
    const std::string hash = TRY(lexer.word());
    const auto found = constants.find(hash);
    if (found == constants.end()) return lexer.error_at(hash_at, fmt::format("there is no constant #{}", hash));
    if (found->second.dtype() != type.dtype || found->second.dims() != *dims)
      return lexer.error_at(
          start, fmt::format("the constant #{} is {}, not {}", hash, found->second.type().text(), type.text()));
    tensor = found->second;
  } else {
    tensor = TRY(read_elements(lexer, type.dtype, *dims));
  }
  TRY(lexer.expect(")"));
  return tensor;
}

template <class T>
Result<T> whole(Lexer& lexer, Result<T> value) {
  if (value && !lexer.at_end()) return lexer.error("unexpected text");
  return value;
}

}  // namespace

Result<Type> read_type(Lexer& lexer, const RangeMap& ranges) {
  const Nested nested(lexer);
  if (lexer.depth > Lexer::kMaxDepth) return lexer.error("nested too deeply");
  if (lexer.eat("token")) return Type::token();
  for (const bool sequence : {true, false}) {
    if (!lexer.eat(sequence ? "sequence" : "optional")) continue;
    TRY(lexer.expect("<"));
    Type element = TRY(read_type(lexer, ranges));
    TRY(lexer.expect(">"));
    return sequence ? Type::sequence(std::move(element)) : Type::optional(std::move(element));
  }
  if (lexer.eat("map")) {
    TRY(lexer.expect("<"));
    const DType key = TRY(read_dtype(lexer));
    TRY(lexer.expect(","));
    Type value = TRY(read_type(lexer, ranges));
    TRY(lexer.expect(">"));
    return Type::map(key, std::move(value));
  }
  const DType dtype = TRY(read_dtype(lexer));
  TRY(lexer.expect("["));
  if (lexer.eat("*")) {
    TRY(lexer.expect("]"));
    return Type::unranked(dtype);
  }
  const std::size_t start = lexer.position();
  Type type = Type::tensor(dtype, TRY(read_dims(lexer, ranges)));
  if (type.dims.size() > kMaxRank) return lexer.error_at(start, fmt::format("the rank is above {}", kMaxRank));
  for (const Dim& dim : type.dims)
    if (dim.constant().value_or(0) < 0)
      return lexer.error_at(start, fmt::format("the size {} is negative", dim.text()));
  return type;
}

Result<Attribute> read_attribute(Lexer& lexer, const RangeMap& ranges, const ConstantStore& constants) {
  if (lexer.peek() == '"') return TRY(lexer.string());
  if (lexer.eat("[")) return read_list(lexer);
  if (lexer.number_follows()) {
    bool is_real = false;
    int64_t integer = 0;
    const double real = TRY(read_real(lexer, is_real, integer));
    if (is_real) return real;
    return integer;
  }
  if (lexer.eat("dims")) {
    TRY(lexer.expect("["));
    return TRY(read_dims(lexer, ranges));
  }
  for (const bool reals : {true, false}) {
    if (!lexer.eat(reals ? "reals" : "strings")) continue;
    TRY(lexer.expect("["));
    TRY(lexer.expect("]"));
    if (reals) return Floats{};
    return Strings{};
  }
  if (lexer.eat("tensor")) {
    TRY(lexer.expect("("));
    return read_tensor(lexer, ranges, constants);
  }
  if (lexer.eat("type")) {
    TRY(lexer.expect("("));
    Type type = TRY(read_type(lexer, ranges));
    TRY(lexer.expect(")"));
    return type;
  }
  const std::size_t start = lexer.position();
  auto word = lexer.word();
  const auto dtype = word ? parse_dtype(*word) : std::nullopt;
  if (!dtype) return lexer.error_at(start, "expected an attribute's value");
  return *dtype;
}

Result<Type> parse_type(std::string_view text) {
  Lexer lexer(text);
  return whole(lexer, read_type(lexer, {}));
}

Result<Attribute> parse_attribute(std::string_view text) {
  Lexer lexer(text);
  return whole(lexer, read_attribute(lexer, {}, {}));
}

}  // namespace burnish
