#pragma once
// The names that a pickle may mention, and what each stands for.

#include <optional>
#include <string_view>

#include "import/checkpoint/pickle.h"

namespace burnish::checkpoint {

enum class Meaning : uint8_t {
  ordered_dict,       // OrderedDict(), OrderedDict([(key, value) ...])
  default_dict,       // defaultdict(factory)
  set,                // set([values])
  size,               // torch.Size(tuple)
  text,               // _codecs.encode(text, encoding)
  opaque,             // anything said about it is ignored
  rebuild_tensor,     // (storage, offset, dims, strides, ...)
  rebuild_tensor_v3,  // the same, with the dtype as 7th argument
  rebuild_parameter,  // (tensor, ...)
  rebuild_subclass,   // (function, type, arguments, state)
  tensor_type,        // torch.Tensor, Parameter
  storage_type,
  untyped_storage,
  dtype,
};

struct KnownName {
  std::string_view module, name;
  Meaning meaning;
  DType dtype = DType::f32;  // of storage_type and dtype
};
std::span<const KnownName> known_names();
std::optional<std::size_t> find_known_name(std::string_view module, std::string_view name);
// Why this one is refused, and what to do.
std::unexpected<Error> refuse_name(std::string_view module, std::string_view name, std::string where);
// A file's text fit for a terminal: escaped and cut.
std::string printable(std::string_view text);

}  // namespace burnish::checkpoint
