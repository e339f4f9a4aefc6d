#include "import/checkpoint/pickle_names.h"

#include <fmt/format.h>

namespace burnish::checkpoint {
namespace {

// `torch.dtype`s are written as names of the module torch.
constexpr KnownName kNames[] = {
    {"collections", "OrderedDict", Meaning::ordered_dict},
    {"collections", "defaultdict", Meaning::default_dict},
    {"builtins", "set", Meaning::set},
    {"__builtin__", "set", Meaning::set},
    {"builtins", "list", Meaning::opaque},  // what a defaultdict makes
    {"__builtin__", "list", Meaning::opaque},
    {"builtins", "dict", Meaning::opaque},
    {"__builtin__", "dict", Meaning::opaque},
    {"builtins", "complex", Meaning::opaque},
    {"__builtin__", "complex", Meaning::opaque},
    {"_codecs", "encode", Meaning::text},
    {"torch", "Size", Meaning::size},
    {"torch", "device", Meaning::opaque},
    {"torch", "Tensor", Meaning::tensor_type},
    {"torch.nn.parameter", "Parameter", Meaning::tensor_type},
    {"torch._utils", "_rebuild_tensor", Meaning::rebuild_tensor},
    {"torch._utils", "_rebuild_tensor_v2", Meaning::rebuild_tensor},
    {"torch._utils", "_rebuild_tensor_v3", Meaning::rebuild_tensor_v3},
    {"torch._utils", "_rebuild_parameter", Meaning::rebuild_parameter},
    {"torch._utils", "_rebuild_parameter_with_state", Meaning::rebuild_parameter},
    {"torch._tensor", "_rebuild_from_type_v2", Meaning::rebuild_subclass},
    {"torch.storage", "UntypedStorage", Meaning::untyped_storage},
    {"torch", "UntypedStorage", Meaning::untyped_storage},
    {"torch", "DoubleStorage", Meaning::storage_type, DType::f64},
    {"torch", "FloatStorage", Meaning::storage_type, DType::f32},
    {"torch", "HalfStorage", Meaning::storage_type, DType::f16},
    {"torch", "BFloat16Storage", Meaning::storage_type, DType::bf16},
    {"torch", "LongStorage", Meaning::storage_type, DType::i64},
    {"torch", "IntStorage", Meaning::storage_type, DType::i32},
    {"torch", "ShortStorage", Meaning::storage_type, DType::i16},
    {"torch", "CharStorage", Meaning::storage_type, DType::i8},
    {"torch", "ByteStorage", Meaning::storage_type, DType::u8},
    {"torch", "BoolStorage", Meaning::storage_type, DType::boolean},
    {"torch", "ComplexFloatStorage", Meaning::storage_type, DType::c64},
    {"torch", "ComplexDoubleStorage", Meaning::storage_type, DType::c128},
    {"torch", "float64", Meaning::dtype, DType::f64},
    {"torch", "float32", Meaning::dtype, DType::f32},
    {"torch", "float16", Meaning::dtype, DType::f16},
    {"torch", "bfloat16", Meaning::dtype, DType::bf16},
    {"torch", "float8_e4m3fn", Meaning::dtype, DType::f8e4m3fn},
    {"torch", "float8_e4m3fnuz", Meaning::dtype, DType::f8e4m3fnuz},
    {"torch", "float8_e5m2", Meaning::dtype, DType::f8e5m2},
    {"torch", "float8_e5m2fnuz", Meaning::dtype, DType::f8e5m2fnuz},
    {"torch", "float8_e8m0fnu", Meaning::dtype, DType::f8e8m0},
    {"torch", "int64", Meaning::dtype, DType::i64},
    {"torch", "int32", Meaning::dtype, DType::i32},
    {"torch", "int16", Meaning::dtype, DType::i16},
    {"torch", "int8", Meaning::dtype, DType::i8},
    {"torch", "uint64", Meaning::dtype, DType::u64},
    {"torch", "uint32", Meaning::dtype, DType::u32},
    {"torch", "uint16", Meaning::dtype, DType::u16},
    {"torch", "uint8", Meaning::dtype, DType::u8},
    {"torch", "bool", Meaning::dtype, DType::boolean},
    {"torch", "complex64", Meaning::dtype, DType::c64},
    {"torch", "complex128", Meaning::dtype, DType::c128},
};

}  // namespace

std::span<const KnownName> known_names() { return kNames; }

std::optional<std::size_t> find_known_name(std::string_view module, std::string_view name) {
  for (std::size_t i = 0; i < std::size(kNames); ++i) {
    if (kNames[i].module == module && kNames[i].name == name) return i;
  }
  return std::nullopt;
}

std::unexpected<Error> refuse_name(std::string_view module, std::string_view name, std::string where) {
  std::string_view kind;
  if (name == "_rebuild_qtensor" || name.starts_with("QInt") || name.starts_with("QUInt")) kind = "a quantised tensor";
  else if (name.starts_with("_rebuild_sparse")) kind = "a sparse tensor";
  else if (name.starts_with("_rebuild_meta")) kind = "a tensor without data";
  else if (name.starts_with("_rebuild_nested")) kind = "a nested tensor";
  else if ((module == "torch" || module == "torch._utils") && name.find('.') == name.npos &&
           (name.starts_with("_rebuild") || name.ends_with("Storage"))) {
    kind = "a kind of tensor that has no counterpart here";
  }
  if (!kind.empty()) {
    return refused(fmt::format("the checkpoint holds {} ({}.{})", kind, printable(module), printable(name)),
                   std::move(where), "save its dense, plain values instead");
  }
  return refused(fmt::format("the checkpoint names {}.{}, which is not on the list of names that only hold data",
                             printable(module), printable(name)),
                 std::move(where),
                 "nothing was executed; where the file is trusted, load it in PyTorch and save "
                 "torch.save(model.state_dict(), FILE)");
}

std::string printable(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) {
    if (c >= ' ' && c < 127) out += c;
    else fmt::format_to(std::back_inserter(out), "\\x{:02x}", static_cast<unsigned char>(c));
  }
  if (text.size() > 80) out += "...";
  return out;
}

}  // namespace burnish::checkpoint
