#include "cli/npy.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstring>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/checked.h"
#include "base/remedy.h"

namespace burnish::cli {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxHeader = 1 << 16;
constexpr std::size_t kMaxRank = 64;

struct Header {
  std::string descr;
  bool fortran = false;
  std::vector<int64_t> shape;
};

// The literal of a Python dict with three known keys, and nothing more of Python.
class HeaderParser {
 public:
  explicit HeaderParser(std::string_view text) : rest_(text) {}

  Result<Header> parse() {
    Header header;
    bool descr = false, order = false, shape = false;
    TRY(expect('{'));
    while (!accept('}')) {
      const std::string key = TRY(string());
      TRY(expect(':'));
      if (key == "descr" && !descr) {
        header.descr = TRY(string());
        descr = true;
      } else if (key == "fortran_order" && !order) {
        header.fortran = TRY(boolean());
        order = true;
      } else if (key == "shape" && !shape) {
        header.shape = TRY(tuple());
        shape = true;
      } else {
        return refused(fmt::format("the header has an unexpected '{}'", key));
      }
      if (!accept(',')) {
        TRY(expect('}'));
        break;
      }
    }
    skip();
    if (!rest_.empty() || !descr || !order || !shape) return refused("the header is not that of an array");
    return header;
  }

 private:
  void skip() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\n' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }
  bool accept(char c) {
    skip();
    if (rest_.empty() || rest_[0] != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  Status expect(char c) {
    if (!accept(c)) return refused(fmt::format("the header lacks a '{}'", c));
    return {};
  }
  Result<std::string> string() {
    skip();
    if (!rest_.empty() && rest_[0] == '[') return refused("arrays of records are not read", {}, "save one plain array");
    if (rest_.empty() || (rest_[0] != '\'' && rest_[0] != '"')) return refused("the header lacks a string");
    const std::size_t end = rest_.find(rest_[0], 1);
    if (end == std::string_view::npos) return refused("a string of the header has no end");
    std::string text(rest_.substr(1, end - 1));
    rest_.remove_prefix(end + 1);
    return text;
  }
  Result<bool> boolean() {
    skip();
    for (const bool value : {false, true}) {
      const std::string_view word = value ? "True" : "False";
      if (rest_.starts_with(word)) {
        rest_.remove_prefix(word.size());
        return value;
      }
    }
    return refused("fortran_order is neither True nor False");
  }
  Result<std::vector<int64_t>> tuple() {
    std::vector<int64_t> values;
    TRY(expect('('));
    while (!accept(')')) {
      skip();
      int64_t value = -1;
      const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
      if (error != std::errc() || value < 0) return refused("the shape is not a tuple of sizes");
      rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
      values.push_back(value);
      if (values.size() > kMaxRank) return refused("the array has too many dims");
      if (!accept(',')) {
        TRY(expect(')'));
        break;
      }
    }
    return values;
  }
  std::string_view rest_;
};

struct Element {
  std::optional<DType> dtype;  // none: text, or bits without a name
  char kind = 0;               // 'S', 'U', 'V' otherwise
  std::size_t bytes = 0;       // of one element in the file
  bool swapped = false;
};

Result<Element> element_of(const std::string& descr) {
  Element element;
  if (descr.size() < 3 || std::string_view("<>|=").find(descr[0]) == std::string_view::npos)
    return refused(fmt::format("elements of type '{}' are not read", descr));
  element.swapped = descr[0] == '>';
  element.kind = descr[1];
  const auto [end, error] = std::from_chars(descr.data() + 2, descr.data() + descr.size(), element.bytes);
  if (element.kind == 'O') return refused("the array holds Python objects", {}, "save it with a plain dtype");
  if (error != std::errc() || end != descr.data() + descr.size() || element.bytes > (1 << 24))
    return refused(fmt::format("elements of type '{}' are not read", descr));
  if (element.kind == 'S' || element.kind == 'V') return element;
  if (element.kind == 'U') {
    element.bytes *= 4;
    return element;
  }
  struct Row {
    char kind;
    std::size_t bytes;
    DType dtype;
  };
  static constexpr Row kRows[] = {
      {'f', 8, DType::f64}, {'f', 4, DType::f32}, {'f', 2, DType::f16},   {'i', 8, DType::i64},    {'i', 4, DType::i32},
      {'i', 2, DType::i16}, {'i', 1, DType::i8},  {'u', 8, DType::u64},   {'u', 4, DType::u32},    {'u', 2, DType::u16},
      {'u', 1, DType::u8},  {'c', 8, DType::c64}, {'c', 16, DType::c128}, {'b', 1, DType::boolean}};
  for (const Row& row : kRows) {
    if (row.kind != element.kind || row.bytes != element.bytes) continue;
    element.dtype = row.dtype;
    return element;
  }
  return refused(fmt::format("elements of type '{}' are not read", descr));
}

void append_utf8(std::string& text, uint32_t c) {
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    text += static_cast<char>(0x80 | (c >> 12 & 0x3F));
    text += static_cast<char>(0x80 | (c >> 6 & 0x3F));
    text += static_cast<char>(0x80 | (c & 0x3F));
  }
}

// nullopt where the bytes are not UTF-8.
std::optional<std::vector<uint32_t>> code_points(std::string_view text) {
  std::vector<uint32_t> points;
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const int more = lead < 0x80 ? 0 : lead >= 0xF0 && lead < 0xF8 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : -1;
    if (more < 0 || lead >= 0xF8 || i + static_cast<std::size_t>(more) >= text.size()) return std::nullopt;
    uint32_t c = more == 0 ? lead : lead & (0x3Fu >> more);
    for (int k = 1; k <= more; ++k) {
      const auto byte = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if ((byte & 0xC0) != 0x80) return std::nullopt;
      c = c << 6 | (byte & 0x3Fu);
    }
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return std::nullopt;
    points.push_back(c);
    i += static_cast<std::size_t>(more) + 1;
  }
  return points;
}

Result<std::string> decode_text(const std::byte* data, const Element& element) {
  std::string text;
  if (element.kind == 'S') {
    text.assign(reinterpret_cast<const char*>(data), element.bytes);
    text.erase(std::min(text.find_last_not_of('\0') + 1, text.size()));
    return text;
  }
  std::vector<uint32_t> points(element.bytes / 4);
  if (!points.empty()) std::memcpy(points.data(), data, element.bytes);
  while (!points.empty() && points.back() == 0) points.pop_back();
  for (uint32_t c : points) {
    if (element.swapped) c = __builtin_bswap32(c);
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return refused("a string holds an impossible character");
    append_utf8(text, c);
  }
  return text;
}

void swap_bytes(std::byte* data, std::size_t size, std::size_t width) {
  for (std::size_t i = 0; i + width <= size; i += width) std::reverse(data + i, data + i + width);
}

// Where element `index` of the row-major order lies in a file whose first dim moves fastest.
class FortranOrder {
 public:
  explicit FortranOrder(const std::vector<int64_t>& dims) : dims_(dims), index_(dims.size(), 0) {
    int64_t stride = 1;
    for (const int64_t d : dims) {
      strides_.push_back(stride);
      stride *= d;
    }
  }
  std::size_t next() {
    const auto here = static_cast<std::size_t>(at_);
    for (std::size_t d = dims_.size(); d-- > 0;) {
      at_ += strides_[d];
      if (++index_[d] < dims_[d]) break;
      at_ -= index_[d] * strides_[d];
      index_[d] = 0;
    }
    return here;
  }

 private:
  const std::vector<int64_t>& dims_;
  std::vector<int64_t> index_, strides_;
  int64_t at_ = 0;
};

// i4, i2, u4 and u2 hold a byte an element, like the file, but not every byte.
Status check_narrow(const Tensor& tensor, DType to) {
  const int bits = bit_width(to);
  const bool is_signed = number_class(to) == NumberClass::signed_int;
  const int64_t low = is_signed ? -(int64_t{1} << (bits - 1)) : 0;
  const int64_t high = (int64_t{1} << (is_signed ? bits - 1 : bits)) - 1;
  for (const std::byte b : tensor.bytes()) {
    const int64_t value = is_signed ? static_cast<int8_t>(b) : static_cast<int64_t>(b);
    if (value < low || value > high) return refused(fmt::format("{} is no {}", value, name(to)));
  }
  return {};
}

Result<DType> dtype_of(const Element& element, std::optional<DType> wanted) {
  if (element.dtype) {
    const bool narrow = (wanted == DType::i4 || wanted == DType::i2) && element.dtype == DType::i8;
    const bool unsigned_narrow = (wanted == DType::u4 || wanted == DType::u2) && element.dtype == DType::u8;
    return narrow || unsigned_narrow ? *wanted : *element.dtype;
  }
  if (element.kind != 'V') return DType::string;
  const bool bits = wanted && is_float(*wanted) && bit_width(*wanted) <= 16 && *wanted != DType::f16;
  if (bits && byte_size(*wanted) == element.bytes) return *wanted;
  return refused(fmt::format("elements without a type, of {} bytes, are not read here", element.bytes), {},
                 "only inputs of type bf16, f8 and f4 are stored so");
}

Result<Tensor> parse(const std::shared_ptr<const MappedFile>& file, std::optional<DType> wanted) {
  const auto bytes = file->bytes();
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  if (text.size() < 10 || !text.starts_with(kMagic))
    return refused("is not a .npy file", {}, "write it with numpy.save");
  const int version = text[6];
  if (version < 1 || version > 3) return refused(fmt::format("has version {} of the .npy format", version));
  const std::size_t start = version == 1 ? 10 : 12;
  if (text.size() < start) return refused("is cut short");
  std::size_t length = 0;
  for (std::size_t i = start; i-- > 8;) length = length << 8 | static_cast<unsigned char>(text[i]);
  if (length > kMaxHeader) return refused("has a header of impossible length");
  if (text.size() - start < length) return refused("is cut short");
  const Header header = TRY(HeaderParser(text.substr(start, length)).parse());
  const Element element = TRY(element_of(header.descr));
  const DType dtype = TRY(dtype_of(element, wanted));

  const auto elements = checked_product(header.shape);
  const auto needed = elements ? checked_mul(*elements, static_cast<int64_t>(element.bytes)) : std::nullopt;
  const std::size_t there = text.size() - start - length;
  if (!needed || static_cast<uint64_t>(*needed) > there)
    return refused(fmt::format("holds {} bytes of data, too few for shape ({})", there, fmt::join(header.shape, ", ")));
  if (static_cast<uint64_t>(*needed) < there)
    return refused(fmt::format("holds {} bytes after its array", there - static_cast<std::size_t>(*needed)));
  const std::byte* data = bytes.data() + start + length;

  if (dtype == DType::string) {
    // A string takes memory even where the file spends no byte on it ('<U0').
    if (element.bytes == 0 && *elements > (1 << 20)) return refused("holds too many empty strings");
    Tensor tensor = TRY(Tensor::allocate(dtype, header.shape));
    FortranOrder order(tensor.dims());
    int64_t index = 0;
    for (std::string& s : tensor.mutable_as<std::string>()) {
      const std::size_t at = header.fortran ? order.next() : static_cast<std::size_t>(index++);
      s = TRY(decode_text(data + at * element.bytes, element));
    }
    return tensor;
  }

  const bool plain = !element.swapped && (!header.fortran || header.shape.size() < 2);
  const bool aligned = reinterpret_cast<uintptr_t>(data) % 64 == 0;
  Tensor tensor;
  if (plain && aligned && dtype != DType::boolean) {
    tensor = Tensor::view(dtype, header.shape, data, file);
  } else {
    tensor = TRY(Tensor::allocate(dtype, header.shape));
    std::byte* out = tensor.mutable_data();
    if (plain || !header.fortran) {
      if (*needed > 0) std::memcpy(out, data, static_cast<std::size_t>(*needed));
    } else {
      FortranOrder order(tensor.dims());
      for (int64_t i = 0; i < *elements; ++i, out += element.bytes)
        std::memcpy(out, data + order.next() * element.bytes, element.bytes);
    }
    const bool complex = number_class(dtype) == NumberClass::complex;
    if (element.swapped)
      swap_bytes(tensor.mutable_data(), tensor.byte_size(), complex ? element.bytes / 2 : element.bytes);
    if (dtype == DType::boolean)  // any byte but 0 is true, and true is 1
      for (std::byte& b : std::span(tensor.mutable_data(), tensor.byte_size())) b = std::byte(b != std::byte{0});
  }
  if (is_integer(dtype) && bit_width(dtype) < 8) TRY(check_narrow(tensor, dtype));
  return tensor;
}

std::string descr_of(DType dtype, std::size_t text_width) {
  const std::size_t bytes = byte_size(dtype);
  const char order = bytes == 1 ? '|' : '<';
  switch (number_class(dtype)) {
    case NumberClass::signed_int: return fmt::format("{}i{}", order, bytes);
    case NumberClass::unsigned_int: return fmt::format("{}u{}", order, bytes);
    case NumberClass::boolean: return "|b1";
    case NumberClass::complex: return fmt::format("<c{}", bytes);
    case NumberClass::string: return fmt::format("<U{}", text_width);
    case NumberClass::real: break;
  }
  const bool named = dtype == DType::f64 || dtype == DType::f32 || dtype == DType::f16;
  return fmt::format("{}{}{}", order, named ? 'f' : 'V', bytes);
}

std::string header_text(const std::string& descr, const std::vector<int64_t>& dims) {
  std::string shape = fmt::format("{}", fmt::join(dims, ", "));
  if (dims.size() == 1) shape += ',';
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, shape);
  header.resize(round_up(static_cast<int64_t>(header.size()) + 11, 64) - 11, ' ');  // the data begins at 64
  header += '\n';
  std::string text(kMagic);
  text += '\1';
  text += '\0';
  text += static_cast<char>(header.size() & 0xFF);
  text += static_cast<char>(header.size() >> 8);
  return text + header;
}

Status write_strings(AtomicFile& file, const Tensor& tensor) {
  const auto strings = tensor.as<std::string>();
  std::vector<std::vector<uint32_t>> points;
  std::size_t width = 1, bytes = 1;
  bool unicode = true;
  for (const std::string& s : strings) {
    bytes = std::max(bytes, s.size());
    auto decoded = code_points(s);
    unicode = unicode && decoded;
    if (!unicode) continue;
    width = std::max(width, decoded->size());
    points.push_back(*std::move(decoded));
  }
  if (unicode) {
    TRY(file.write(header_text(descr_of(DType::string, width), tensor.dims())));
    for (auto& p : points) {
      p.resize(width, 0);
      TRY(file.write(std::as_bytes(std::span(p))));
    }
    return {};
  }
  TRY(file.write(header_text(fmt::format("|S{}", bytes), tensor.dims())));
  for (std::string s : strings) {
    s.resize(bytes, '\0');
    TRY(file.write(s));
  }
  return {};
}

}  // namespace

Result<Tensor> read_npy(const std::string& path, std::optional<DType> wanted) {
  const auto file = TRY(MappedFile::open(path));
  auto tensor = advise(parse(file, wanted), "the file is damaged or of another kind: write it with numpy.save");
  if (!tensor) return std::unexpected(std::move(tensor).error().within(path));
  return tensor;
}

Result<AtomicFile> stage_npy(const std::string& path, const Tensor& tensor) {
  static_assert(std::endian::native == std::endian::little);
  AtomicFile file = TRY(AtomicFile::create(path));
  if (tensor.dtype() == DType::string) {
    TRY(write_strings(file, tensor));
    return file;
  }
  TRY(file.write(header_text(descr_of(tensor.dtype(), 0), tensor.dims())));
  TRY(file.write(tensor.bytes()));
  return file;
}

}  // namespace burnish::cli
