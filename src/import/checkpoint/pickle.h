#pragma once
// Python's pickle as data. The machine knows the opcodes that torch.save writes and a short list of names; a name stands for
// a fixed way of building data here, never for code. Everything else is refused with its offset.

#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "import/checkpoint/checkpoint.h"

namespace burnish::checkpoint {

using Bytes = std::span<const std::byte>;
using ValueId = uint32_t;

enum class ValueKind : uint8_t {
  none,
  boolean,
  integer,
  real,
  text,  // str or bytes
  big,   // an integer of more than 64 bits: its bytes as text
  tuple,
  list,
  dict,  // items: key, value, key, value ...
  set,
  name,     // number: an index into known_names()
  storage,  // number: an index into Pickle::storages
  tensor,   // number: an index into Pickle::tensors
  opaque,   // a known object that holds no tensor (torch.device ...)
};
std::string_view kind_name(ValueKind kind);

struct Value {
  ValueKind kind = ValueKind::none;
  int64_t number = 0;
  std::string_view text;  // in the pickle's bytes
  std::vector<ValueId> items;
};

// What a persistent id asks for: bytes that lie elsewhere in the file.
struct StorageRef {
  std::string_view key;
  std::optional<DType> dtype;  // nothing: counted in bytes, the tensor says the dtype
  int64_t elements = 0;        // of the dtype; bytes without one
  struct View {                // the stream form: a part of the storage, in elements
    int64_t offset = 0, elements = 0;
  };
  std::optional<View> view;
};

struct TensorRef {
  std::size_t storage = 0;
  DType dtype = DType::f32;
  int64_t offset = 0;  // of the first element, in elements of the dtype
  std::vector<int64_t> dims, strides;
};

// One parsed pickle. Its texts point into the bytes that it was parsed from.
struct Pickle {
  std::deque<Value> values;  // never moved: rebuilding refers to some while it adds others
  std::vector<StorageRef> storages;
  std::vector<TensorRef> tensors;
  std::unordered_map<std::string_view, std::size_t> storage_index;  // by key; views are not in it
  std::size_t copies_left = 0;  // items that calls may still copy: shared arguments must not multiply
  ValueId root = 0;
  std::size_t size = 0;  // bytes read, up to and with STOP
  const Value& operator[](ValueId id) const { return values[id]; }
};

// Reads one pickle at the beginning of `bytes`. `base` is where they begin in the file, for messages.
Result<Pickle> parse_pickle(Bytes bytes, std::size_t base, const Limits& limits);

}  // namespace burnish::checkpoint
