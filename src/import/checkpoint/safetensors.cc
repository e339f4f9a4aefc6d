#include "import/checkpoint/safetensors.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "base/json.h"
#include "import/checkpoint/pickle_names.h"
#include "import/checkpoint/rebuild.h"
#include "import/checkpoint/storages.h"

namespace burnish::checkpoint {
namespace {

std::unexpected<Error> bad(std::string what, std::string where = {}) {
  return refused(std::move(what), std::move(where), "the file is damaged or was not written by safetensors");
}

constexpr std::pair<std::string_view, DType> kDTypes[] = {
    {"BOOL", DType::boolean},
    {"U8", DType::u8},
    {"I8", DType::i8},
    {"U16", DType::u16},
    {"I16", DType::i16},
    {"F16", DType::f16},
    {"BF16", DType::bf16},
    {"U32", DType::u32},
    {"I32", DType::i32},
    {"F32", DType::f32},
    {"U64", DType::u64},
    {"I64", DType::i64},
    {"F64", DType::f64},
    {"C64", DType::c64},
    {"F4", DType::f4e2m1},
    {"F8_E4M3", DType::f8e4m3fn},
    {"F8_E5M2", DType::f8e5m2},
    {"F8_E8M0", DType::f8e8m0},
    {"F8_E4M3FNUZ", DType::f8e4m3fnuz},
    {"F8_E5M2FNUZ", DType::f8e5m2fnuz},
};

struct Entry {
  std::string name, dtype;
  std::vector<int64_t> shape, offsets;
  bool has_dtype = false, has_shape = false, has_offsets = false;
};

// The header, event by event: nothing is built but the entries, and what does not belong stops the parse.
class Header final : public nlohmann::json_sax<Json> {
 public:
  Header(const Limits& limits, std::map<std::string, std::string>& metadata) : limits_(limits), metadata_(metadata) {}
  std::vector<Entry> entries;
  std::string problem;
  bool too_many = false;

  bool start_object(std::size_t) override {
    if (place_ == Place::outside) place_ = Place::names;
    else if (place_ == Place::name_seen && key_ == "__metadata__") place_ = Place::metadata;
    else if (place_ == Place::name_seen) {
      if (std::cmp_greater_equal(entries.size(), limits_.tensors)) {
        too_many = true;
        return fail(fmt::format("more than {} tensors", limits_.tensors));
      }
      entries.emplace_back().name = key_;
      place_ = Place::fields;
    } else return fail("an object in an odd place");
    return true;
  }
  bool end_object() override {
    if (place_ == Place::names) place_ = Place::done;
    else if (place_ == Place::fields) {
      const Entry& e = entries.back();
      if (!e.has_dtype || !e.has_shape || !e.has_offsets) return fail("a tensor without dtype, shape or data_offsets");
      place_ = Place::names;
    } else place_ = Place::names;
    return true;
  }
  bool key(std::string& key) override {
    key_ = std::move(key);
    if (place_ == Place::names) {
      place_ = Place::name_seen;
      if (key_ == "__metadata__" && std::exchange(metadata_seen_, true)) return fail("__metadata__ twice");
      return true;
    }
    if (place_ == Place::metadata) return true;
    Entry& e = entries.back();
    bool* seen = key_ == "dtype"          ? &e.has_dtype
                 : key_ == "shape"        ? &e.has_shape
                 : key_ == "data_offsets" ? &e.has_offsets
                                          : nullptr;
    if (seen == nullptr) return fail(fmt::format("an unknown field '{}'", printable(key_)));
    if (std::exchange(*seen, true)) return fail(fmt::format("the field '{}' twice", key_));
    return true;
  }
  bool string(std::string& value) override {
    if (place_ == Place::metadata) {
      if (!metadata_.emplace(key_, std::move(value)).second)
        return fail(fmt::format("the text '{}' twice", printable(key_)));
      return true;
    }
    if (place_ != Place::fields || key_ != "dtype") return fail("a text in an odd place");
    entries.back().dtype = std::move(value);
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::fields || key_ == "dtype") return fail("a list in an odd place");
    place_ = Place::numbers;
    return true;
  }
  bool end_array() override {
    place_ = Place::fields;
    return true;
  }
  bool number_unsigned(uint64_t value) override {
    if (place_ != Place::numbers) return fail("a number in an odd place");
    if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return fail("a number that is too large");
    auto& list = key_ == "shape" ? entries.back().shape : entries.back().offsets;
    if (list.size() >= kMaxRank) return fail(fmt::format("more than {} dimensions", kMaxRank));
    list.push_back(static_cast<int64_t>(value));
    return true;
  }
  bool number_integer(int64_t) override { return fail("a negative number"); }
  bool number_float(double, const std::string&) override { return fail("a fraction"); }
  bool null() override { return fail("null"); }
  bool boolean(bool) override { return fail("true or false"); }
  bool binary(Json::binary_t&) override { return fail("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception&) override {
    return fail(fmt::format("no JSON at its byte {}", position));
  }

 private:
  enum class Place : uint8_t { outside, names, name_seen, metadata, fields, numbers, done };
  bool fail(std::string what) {
    problem = std::move(what);
    if (!entries.empty()) problem += fmt::format(" (near '{}')", printable(entries.back().name));
    return false;
  }
  const Limits& limits_;
  std::map<std::string, std::string>& metadata_;
  std::string key_;
  Place place_ = Place::outside;
  bool metadata_seen_ = false;
};

// Two elements a byte, the first in the low half; memory has one a byte.
Result<Tensor> unpack_f4(Bytes bytes, std::vector<int64_t> dims) {
  Tensor t = TRY(Tensor::allocate(DType::f4e2m1, std::move(dims)));
  std::byte* out = t.mutable_data();
  for (int64_t i = 0; i < t.elements(); ++i) {
    const std::byte pair = bytes[static_cast<std::size_t>(i / 2)];
    out[i] = (i % 2 == 0 ? pair : pair >> 4) & std::byte{0xf};
  }
  return t;
}

struct Placed {
  DType dtype = DType::f32;
  std::size_t begin = 0, end = 0;
};

Result<Placed> place(const Entry& e, std::size_t data_size) {
  const auto* dtype = std::ranges::find(kDTypes, e.dtype, &std::pair<std::string_view, DType>::first);
  if (dtype == std::end(kDTypes))
    return refused(fmt::format("has the unknown dtype '{}'", printable(e.dtype)), {}, "convert it to a known one");
  if (e.offsets.size() != 2) return bad("data_offsets are not two numbers");
  const auto begin = static_cast<std::size_t>(e.offsets[0]), end = static_cast<std::size_t>(e.offsets[1]);
  if (begin > end || end > data_size)
    return bad(fmt::format("its data_offsets [{}, {}] are outside the {} bytes of data", begin, end, data_size));
  const auto elements = checked_product(e.shape);
  const auto bits =
      elements ? checked_mul(*elements, bit_width(dtype->second) == 1 ? 8 : bit_width(dtype->second)) : std::nullopt;
  if (!bits || *bits % 8 != 0 || static_cast<std::size_t>(*bits / 8) != end - begin) {
    return bad(fmt::format("{} bytes are not what {}[{}] takes", end - begin, e.dtype, fmt::join(e.shape, ",")));
  }
  return Placed{dtype->second, begin, end};
}

}  // namespace

bool is_safetensors(Bytes file) {
  uint64_t length = 0;
  if (file.size() < sizeof length + 2) return false;
  std::memcpy(&length, file.data(), sizeof length);
  return file[sizeof length] == std::byte{'{'} && length >= 2;
}

Result<std::vector<NamedTensor>> read_safetensors(Bytes file, const std::shared_ptr<const void>& owner,
                                                  const Limits& limits, std::map<std::string, std::string>& metadata) {
  uint64_t length = 0;
  std::memcpy(&length, file.data(), sizeof length);
  if (length > file.size() - sizeof length)
    return bad(
        fmt::format("the header says that it has {} bytes; the file has {}", length, file.size() - sizeof length));
  if (std::cmp_greater(length, limits.header_bytes))
    return over_limit(limits, &Limits::header_bytes, fmt::format("the header has {} bytes", length), "header");
  const char* text = reinterpret_cast<const char*>(file.data()) + sizeof length;
  Header header(limits, metadata);
  if (!Json::sax_parse(text, text + length, &header)) {
    if (header.too_many) return over_limit(limits, &Limits::tensors, "the header has " + header.problem, "header");
    return bad("the header has " + header.problem, "header");
  }
  const Bytes data = file.subspan(sizeof length + length);

  std::vector<Placed> placed;
  std::vector<std::pair<std::size_t, std::size_t>> parts;
  for (const Entry& e : header.entries) {
    auto p = place(e, data.size());
    if (!p) return std::unexpected(std::move(p).error().within(fmt::format("tensor '{}'", printable(e.name))));
    placed.push_back(*p);
    parts.emplace_back(p->begin, p->end);
  }
  // The tensors cover the data once, without holes: so says the format, and nothing can be hidden in between.
  std::ranges::sort(parts);
  std::size_t covered = 0;
  for (const auto& [begin, end] : parts) {
    if (begin != covered)
      return bad(
          fmt::format("the tensors {} at byte {} of the data", begin < covered ? "overlap" : "leave a hole", begin));
    covered = end;
  }
  if (covered != data.size()) return bad(fmt::format("{} bytes follow the last tensor", data.size() - covered));

  std::vector<NamedTensor> tensors;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    Entry& e = header.entries[i];
    const Bytes bytes = data.subspan(placed[i].begin, placed[i].end - placed[i].begin);
    if (placed[i].dtype == DType::f4e2m1) {
      tensors.push_back({std::move(e.name), TRY(unpack_f4(bytes, std::move(e.shape)))});
    } else {
      const StorageBytes whole = TRY(aligned({bytes, owner}, placed[i].dtype));
      tensors.push_back({std::move(e.name), TRY(contiguous(placed[i].dtype, std::move(e.shape), whole))});
    }
  }
  return tensors;
}

}  // namespace burnish::checkpoint
