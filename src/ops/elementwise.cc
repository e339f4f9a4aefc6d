// The scalar functions as operators: one row each of the table below, one line each of loop/scalar_table.h.

#include <algorithm>
#include <array>

#include "loop/scalar_table.h"
#include "ops/support/blocks.h"
#include "ops/support/contents.h"
#include "ops/support/lowering.h"
#include "ops/support/scalars.h"
#include "ops/support/sizes.h"
#include "ops/support/strided.h"

namespace burnish {
namespace {

Scalar function_of(const NodeView& c) { return *c.node().definition()->scalar; }

// -- inference

// Contents of the result where those of all operands are known, each broadcast to its dims.
std::optional<Dims> fold(const InferContext& c, const Dims& dims, DType argument_dtype) {
  const auto sizes = constants(dims);
  if (!sizes || !all_known(c)) return std::nullopt;
  int64_t count = 1;
  for (int64_t size : *sizes)
    if (size > static_cast<int64_t>(kMaxContents) || (count *= size) > static_cast<int64_t>(kMaxContents))
      return std::nullopt;
  std::vector<Sizes> strides;
  for (std::size_t i = 0; i < c.operand_count(); ++i) {
    const auto own = constants(c.type(i).dims);
    if (!own || element_count(*own) != static_cast<int64_t>(c.contents(i)->size())) return std::nullopt;
    strides.push_back(broadcast_strides(*own, *sizes));
  }
  Dims result;
  Sizes position(sizes->size(), 0);
  Dims arguments(c.operand_count());
  for (int64_t n = 0; n < count; ++n, next_position(position, *sizes)) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      int64_t offset = 0;
      for (std::size_t d = 0; d < position.size(); ++d) offset += position[d] * strides[i][d];
      arguments[i] = (*c.contents(i))[static_cast<std::size_t>(offset)];
    }
    auto element = fold_scalar(function_of(c), arguments, argument_dtype);
    if (!element) return std::nullopt;
    result.push_back(std::move(*element));
  }
  return result;
}

Status infer(InferContext& c) {
  const ScalarInfo& row = info(function_of(c));
  const std::size_t last = c.operand_count() - 1;
  // A selection's values are its last two operands; elsewhere all operands agree.
  const std::size_t first = row.function == Scalar::select ? 1 : 0;
  if (c.type(first).dtype != c.type(last).dtype) return c.error("operands of different dtypes", "cast one of them");
  const DType argument = c.type(last).dtype;
  const DType dtype = row.result == ScalarResult::boolean ? DType::boolean : argument;
  Dims dims;
  for (std::size_t i = 0; i < c.operand_count(); ++i) {
    if (!c.type(i).ranked) {
      c.result(0, Type::unranked(dtype));
      return {};
    }
    dims = TRY(c.broadcast(dims, c.type(i).dims));
    shorten(c, dims);
  }
  if (holds_contents(dtype))
    if (auto contents = fold(c, dims, argument)) c.result_contents(0, std::move(*contents));
  c.result(0, Type::tensor(dtype, std::move(dims)));
  return {};
}

// -- references

template <class F>
Status over_blocks(ReferenceContext& c, DType dtype, F&& each_run) {
  const std::size_t arity = c.operand_count();
  Sizes dims;
  for (std::size_t i = 0; i < arity; ++i) {
    auto wider = broadcast_sizes(dims, c.in(i).dims());
    if (!wider) return c.error(wider.error().what);
    dims = std::move(*wider);
  }
  Tensor* y = TRY(c.out(0, dtype, dims));
  const auto strides = [&](std::size_t i) {
    return i < arity ? broadcast_strides(c.in(i).dims(), dims) : Sizes(dims.size(), 0);
  };
  for_each_run<4>(dims, {row_major_strides(dims), strides(0), strides(1), strides(2)},
                  [&](const std::array<int64_t, 4>& offsets, int64_t count, const std::array<int64_t, 4>& steps) {
                    for (int64_t done = 0; done < count; done += kBlock) {
                      std::array<int64_t, 4> starts;
                      for (std::size_t k = 0; k < 4; ++k) starts[k] = offsets[k] + done * steps[k];
                      each_run(*y, starts, steps, std::min(kBlock, count - done));
                    }
                  });
  return {};
}

using Four = std::array<int64_t, 4>;

Status unary(ReferenceContext& c) {
  const Scalar f = function_of(c);
  const DType dtype = c.in(0).dtype();
  bool defined = true;
  const bool test = info(f).result == ScalarResult::boolean;
  TRY(over_blocks(c, test ? DType::boolean : dtype, [&](Tensor& y, const Four& at, const Four& step, int64_t count) {
    visit_number_class(dtype, [&]<class N>(N) {
      std::array<N, kBlock> x;
      load_block(dtype, c.in(0).data(), at[1], step[1], count, x.data());
      if (test) {
        std::array<bool, kBlock> r;
        defined &= apply_test(f, x.data(), r.data(), count);
        store_block(DType::boolean, y.mutable_data(), at[0], step[0], count, r.data());
      } else {
        defined &= apply_unary(f, x.data(), x.data(), count);
        store_block(dtype, y.mutable_data(), at[0], step[0], count, x.data());
      }
    });
  }));
  if (!defined) return c.error("not defined for " + std::string(name(dtype)));
  return {};
}

Status binary(ReferenceContext& c) {
  const Scalar f = function_of(c);
  const DType dtype = c.in(0).dtype();
  bool defined = true;
  const bool test = info(f).result == ScalarResult::boolean;
  TRY(over_blocks(c, test ? DType::boolean : dtype, [&](Tensor& y, const Four& at, const Four& step, int64_t count) {
    visit_number_class(dtype, [&]<class N>(N) {
      std::array<N, kBlock> a, b;
      load_block(dtype, c.in(0).data(), at[1], step[1], count, a.data());
      load_block(dtype, c.in(1).data(), at[2], step[2], count, b.data());
      if (test) {
        std::array<bool, kBlock> r;
        defined &= apply_comparison(f, a.data(), b.data(), r.data(), count);
        store_block(DType::boolean, y.mutable_data(), at[0], step[0], count, r.data());
      } else {
        defined &= apply_binary(f, a.data(), b.data(), a.data(), count, bit_width(dtype));
        store_block(dtype, y.mutable_data(), at[0], step[0], count, a.data());
      }
    });
  }));
  if (!defined) return c.error("not defined for " + std::string(name(dtype)));
  return {};
}

Status selection(ReferenceContext& c) {
  const DType dtype = c.in(1).dtype();
  const auto* condition = reinterpret_cast<const uint8_t*>(c.in(0).data());
  return over_blocks(c, dtype, [&](Tensor& y, const Four& at, const Four& step, int64_t count) {
    visit_storage(dtype, [&]<class T>(T*) {
      const T* a = reinterpret_cast<const T*>(c.in(1).data()) + at[2];
      const T* b = reinterpret_cast<const T*>(c.in(2).data()) + at[3];
      T* out = reinterpret_cast<T*>(y.mutable_data()) + at[0];
      for (int64_t i = 0; i < count; ++i)
        out[i * step[0]] = condition[at[1] + i * step[1]] != 0 ? a[i * step[2]] : b[i * step[3]];
    });
  });
}

Result<Kernel> lower(LowerContext& c) {
  return pointwise_kernel(c, [&](Nest& nest, std::span<const int> loaded) {
    return nest.apply(function_of(c), std::vector<int>(loaded.begin(), loaded.end()));
  });
}

// -- the table

// What a function is for, and the random numbers that its samples take where not all are in its domain.
struct Row {
  Scalar function;
  std::string_view types;
  std::string_view limits = "";
  std::string_view second_limits = "";
};

using enum Scalar;
constexpr std::string_view kNumbers = "numeric|complex";
constexpr auto kRows = std::to_array<Row>({
    {neg, kNumbers},
    {Scalar::abs, "numeric"},
    {sign, "numeric"},
    {Scalar::exp, "float"},
    {Scalar::expm1, "float"},
    {Scalar::log, "float", " in [0.01, 9]"},
    {Scalar::log1p, "float", " in [-0.9, 9]"},
    {Scalar::log2, "float", " in [0.01, 9]"},
    {Scalar::exp2, "float"},
    {Scalar::sqrt, "float", " in [0, 9]"},
    {rsqrt, "float", " in [0.01, 9]"},
    {reciprocal, "float", " in [0.1, 9]"},
    {Scalar::sin, "float"},
    {Scalar::cos, "float"},
    {Scalar::tan, "float", " in [-1.4, 1.4]"},
    {Scalar::asin, "float", " in [-1, 1]"},
    {Scalar::acos, "float", " in [-1, 1]"},
    {Scalar::atan, "float"},
    {Scalar::sinh, "float"},
    {Scalar::cosh, "float"},
    {Scalar::tanh, "float"},
    {Scalar::asinh, "float"},
    {Scalar::acosh, "float", " in [1, 9]"},
    {Scalar::atanh, "float", " in [-0.95, 0.95]"},
    {Scalar::erf, "float"},
    {sigmoid, "float"},
    {Scalar::floor, "float"},
    {Scalar::ceil, "float"},
    {round_even, "float"},
    {Scalar::trunc, "float"},
    {logical_not, "bool"},
    {bit_not, "int"},
    {is_nan, "float"},
    {is_inf, "float"},
    {add, kNumbers},
    {sub, kNumbers},
    {mul, kNumbers},
    {Scalar::div, kNumbers, "", " in [0.5, 3]"},
    {mod_floor, "numeric", "", " in [0.5, 3]"},
    {mod_trunc, "numeric", "", " in [0.5, 3]"},
    {Scalar::pow, "numeric", " in [0.1, 3]", " in [-2, 2]"},
    {Scalar::min, "numeric"},
    {Scalar::max, "numeric"},
    {Scalar::atan2, "float"},
    {logical_and, "bool"},
    {logical_or, "bool"},
    {logical_xor, "bool"},
    {bit_and, "int"},
    {bit_or, "int"},
    {bit_xor, "int"},
    {shift_left, "int", " in [0, 9]", " in [0, 7]"},
    {shift_right, "int", " in [0, 90]", " in [0, 7]"},
    {eq, "any"},
    {ne, "any"},
    {lt, "numeric"},
    {le, "numeric"},
    {gt, "numeric"},
    {ge, "numeric"},
    {select, "any"},
});
static_assert(kRows.size() == kScalarCount);

constexpr std::string_view sample_dtype(const Row& row) {
  return row.types == "bool" ? "bool" : row.types == "int" ? "i32" : "f32";
}

// Text put together at compile time, so that the table stays free of initialisers.
template <std::size_t I>
struct Sampled {
  static constexpr const Row& row = kRows[I];
  static constexpr int arity = scalar_row(row.function).arity;

  // `shapes`: one dtype and shape per operand.
  static constexpr std::size_t write(char* out, std::string_view dtype, std::array<std::string_view, 3> shapes) {
    std::size_t n = 0;
    const auto put = [&](std::string_view text) {
      for (char c : text) {
        if (out != nullptr) out[n] = c;
        ++n;
      }
    };
    constexpr std::array<std::string_view, 3> names = {"a", "b", "c"};
    for (std::size_t i = 0; i < arity; ++i) {
      if (i > 0) put(", ");
      put(names[i]);
      put(": ");
      put(arity == 3 && i == 0 ? "bool" : dtype);
      put(shapes[i]);
      put(i == 0 ? row.limits : i == 1 ? row.second_limits : "");
    }
    put("; y = ");
    put(scalar_row(row.function).name);
    put("(");
    for (std::size_t i = 0; i < arity; ++i) {
      if (i > 0) put(", ");
      put(names[i]);
    }
    put(")");
    return n;
  }
  template <std::size_t N>
  static constexpr std::array<char, N> make(std::string_view dtype, std::array<std::string_view, 3> shapes) {
    std::array<char, N> text{};
    write(text.data(), dtype, shapes);
    return text;
  }

  static constexpr std::string_view first_dtype = sample_dtype(row);
  static constexpr std::string_view second_dtype = first_dtype == "f32" ? "f16" : first_dtype == "i32" ? "u8" : "bool";
  static constexpr std::array<std::string_view, 3> first_shapes = {"[3,37]", "[3,37]", "[37]"};
  static constexpr std::array<std::string_view, 3> second_shapes = {"[N,1,5]", "[4,1]", "[]"};
  static constexpr auto first = make<write(nullptr, first_dtype, first_shapes)>(first_dtype, first_shapes);
  static constexpr auto second = make<write(nullptr, second_dtype, second_shapes)>(second_dtype, second_shapes);
  static constexpr Sample samples[] = {{std::string_view(first.data(), first.size())},
                                       {std::string_view(second.data(), second.size())}};

  static constexpr OperandSpec one[] = {{"x", row.types}};
  static constexpr OperandSpec two[] = {{"a", row.types}, {"b", "same"}};
  static constexpr OperandSpec three[] = {{"condition", "bool"}, {"a", "any"}, {"b", "any"}};
  static constexpr std::span<const OperandSpec> operands() {
    if constexpr (arity == 1) return one;
    else if constexpr (arity == 2) return two;
    else return three;
  }
};

constexpr ResultDoc kResults[] = {{"y", "one element per element of the operands, broadcast like NumPy's"}};

template <std::size_t I>
constexpr Operator make_operator() {
  constexpr const ScalarInfo& row = scalar_row(kRows[I].function);
  return Operator{
      .name = row.name,
      .doc = row.formula,
      .operands = Sampled<I>::operands(),
      .results = kResults,
      .attributes = {},
      .infer = infer,
      .reference = row.arity == 1   ? unary
                   : row.arity == 2 ? binary
                                    : selection,
      .decompose = nullptr,
      .lower = lower,
      .gradient = nullptr,
      .samples = Sampled<I>::samples,
      .tolerance = {},
      .scalar = row.function,
  };
}

template <std::size_t... I>
constexpr std::array<Operator, sizeof...(I)> make_operators(std::index_sequence<I...>) {
  return {make_operator<I>()...};
}
constinit const auto kOperators = make_operators(std::make_index_sequence<kRows.size()>());

}  // namespace

namespace ops {
extern const OperatorList list_elementwise;
constinit const OperatorList list_elementwise = {kOperators.data(), kOperators.size()};
}  // namespace ops
}  // namespace burnish
