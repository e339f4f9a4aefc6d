#include "tests/support/evaluate_nest.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

#include <fmt/format.h>

#include "base/checked.h"

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }

// A value: `real` for floats, `integer` for everything else.
struct Number {
  double real = 0;
  int64_t integer = 0;
};

bool is_unsigned(DType dtype) {
  return number_class(dtype) == NumberClass::unsigned_int || number_class(dtype) == NumberClass::boolean;
}

int64_t wrap(int64_t value, DType dtype) {
  if (dtype == DType::boolean) return value != 0;
  const int bits = static_cast<int>(byte_size(dtype) * 8);
  if (bits == 64) return value;
  const auto shifted = static_cast<uint64_t>(value) << (64 - bits);
  return is_unsigned(dtype) ? static_cast<int64_t>(shifted >> (64 - bits))
                            : static_cast<int64_t>(shifted) >> (64 - bits);
}

double round_to(double value, DType dtype) {
  if (dtype == DType::f32) return static_cast<double>(static_cast<float>(value));
  if (dtype == DType::f16) return static_cast<double>(half_to_float(float_to_half(value)));
  if (dtype == DType::bf16) return static_cast<double>(bfloat_to_float(float_to_bfloat(value)));
  return value;
}

// Towards zero; what does not fit becomes the nearest limit, NaN 0.
int64_t truncate(double value, DType dtype) {
  const int bits = static_cast<int>(byte_size(dtype) * 8);
  if (std::isnan(value)) return 0;
  if (is_unsigned(dtype)) {
    if (value <= 0) return 0;
    return static_cast<int64_t>(value >= std::ldexp(1.0, bits) ? UINT64_MAX >> (64 - bits)
                                                               : static_cast<uint64_t>(value));
  }
  const double above = std::ldexp(1.0, bits - 1);
  if (value >= above) return INT64_MAX >> (64 - bits);
  if (value < -above) return INT64_MIN >> (64 - bits);
  return static_cast<int64_t>(value);
}

Number convert(Number value, DType from, DType to) {
  if (is_float(from) && is_float(to)) return {round_to(value.real, to), 0};
  if (is_float(from)) return {0, to == DType::boolean ? value.real != 0 : truncate(value.real, to)};
  if (!is_float(to)) return {0, wrap(value.integer, to)};
  const double real = is_unsigned(from) ? static_cast<double>(static_cast<uint64_t>(value.integer))
                                        : static_cast<double>(value.integer);
  return {round_to(real, to), 0};
}

Number constant(double value, DType dtype) {
  if (is_float(dtype)) return {round_to(value, dtype), 0};
  return {0, dtype == DType::boolean ? value != 0 : truncate(value, dtype)};
}

Number read(const void* data, int64_t element, DType dtype) {
  const auto* bytes = static_cast<const std::byte*>(data);
  if (is_float(dtype)) return {Accessor<double>(dtype).load(bytes, element), 0};
  if (dtype == DType::boolean) return {0, Accessor<bool>(dtype).load(bytes, element)};
  if (is_unsigned(dtype)) return {0, static_cast<int64_t>(Accessor<uint64_t>(dtype).load(bytes, element))};
  return {0, Accessor<int64_t>(dtype).load(bytes, element)};
}

void write(void* data, int64_t element, DType dtype, Number value) {
  auto* bytes = static_cast<std::byte*>(data);
  if (is_float(dtype)) Accessor<double>(dtype).store(bytes, element, value.real);
  else if (dtype == DType::boolean) Accessor<bool>(dtype).store(bytes, element, value.integer != 0);
  else if (is_unsigned(dtype)) Accessor<uint64_t>(dtype).store(bytes, element, static_cast<uint64_t>(value.integer));
  else Accessor<int64_t>(dtype).store(bytes, element, value.integer);
}

Number identity(Reduction reduction, DType dtype) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const int bits = static_cast<int>(byte_size(dtype) * 8);
  switch (reduction) {
    case Reduction::sum:
    case Reduction::logical_or: return {0, 0};
    case Reduction::product:
    case Reduction::logical_and: return {1, 1};
    case Reduction::min:
      if (dtype == DType::boolean) return {kInf, 1};
      return {kInf, is_unsigned(dtype) ? wrap(-1, dtype) : INT64_MAX >> (64 - bits)};
    case Reduction::max: return {-kInf, is_unsigned(dtype) ? 0 : INT64_MIN >> (64 - bits)};
  }
  return {};
}

Scalar function_of(Reduction reduction) {
  switch (reduction) {
    case Reduction::sum: return Scalar::add;
    case Reduction::product: return Scalar::mul;
    case Reduction::min: return Scalar::min;
    case Reduction::max: return Scalar::max;
    case Reduction::logical_and: return Scalar::logical_and;
    case Reduction::logical_or: break;
  }
  return Scalar::logical_or;
}

class Evaluator {
 public:
  Evaluator(const Nest& nest, std::span<void* const> pointers, const AnchorValue& anchor)
      : nest_(nest), pointers_(pointers), anchor_(anchor) {}

  Status prepare(std::span<const Storage> storages, const SymbolTable& symbols) {
    TRY(verify(nest_));
    for (const Axis& a : nest_.axes) extents_.push_back(TRY(burnish::evaluate(a.extent, symbols)));
    for (std::size_t i = 0; i < storages.size(); ++i) {
      Memory m;
      m.dims = TRY(burnish::evaluate(nest_.operands[i].type.dims, symbols));
      m.strides = TRY(burnish::evaluate(storages[i].strides, symbols));
      m.format = &storages[i].format;
      memory_.push_back(std::move(m));
    }
    symbols_ = &symbols;
    index_.assign(nest_.axes.size(), 0);
    temporaries_.resize(nest_.statements.size());
    return {};
  }

  Status run() {
    for (std::size_t i = 0; i < memory_.size(); ++i)
      if (nest_.operands[i].output) fill(i);
    loop(nest_.outer, 0, [&] {
      for (std::size_t s = 0; s < nest_.statements.size(); ++s) statement(s);
    });
    return std::move(status_);
  }

 private:
  struct Memory {
    std::vector<int64_t> dims, strides;
    const Format* format = nullptr;
  };

  int64_t place(const Memory& m, std::span<const int64_t> index) const {
    int64_t at = 0;
    for (std::size_t d = 0; d < index.size(); ++d) {
      const int64_t i = index[d] + border_of(*m.format, d), block = block_of(*m.format, d);
      at += block > 1 ? i / block * m.strides[d] + i % block * inner_stride(*m.format, d) : i * m.strides[d];
    }
    return at;
  }

  void fill(std::size_t operand) {
    const Memory& m = memory_[operand];
    const Number value = constant(m.format->fill, m.format->dtype);
    std::vector<int64_t> index(m.dims.size());
    std::function<void(std::size_t, bool)> visit = [&](std::size_t d, bool outside) {
      if (d == m.dims.size()) {
        if (outside) write(pointers_[operand], place(m, index), m.format->dtype, value);
        return;
      }
      const int64_t border = border_of(*m.format, d), end = round_up(m.dims[d] + border, block_of(*m.format, d));
      for (index[d] = -border; index[d] < end; ++index[d])
        visit(d + 1, outside || index[d] < 0 || index[d] >= m.dims[d]);
    };
    visit(0, false);
  }

  void loop(const std::vector<int>& axes, std::size_t depth, const std::function<void()>& body) {
    if (depth == axes.size()) return body();
    int64_t& i = index_[u(axes[depth])];
    for (i = 0; i < extents_[u(axes[depth])]; ++i) loop(axes, depth + 1, body);
    i = 0;
  }

  int64_t number(const Dim& dim) {
    auto value = burnish::evaluate(dim, *symbols_);
    if (!value) {
      status_ = std::unexpected(value.error());
      return 0;
    }
    return *value;
  }

  void statement(std::size_t number) {
    const Statement& s = nest_.statements[number];
    const DType dtype = nest_.expressions[u(s.expression)].dtype;
    if (s.kind == Statement::Kind::store) {
      loop(s.axes, 0, [&] {
        const Number value = value_of(s.expression);
        std::vector<int64_t> index;
        for (const Index& i : s.index) index.push_back(position(i));
        write(pointers_[u(s.operand)], place(memory_[u(s.operand)], index), dtype, value);
      });
      return;
    }
    Number sum = identity(s.reduction, dtype);
    loop(s.axes, 0, [&] { sum = apply_to(function_of(s.reduction), dtype, {sum, value_of(s.expression)}); });
    temporaries_[number] = sum;
  }

  int64_t position(const Index& index) {
    int64_t sum = number(index.offset);
    for (const auto& term : index.terms) sum += number(term.coefficient) * index_[u(term.axis)];
    if (index.expression >= 0) sum += value_of(index.expression).integer;
    return sum;
  }

  Number apply_to(Scalar function, DType dtype, const std::vector<Number>& arguments) {
    const bool to_bool = info(function).result == ScalarResult::boolean;
    if (is_float(dtype)) {
      std::vector<double> values;
      for (const Number& n : arguments) values.push_back(n.real);
      const double result = burnish::apply(function, values);
      return to_bool ? Number{0, result != 0} : Number{result, 0};
    }
    std::vector<int64_t> values;
    for (const Number& n : arguments) values.push_back(n.integer);
    if (dtype == DType::boolean && function == Scalar::add) return {0, values[0] || values[1]};
    // Shifts know the width of what they shift.
    if (function == Scalar::shift_left || function == Scalar::shift_right) {
      const int64_t bits = static_cast<int64_t>(byte_size(dtype) * 8);
      if (values[1] < 0 || values[1] >= bits)
        return {0, function == Scalar::shift_right && values[0] < 0 && !is_unsigned(dtype) ? -1 : 0};
    }
    return {0, wrap(burnish::apply(function, values, is_unsigned(dtype)), to_bool ? DType::boolean : dtype)};
  }

  Number load(const ScalarExpression& e) {
    const Memory& m = memory_[u(e.operand)];
    std::vector<int64_t> index;
    bool inside = true;
    for (std::size_t d = 0; d < e.index.size(); ++d) {
      int64_t i = position(e.index[d]);
      // Computed indices are hostile and are taken to the nearest element.
      if (e.index[d].expression >= 0 && !e.guarded) i = std::max<int64_t>(0, std::min(i, m.dims[d] - 1));
      inside = inside && i >= 0 && i < m.dims[d];
      index.push_back(i);
    }
    if (!inside) return constant(e.fallback, e.dtype);
    return read(pointers_[u(e.operand)], place(m, index), e.dtype);
  }

  Number value_of(int expression) {
    const auto& e = nest_.expressions[u(expression)];
    switch (e.kind) {
      case Kind::constant: return constant(e.value, e.dtype);
      case Kind::size: return convert({0, number(e.dim)}, DType::i64, e.dtype);
      case Kind::axis: return convert({0, index_[u(e.axis)]}, DType::i64, e.dtype);
      case Kind::load: return load(e);
      case Kind::temporary: return temporaries_[u(e.statement)];
      case Kind::cast: return convert(value_of(e.arguments[0]), nest_.expressions[u(e.arguments[0])].dtype, e.dtype);
      case Kind::anchor: {
        std::vector<int64_t> outer;
        for (int a : nest_.outer) outer.push_back(index_[u(a)]);
        if (!anchor_) {
          status_ = internal_error("a nest reads an anchor that was not given", "evaluate");
          return {};
        }
        return constant(anchor_(outer), e.dtype);
      }
      case Kind::checked: {
        const Number value = value_of(e.arguments[0]);
        const int64_t extent = number(e.dim);
        if (status_ && (value.integer < 0 || value.integer >= extent))
          status_ = refused(outside_text(value_of(e.arguments[1]).integer, e.from_end() ? -extent : 0, extent - 1),
                            "evaluate");
        return value;
      }
      case Kind::apply: break;
    }
    if (e.function == Scalar::select) return value_of(e.arguments[value_of(e.arguments[0]).integer ? 1 : 2]);
    std::vector<Number> arguments;
    for (int a : e.arguments) arguments.push_back(value_of(a));
    return apply_to(e.function, nest_.expressions[u(e.arguments[0])].dtype, arguments);
  }

  const Nest& nest_;
  std::span<void* const> pointers_;
  const AnchorValue& anchor_;
  const SymbolTable* symbols_ = nullptr;
  std::vector<Memory> memory_;
  std::vector<int64_t> extents_, index_;
  std::vector<Number> temporaries_;
  Status status_;
};

}  // namespace

double apply(Scalar function, std::span<const double> arguments) {
  const double a = arguments[0], b = arguments.size() > 1 ? arguments[1] : 0;
  auto either_nan = [&] { return std::isnan(a) || std::isnan(b); };
  switch (function) {
    case Scalar::neg: return -a;
    case Scalar::abs: return std::fabs(a);
    case Scalar::sign: return std::isnan(a) ? a : (a > 0) - (a < 0);
    case Scalar::exp: return std::exp(a);
    case Scalar::expm1: return std::expm1(a);
    case Scalar::log: return std::log(a);
    case Scalar::log1p: return std::log1p(a);
    case Scalar::log2: return std::log2(a);
    case Scalar::exp2: return std::exp2(a);
    case Scalar::sqrt: return std::sqrt(a);
    case Scalar::rsqrt: return 1 / std::sqrt(a);
    case Scalar::reciprocal: return 1 / a;
    case Scalar::sin: return std::sin(a);
    case Scalar::cos: return std::cos(a);
    case Scalar::tan: return std::tan(a);
    case Scalar::asin: return std::asin(a);
    case Scalar::acos: return std::acos(a);
    case Scalar::atan: return std::atan(a);
    case Scalar::sinh: return std::sinh(a);
    case Scalar::cosh: return std::cosh(a);
    case Scalar::tanh: return std::tanh(a);
    case Scalar::asinh: return std::asinh(a);
    case Scalar::acosh: return std::acosh(a);
    case Scalar::atanh: return std::atanh(a);
    case Scalar::erf: return std::erf(a);
    case Scalar::sigmoid: return 1 / (1 + std::exp(-a));
    case Scalar::floor: return std::floor(a);
    case Scalar::ceil: return std::ceil(a);
    case Scalar::round_even: return std::nearbyint(a);
    case Scalar::trunc: return std::trunc(a);
    case Scalar::logical_not: return a == 0;
    case Scalar::is_nan: return std::isnan(a);
    case Scalar::is_inf: return std::isinf(a);
    case Scalar::add: return a + b;
    case Scalar::sub: return a - b;
    case Scalar::mul: return a * b;
    case Scalar::div: return a / b;
    case Scalar::mod_floor: {
      const double r = std::fmod(a, b);
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
    case Scalar::mod_trunc: return std::fmod(a, b);
    case Scalar::pow: return std::pow(a, b);
    case Scalar::min: return either_nan() ? std::numeric_limits<double>::quiet_NaN() : std::min(a, b);
    case Scalar::max: return either_nan() ? std::numeric_limits<double>::quiet_NaN() : std::max(a, b);
    case Scalar::atan2: return std::atan2(a, b);
    case Scalar::logical_and: return a != 0 && b != 0;
    case Scalar::logical_or: return a != 0 || b != 0;
    case Scalar::logical_xor: return (a != 0) != (b != 0);
    case Scalar::eq: return a == b;
    case Scalar::ne: return a != b;
    case Scalar::lt: return a < b;
    case Scalar::le: return a <= b;
    case Scalar::gt: return a > b;
    case Scalar::ge: return a >= b;
    case Scalar::select: return a != 0 ? b : arguments[2];
    case Scalar::bit_not:
    case Scalar::bit_and:
    case Scalar::bit_or:
    case Scalar::bit_xor:
    case Scalar::shift_left:
    case Scalar::shift_right: break;
  }
  CHECK(false, std::string(info(function).name) + " of real numbers");
}

int64_t apply(Scalar function, std::span<const int64_t> arguments, bool is_unsigned) {
  const int64_t a = arguments[0], b = arguments.size() > 1 ? arguments[1] : 0;
  const auto ua = static_cast<uint64_t>(a), ub = static_cast<uint64_t>(b);
  auto wrapped = [](uint64_t v) { return static_cast<int64_t>(v); };
  auto less = [&](int64_t x, int64_t y) {
    return is_unsigned ? static_cast<uint64_t>(x) < static_cast<uint64_t>(y) : x < y;
  };
  switch (function) {
    case Scalar::neg: return wrapped(0 - ua);
    case Scalar::abs: return !is_unsigned && a < 0 ? wrapped(0 - ua) : a;
    case Scalar::sign: return is_unsigned ? a != 0 : (a > 0) - (a < 0);
    case Scalar::floor:
    case Scalar::ceil:
    case Scalar::round_even:
    case Scalar::trunc: return a;
    case Scalar::logical_not: return a == 0;
    case Scalar::bit_not: return ~a;
    case Scalar::add: return wrapped(ua + ub);
    case Scalar::sub: return wrapped(ua - ub);
    case Scalar::mul: return wrapped(ua * ub);
    case Scalar::div:
      if (b == 0) return 0;
      if (is_unsigned) return wrapped(ua / ub);
      return b == -1 ? wrapped(0 - ua) : a / b;
    case Scalar::mod_trunc:
      if (b == 0 || (b == -1 && !is_unsigned)) return 0;
      return is_unsigned ? wrapped(ua % ub) : a % b;
    case Scalar::mod_floor: {
      if (b == 0 || (b == -1 && !is_unsigned)) return 0;
      if (is_unsigned) return wrapped(ua % ub);
      const int64_t r = a % b;
      return r != 0 && (r < 0) != (b < 0) ? r + b : r;
    }
    case Scalar::pow: {
      uint64_t result = 1, base = ua;
      for (uint64_t n = ub; n > 0; n >>= 1, base *= base)
        if (n & 1) result *= base;
      return !is_unsigned && b < 0 ? (a == 1 ? 1 : a == -1 ? (b % 2 ? -1 : 1) : 0) : wrapped(result);
    }
    case Scalar::min: return less(b, a) ? b : a;
    case Scalar::max: return less(a, b) ? b : a;
    case Scalar::logical_and: return a && b;
    case Scalar::logical_or: return a || b;
    case Scalar::logical_xor: return (a != 0) != (b != 0);
    case Scalar::bit_and: return a & b;
    case Scalar::bit_or: return a | b;
    case Scalar::bit_xor: return a ^ b;
    case Scalar::shift_left: return ub < 64 ? wrapped(ua << ub) : 0;
    case Scalar::shift_right: return is_unsigned ? (ub < 64 ? wrapped(ua >> ub) : 0) : a >> std::min<uint64_t>(ub, 63);
    case Scalar::eq: return a == b;
    case Scalar::ne: return a != b;
    case Scalar::lt: return less(a, b);
    case Scalar::le: return !less(b, a);
    case Scalar::gt: return less(b, a);
    case Scalar::ge: return !less(a, b);
    case Scalar::select: return a ? b : arguments[2];
    default: break;
  }
  CHECK(false, std::string(info(function).name) + " of integers");
}

Status evaluate(const Nest& nest, std::span<const Storage> storages, std::span<void* const> pointers,
                const SymbolTable& symbols, const AnchorValue& anchor) {
  if (storages.size() != nest.operands.size() || pointers.size() != nest.operands.size())
    return internal_error("an operand has no storage or no memory", "evaluate");
  Evaluator evaluator(nest, pointers, anchor);
  TRY(evaluator.prepare(storages, symbols));
  return evaluator.run();
}

}  // namespace burnish
