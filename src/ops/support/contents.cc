#include "ops/support/contents.h"

#include "ops/support/blocks.h"
#include "ops/support/scalars.h"

namespace burnish {
namespace {

std::optional<Dim> truth(Truth t) {
  if (t == Truth::maybe) return std::nullopt;
  return Dim(t == Truth::yes ? 1 : 0);
}
Truth negation(Truth t) { return t == Truth::maybe ? t : t == Truth::yes ? Truth::no : Truth::yes; }

std::optional<Dim> fold_numbers(Scalar f, int64_t a, int64_t b, DType dtype, int arity) {
  int64_t y = 0;
  if (number_class(dtype) == NumberClass::boolean) {
    bool p = a != 0, q = b != 0, r = false;
    if (arity == 1 ? apply_test<bool>(f, &p, &r, 1) : apply_comparison<bool>(f, &p, &q, &r, 1)) return Dim(r ? 1 : 0);
    return std::nullopt;
  }
  bool r = false;
  if (arity == 2 && apply_comparison<int64_t>(f, &a, &b, &r, 1)) return Dim(r ? 1 : 0);
  // Results that would wrap are left to the run: contents are sizes, and such are none.
  int64_t exact;
  if (f == Scalar::add && __builtin_add_overflow(a, b, &exact)) return std::nullopt;
  if (f == Scalar::sub && __builtin_sub_overflow(a, b, &exact)) return std::nullopt;
  if (f == Scalar::mul && __builtin_mul_overflow(a, b, &exact)) return std::nullopt;
  if (f == Scalar::pow || f == Scalar::shift_left || f == Scalar::shift_right || f == Scalar::bit_not) {
    if (a < 0 || b < 0 || a > (1 << 20) || b > 20 || f == Scalar::bit_not) return std::nullopt;
    if (f == Scalar::pow && b > 2) return std::nullopt;
  }
  const bool done = arity == 1 ? apply_unary<int64_t>(f, &a, &y, 1)
                               : apply_binary<int64_t>(f, &a, &b, &y, 1, std::max(bit_width(dtype), 1));
  if (!done || !fits(dtype, y)) return std::nullopt;
  return Dim(y);
}

std::optional<Dim> fold_symbolic(Scalar f, const Dim& a, const Dim& b) {
  using enum Scalar;
  const bool a_natural = a.range().low >= 0;
  const bool b_positive = b.range().low > 0;
  switch (f) {
    case neg: return 0 - a;
    case Scalar::abs: return a_natural ? a : burnish::max(a, 0 - a);
    case add: return a + b;
    case sub: return a - b;
    case mul: return a * b;
    case Scalar::div:  // truncation is floor where nothing is negative
      return a_natural && b_positive ? std::optional(floordiv(a, b)) : std::nullopt;
    case mod_floor: return b_positive ? std::optional(mod(a, b)) : std::nullopt;
    case mod_trunc: return a_natural && b_positive ? std::optional(mod(a, b)) : std::nullopt;
    case Scalar::min: return burnish::min(a, b);
    case Scalar::max: return burnish::max(a, b);
    case eq: return truth(equal(a, b));
    case ne: return truth(negation(equal(a, b)));
    case le: return truth(less_equal(a, b));
    case ge: return truth(less_equal(b, a));
    case lt: return truth(negation(less_equal(b, a)));
    case gt: return truth(negation(less_equal(a, b)));
    default: return std::nullopt;
  }
}

}  // namespace

bool fits(DType dtype, int64_t value) {
  const int bits = bit_width(dtype);
  switch (number_class(dtype)) {
    case NumberClass::boolean: return value == 0 || value == 1;
    case NumberClass::signed_int:
      return bits >= 64 || (value >= -(int64_t{1} << (bits - 1)) && value < (int64_t{1} << (bits - 1)));
    case NumberClass::unsigned_int: return value >= 0 && (bits >= 63 || value < (int64_t{1} << bits));
    default: return false;
  }
}

std::optional<Dim> fold_scalar(Scalar function, std::span<const Dim> arguments, DType dtype) {
  if (function == Scalar::select) {
    const auto condition = arguments[0].constant();
    if (condition) return *condition != 0 ? arguments[1] : arguments[2];
    if (arguments[1] == arguments[2]) return arguments[1];
    return std::nullopt;
  }
  const Dim& a = arguments[0];
  const Dim b = arguments.size() > 1 ? arguments[1] : Dim(0);
  if (a.is_constant() && b.is_constant())
    return fold_numbers(function, a.value(), b.value(), dtype, static_cast<int>(arguments.size()));
  if (dtype == DType::boolean) return std::nullopt;
  // Sums of products grow with every step; a hostile file could square one until memory ends.
  constexpr std::size_t kLongest = 400;
  if (a.text().size() > kLongest || b.text().size() > kLongest) return std::nullopt;
  return fold_symbolic(function, a, b);
}

std::optional<Dims> contents_of(const Tensor& tensor) {
  if (!holds_contents(tensor.dtype()) || tensor.elements() > static_cast<int64_t>(kMaxContents)) return std::nullopt;
  Dims contents;
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    const int64_t value = integer_at(tensor, i);
    if (number_class(tensor.dtype()) == NumberClass::unsigned_int && value < 0) return std::nullopt;  // above 2^63
    contents.emplace_back(value);
  }
  return contents;
}

bool all_known(const InferContext& c) {
  for (std::size_t i = 0; i < c.operand_count(); ++i)
    if (c.has(i) && !c.contents(i)) return false;
  return true;
}

std::optional<std::vector<int64_t>> known_numbers(const InferContext& c, std::size_t operand) {
  const auto& contents = c.contents(operand);
  if (contents) return constants(*contents);
  // Constants of more elements than contents hold.
  const Tensor* tensor = c.constant(operand);
  if (tensor != nullptr && is_integer(tensor->dtype())) return integers(*tensor);
  return std::nullopt;
}

}  // namespace burnish
