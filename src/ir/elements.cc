// The elements of tensors in text.

#include <algorithm>
#include <charconv>
#include <cstring>
#include <new>

#include <fmt/format.h>

#include "base/checked.h"
#include "ir/lexer.h"

namespace burnish {
namespace {

// As a number, as briefly as its dtype allows.
template <class N>
std::string number_text(DType dtype, N value) {
  if constexpr (std::is_same_v<N, bool>) return value ? "1" : "0";
  else if constexpr (std::is_same_v<N, std::complex<double>>)
    return fmt::format("({}, {})", number_text(dtype == DType::c64 ? DType::f32 : DType::f64, value.real()),
                       number_text(dtype == DType::c64 ? DType::f32 : DType::f64, value.imag()));
  else if constexpr (std::is_same_v<N, double>)
    return dtype == DType::f64 ? fmt::format("{}", value) : fmt::format("{}", static_cast<float>(value));
  else return fmt::format("{}", value);
}

template <class T>
std::optional<T> number_of(std::string_view token) {
  T value{};
  const auto [end, error] = std::from_chars(token.data(), token.data() + token.size(), value);
  return error == std::errc{} && end == token.data() + token.size() ? std::optional(value) : std::nullopt;
}

// The bytes of an element as one number, the most significant digit first.
std::string bits_text(std::span<const std::byte> bytes) {
  std::string text = "0x";
  for (std::size_t i = bytes.size(); i-- > 0;) text += fmt::format("{:02x}", static_cast<unsigned>(bytes[i]));
  return text;
}

bool store_bits(std::string_view digits, std::span<std::byte> bytes) {
  if (digits.size() != 2 * bytes.size()) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    uint8_t byte = 0;
    const char* const first = digits.data() + digits.size() - 2 * (i + 1);
    const auto [end, error] = std::from_chars(first, first + 2, byte, 16);
    if (error != std::errc{} || end != first + 2) return false;
    bytes[i] = std::byte{byte};
  }
  return true;
}

class ElementReader {
 public:
  ElementReader(Lexer& lexer, Tensor& tensor) : lexer_(lexer), tensor_(tensor) {}

  Status read(int64_t index) {
    if (tensor_.dtype() == DType::string) {
      tensor_.mutable_as<std::string>()[static_cast<std::size_t>(index)] = TRY(lexer_.string());
      return {};
    }
    const DType dtype = tensor_.dtype();
    const std::size_t start = lexer_.position(), size = byte_size(dtype);
    std::byte* const at = tensor_.mutable_data() + static_cast<std::size_t>(index) * size;
    if (lexer_.peek() == '(' && number_class(dtype) == NumberClass::complex) {
      TRY(lexer_.expect("("));
      const double real = TRY(this->real());
      TRY(lexer_.expect(","));
      const double imaginary = TRY(this->real());
      TRY(lexer_.expect(")"));
      Accessor<std::complex<double>>(dtype).store(at, 0, {real, imaginary});
      return {};
    }
    const std::string_view token = lexer_.number_token();
    if (token.starts_with("0x")) {
      if (!store_bits(token.substr(2), {at, size}))
        return lexer_.error_at(start, fmt::format("expected {} hexadecimal digits", 2 * size));
      return {};
    }
    const bool stored = visit_number_class(dtype, [&]<class N>(N) {
      if constexpr (std::is_same_v<N, std::string>) {
        return false;
      } else if constexpr (std::is_same_v<N, bool>) {
        const bool on = token == "1" || token == "true";
        if (on || token == "0" || token == "false") return Accessor<bool>(dtype).store(at, 0, on), true;
        return false;
      } else if constexpr (std::is_same_v<N, std::complex<double>>) {
        const auto value = number_of<double>(token);
        if (value) Accessor<N>(dtype).store(at, 0, *value);
        return value.has_value();
      } else {
        const auto value = number_of<N>(token);
        if (!value) return false;
        Accessor<N>(dtype).store(at, 0, *value);
        // A whole number that the dtype wraps is a mistake; a real one is rounded.
        return std::is_same_v<N, double> || Accessor<N>(dtype).load(at, 0) == *value;
      }
    });
    if (!stored) return lexer_.error_at(start, fmt::format("expected an element of {}", name(dtype)));
    return {};
  }

 private:
  Result<double> real() {
    const std::size_t start = lexer_.position();
    const auto value = number_of<double>(lexer_.number_token());
    if (!value) return lexer_.error_at(start, "expected a number");
    return *value;
  }
  Lexer& lexer_;
  Tensor& tensor_;
};

// How many dims, from the last one, are through before element `index`.
std::size_t rows_ended(std::span<const int64_t> dims, int64_t index) {
  std::size_t count = 0;
  for (std::size_t d = dims.size(); d-- > 1 && index % dims[d] == 0; index /= dims[d]) ++count;
  return count;
}

}  // namespace

std::string elements_text(const Tensor& tensor) {
  std::string text = "[";
  const DType dtype = tensor.dtype();
  auto copy = Tensor::allocate(dtype, {});
  if (!copy) throw std::bad_alloc();
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    if (i > 0) text += ", ";
    if (dtype == DType::string) {
      text += quote(tensor.as<std::string>()[static_cast<std::size_t>(i)]);
      continue;
    }
    const std::size_t size = byte_size(dtype);
    const auto bytes = tensor.bytes().subspan(static_cast<std::size_t>(i) * size, size);
    std::string number = visit_number_class(dtype, [&]<class N>(N) -> std::string {
      if constexpr (std::is_same_v<N, std::string>) return {};
      else return number_text(dtype, Accessor<N>(dtype).load(bytes.data(), 0));
    });
    Lexer lexer(number);
    const bool exact = ElementReader(lexer, *copy).read(0) && std::memcmp(copy->data(), bytes.data(), size) == 0;
    text += exact ? number : bits_text(bytes);
  }
  return text + "]";
}

Result<Tensor> read_elements(Lexer& lexer, DType dtype, std::vector<int64_t> dims) {
  const std::size_t start = lexer.position();
  const auto elements = checked_product(dims);
  // Every element takes at least a character and what parts it from the next.
  if (!elements || (*elements > 0 && static_cast<uint64_t>(*elements) > lexer.left() / 2 + 1))
    return lexer.error_at(start, "fewer elements than the dims say");
  Tensor tensor = TRY(Tensor::allocate(dtype, std::move(dims)));
  ElementReader reader(lexer, tensor);
  if (!lexer.eat("[")) {
    if (tensor.elements() != 1) return lexer.error("expected '['");
    TRY(reader.read(0));
    return tensor;
  }
  // Flat, or with the brackets of every dim.
  const std::size_t open = tensor.elements() > 0 && lexer.peek() == '[' ? tensor.dims().size() : 1;
  for (std::size_t d = 1; d < open; ++d) TRY(lexer.expect("["));
  for (int64_t i = 0; i < tensor.elements(); ++i) {
    if (i > 0) {
      const std::size_t ended = open > 1 ? rows_ended(tensor.dims(), i) : 0;
      for (std::size_t d = 0; d < ended; ++d) TRY(lexer.expect("]"));
      TRY(lexer.expect(","));
      for (std::size_t d = 0; d < ended; ++d) TRY(lexer.expect("["));
    }
    TRY(reader.read(i));
  }
  if (!lexer.eat("]")) return lexer.error(fmt::format("expected ']' after {} elements", tensor.elements()));
  for (std::size_t d = 1; d < open; ++d) TRY(lexer.expect("]"));
  return tensor;
}

}  // namespace burnish
