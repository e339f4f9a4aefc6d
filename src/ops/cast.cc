#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "ops/support/core.h"

namespace burnish {
namespace {

Status infer(InferContext& c) {
  const Type& x = c.type(0);
  const DType to = c.dtype("dtype");
  const bool from_complex = number_class(x.dtype) == NumberClass::complex;
  if (from_complex != (number_class(to) == NumberClass::complex) && from_complex)
    return c.error("a complex number is no " + std::string(name(to)));
  Type y = x;
  y.dtype = to;
  c.result(0, std::move(y));
  if (!c.contents(0) || !holds_contents(to)) return {};
  Dims contents;
  for (const Dim& d : *c.contents(0)) {
    if (d.is_constant() && to == DType::boolean) contents.push_back(d.value() != 0 ? 1 : 0);
    // Sizes fit every integer type that anyone computes sizes in.
    else if (d.is_constant() ? fits(to, d.value()) : bit_width(to) >= 32) contents.push_back(d);
    else return {};
  }
  c.result_contents(0, std::move(contents));
  return {};
}

// -- number classes

std::string text_of(double value, DType from) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value > 0 ? "INF" : "-INF";
  // The shortest text that reads back as the same number of that dtype.
  if (from == DType::f64) return fmt::format("{}", value);
  if (from == DType::f32) return fmt::format("{}", static_cast<float>(value));
  const Accessor<double> accessor(from);
  for (int digits = 0;; ++digits) {
    const std::string text = fmt::format("{:.{}e}", value, digits);
    double read = value;
    std::from_chars(text.data(), text.data() + text.size(), read);
    alignas(double) std::byte stored[sizeof(double)] = {};
    accessor.store(stored, 0, read);
    if (accessor.load(stored, 0) == value || digits > 16) return fmt::format("{}", read);
  }
}

std::optional<double> number_of(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  double value;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (code == std::errc::result_out_of_range) return std::strtod(std::string(text).c_str(), nullptr);
  return code == std::errc() ? std::optional(value) : std::nullopt;
}

// Toward zero; what does not fit becomes the nearest limit, NaN becomes 0. Types below a byte keep the low bits instead, as
// ONNX has it.
int64_t to_signed(double value, int bits) {
  if (std::isnan(value)) return 0;
  if (bits < 8) return to_signed(value, 64);
  const double limit = std::ldexp(1.0, bits - 1);
  if (value >= limit) return std::numeric_limits<int64_t>::max() >> (64 - bits);
  if (value <= -limit) return std::numeric_limits<int64_t>::min() >> (64 - bits);
  return static_cast<int64_t>(value);
}
uint64_t to_unsigned(double value, int bits) {
  if (bits < 8) return static_cast<uint64_t>(to_signed(value, 64));
  if (std::isnan(value) || value <= 0) return 0;
  if (value >= std::ldexp(1.0, bits)) return std::numeric_limits<uint64_t>::max() >> (64 - bits);
  return static_cast<uint64_t>(value);
}

// nullopt: a string that is no number.
template <class From, class To>
std::optional<To> convert(const From& value, DType from, DType to) {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (std::is_same_v<From, std::string>) {
    if constexpr (std::is_same_v<To, bool>) {
      if (value == "true" || value == "True" || value == "1") return true;
      if (value == "false" || value == "False" || value == "0") return false;
      return std::nullopt;
    } else {
      if constexpr (std::is_same_v<To, int64_t> || std::is_same_v<To, uint64_t>) {
        To exact;
        const auto [end, code] = std::from_chars(value.data(), value.data() + value.size(), exact);
        if (code == std::errc() && end == value.data() + value.size()) return exact;
      }
      const auto number = number_of(value);
      if (!number) return std::nullopt;
      return convert<double, To>(*number, DType::f64, to);
    }
  } else if constexpr (std::is_same_v<To, std::string>) {
    if constexpr (std::is_same_v<From, bool>) return value ? "True" : "False";
    else if constexpr (std::is_same_v<From, double>) return text_of(value, from);
    else if constexpr (std::is_same_v<From, std::complex<double>>)
      return fmt::format("{}+{}i", value.real(), value.imag());
    else return std::to_string(value);
  } else if constexpr (std::is_same_v<From, std::complex<double>>) {
    return convert<double, To>(value.real(), DType::f64, to);
  } else if constexpr (std::is_same_v<To, bool>) {
    return value != From(0);
  } else if constexpr (std::is_same_v<To, double> || std::is_same_v<To, std::complex<double>>) {
    return To(static_cast<double>(value));
  } else if constexpr (std::is_same_v<From, double>) {
    if constexpr (std::is_same_v<To, int64_t>) return to_signed(value, bit_width(to));
    else return to_unsigned(value, bit_width(to));
  } else {
    return static_cast<To>(value);  // integers wrap
  }
}

Status reference(ReferenceContext& c) {
  const Tensor& x = c.in(0);
  const DType from = x.dtype(), to = c.dtype("dtype");
  if (from == to) {
    c.set(0, RuntimeValue(x));
    return {};
  }
  Tensor* y = TRY(c.out(0, to, x.dims()));
  const bool saturate = c.integer("saturate") != 0;
  const bool small_float = is_float(to) && byte_size(to) == 1;
  std::optional<int64_t> bad;
  visit_number_class(from, [&]<class From>(From) {
    visit_number_class(to, [&]<class To>(To) {
      std::array<From, kBlock> in;
      std::array<To, kBlock> out;
      for (int64_t done = 0; done < x.elements() && !bad; done += kBlock) {
        const int64_t n = std::min(kBlock, x.elements() - done);
        load_block(from, x.data(), done, 1, n, in.data());
        for (int64_t i = 0; i < n; ++i) {
          auto value = convert<From, To>(in[idx(i)], from, to);
          if (!value) bad = done + i;
          else out[idx(i)] = std::move(*value);
        }
        if constexpr (std::is_same_v<To, double>) {
          if (small_float) {
            auto* bytes = reinterpret_cast<uint8_t*>(y->mutable_data()) + done;
            for (int64_t i = 0; i < n; ++i) bytes[i] = double_to_small_float(to, out[idx(i)], saturate);
            continue;
          }
        }
        store_block(to, y->mutable_data(), done, 1, n, out.data());
      }
    });
  });
  if (bad) return c.error("string " + std::to_string(*bad) + " is no " + std::string(name(to)));
  return {};
}

Result<Kernel> lower(LowerContext& c) {
  return pointwise_kernel(
      c, [&](Nest& nest, std::span<const int> loaded) { return nest.cast(loaded[0], c.dtype("dtype")); });
}

constexpr OperandSpec kOperands[] = {{"x", "any"}};
constexpr ResultDoc kResults[] = {{"y", "x converted"}};
constexpr AttributeSpec kAttributes[] = {
    {"dtype", AttributeKind::dtype, "required", "dtype of y"},
    {"saturate", AttributeKind::integer, "1",
     "to f8 types: out of range becomes the largest finite value, else NaN or infinity"},
};
constexpr Sample kSamples[] = {
    {"x: f32[3,7]; y = cast(x) {dtype = i32}"},    {"x: i64[N]; y = cast(x) {dtype = f16}"},
    {"x: f32[6]; y = cast(x) {dtype = f8e4m3fn}"}, {"x: i32[4]; y = cast(x) {dtype = u8}"},
    {"x: f32[5]; y = cast(x) {dtype = bool}"},     {"x: bool[5]; y = cast(x) {dtype = f32}"},
};
constexpr Operator kOperator = {
    .name = "cast",
    .doc =
        "x in another dtype. Floats round to nearest, halves to even; to integers they lose their fraction, and what "
        "does "
        "not fit becomes the nearest limit (NaN: 0; types below a byte keep the low bits). Integers wrap. Anything but "
        "0 is true. Strings are read and "
        "written "
        "as decimal text.",
    .operands = kOperands,
    .results = kResults,
    .attributes = kAttributes,
    .infer = infer,
    .reference = reference,
    .decompose = nullptr,
    .lower = lower,
    .gradient = nullptr,
    .samples = kSamples,
    .tolerance = {0, 0},
};

}  // namespace

namespace ops {
extern const OperatorList list_cast;
constinit const OperatorList list_cast = {&kOperator, 1};
}  // namespace ops
}  // namespace burnish
