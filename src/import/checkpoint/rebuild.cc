#include "import/checkpoint/rebuild.h"

#include <fmt/format.h>

#include "base/checked.h"
#include "import/checkpoint/pickle_names.h"

namespace burnish::checkpoint {
namespace {

constexpr char kNotTorch[] = "the file is damaged or was not written by torch.save";

std::unexpected<Error> bad(std::string what) { return refused(std::move(what), {}, kNotTorch); }

Result<int64_t> non_negative(const Pickle& pickle, ValueId id, std::string_view what) {
  const Value& value = pickle[id];
  if (value.kind != ValueKind::integer)
    return bad(fmt::format("{} is {}, not an integer", what, kind_name(value.kind)));
  if (value.number < 0) return bad(fmt::format("{} is {}", what, value.number));
  return value.number;
}

Status spend(Pickle& pickle, std::size_t items) {
  if (items > pickle.copies_left)
    return refused("the pickle builds too much from the same arguments", {}, "save the weights alone");
  pickle.copies_left -= items;
  return {};
}

Result<std::vector<int64_t>> extents(Pickle& pickle, ValueId id, std::string_view what) {
  const Value& value = pickle[id];
  if (value.kind != ValueKind::tuple && value.kind != ValueKind::list)
    return bad(fmt::format("the {} of a tensor is {}, not a tuple", what, kind_name(value.kind)));
  if (value.items.size() > kMaxRank)
    return bad(fmt::format("a tensor has {} dimensions; {} are the most", value.items.size(), kMaxRank));
  TRY(spend(pickle, value.items.size()));
  std::vector<int64_t> out;
  for (const ValueId item : value.items) out.push_back(TRY(non_negative(pickle, item, what)));
  return out;
}

// Elements of `dtype` that the storage holds.
Result<int64_t> capacity(const StorageRef& storage, DType dtype) {
  const int64_t elements = storage.view ? storage.view->elements : storage.elements;
  if (!storage.dtype) return elements / static_cast<int64_t>(byte_size(dtype));
  if (*storage.dtype != dtype) {
    return bad(fmt::format("a tensor of {} lies in a storage of {}", name(dtype), name(*storage.dtype)));
  }
  return elements;
}

Result<Value> tensor(Pickle& pickle, const Value& arguments, bool with_dtype) {
  const auto& items = arguments.items;
  const std::size_t least = with_dtype ? 7 : 4, most = with_dtype ? 8 : 7;
  if (items.size() < least || items.size() > most)
    return bad(fmt::format("a tensor is built from {} arguments", items.size()));
  if (pickle[items[0]].kind != ValueKind::storage)
    return bad(fmt::format("a tensor is built on {}, not on a storage", kind_name(pickle[items[0]].kind)));
  TensorRef t;
  t.storage = static_cast<std::size_t>(pickle[items[0]].number);
  const StorageRef& storage = pickle.storages[t.storage];
  if (with_dtype) {
    const Value& type = pickle[items[6]];
    if (type.kind != ValueKind::name || known_names()[static_cast<std::size_t>(type.number)].meaning != Meaning::dtype)
      return bad(fmt::format("the dtype of a tensor is {}", kind_name(type.kind)));
    t.dtype = known_names()[static_cast<std::size_t>(type.number)].dtype;
  } else {
    if (!storage.dtype) return bad("a tensor without dtype lies in an untyped storage");
    t.dtype = *storage.dtype;
  }
  t.offset = TRY(non_negative(pickle, items[1], "the offset of a tensor"));
  t.dims = TRY(extents(pickle, items[2], "shape"));
  t.strides = TRY(extents(pickle, items[3], "strides"));
  if (t.dims.size() != t.strides.size())
    return bad(fmt::format("a tensor has {} dimensions and {} strides", t.dims.size(), t.strides.size()));
  // Conjugated and negated views say so in the last argument.
  if (items.size() == most) {
    const Value& flags = pickle[items.back()];
    if (flags.kind != ValueKind::none && (flags.kind != ValueKind::dict || !flags.items.empty())) {
      return refused("a tensor carries flags (a conjugated or negated view, or attributes)", {},
                     "save tensor.resolve_conj().resolve_neg().clone()");
    }
  }
  const auto elements = checked_product(t.dims);
  if (!elements || !checked_mul(*elements, static_cast<int64_t>(byte_size(t.dtype))))
    return bad(fmt::format("a tensor of shape [{}] is too large", fmt::join(t.dims, ",")));
  const int64_t available = TRY(capacity(storage, t.dtype));
  // One past the last element that it reaches.
  std::optional<int64_t> end = t.offset;
  if (*elements > 0) {
    for (std::size_t i = 0; i < t.dims.size() && end; ++i) {
      const auto reach = checked_mul(t.dims[i] - 1, t.strides[i]);
      end = reach ? checked_add(*end, *reach) : std::nullopt;
    }
    if (end) end = checked_add(*end, 1);
  }
  if (!end || *end > available) {
    return bad(fmt::format("a tensor of shape [{}], strides [{}] at {} reaches beyond its storage of {} elements",
                           fmt::join(t.dims, ","), fmt::join(t.strides, ","), t.offset, available));
  }
  pickle.tensors.push_back(std::move(t));
  return Value{
      .kind = ValueKind::tensor, .number = static_cast<int64_t>(pickle.tensors.size()) - 1, .text = {}, .items = {}};
}

Result<Value> ordered_dict(Pickle& pickle, const Value& arguments) {
  Value dict{.kind = ValueKind::dict, .number = 0, .text = {}, .items = {}};
  if (arguments.items.empty()) return dict;
  const Value& pairs = pickle[arguments.items[0]];
  if (arguments.items.size() != 1 || pairs.kind != ValueKind::list)
    return bad("OrderedDict is built from something else than a list");
  TRY(spend(pickle, 2 * pairs.items.size()));
  for (const ValueId id : pairs.items) {
    const Value& pair = pickle[id];
    if ((pair.kind != ValueKind::tuple && pair.kind != ValueKind::list) || pair.items.size() != 2)
      return bad("OrderedDict is built from something else than pairs");
    dict.items.insert(dict.items.end(), pair.items.begin(), pair.items.end());
  }
  return dict;
}

}  // namespace

Result<Value> rebuild(Pickle& pickle, ValueId callee, ValueId arguments) {
  const Value& function = pickle[callee];
  const Value& given = pickle[arguments];
  if (function.kind != ValueKind::name) return bad(fmt::format("the pickle calls {}", kind_name(function.kind)));
  if (given.kind != ValueKind::tuple) return bad(fmt::format("the arguments of a call are {}", kind_name(given.kind)));
  const KnownName& known = known_names()[static_cast<std::size_t>(function.number)];
  const auto& items = given.items;
  switch (known.meaning) {
    case Meaning::ordered_dict: return ordered_dict(pickle, given);
    case Meaning::default_dict:
      if (items.size() > 1) return bad("defaultdict is built from contents");
      return Value{.kind = ValueKind::dict, .number = 0, .text = {}, .items = {}};
    case Meaning::set:
      if (items.size() == 1 && pickle[items[0]].kind == ValueKind::list) {
        TRY(spend(pickle, pickle[items[0]].items.size()));
        return Value{.kind = ValueKind::set, .number = 0, .text = {}, .items = pickle[items[0]].items};
      }
      return bad("a set is built from something else than a list");
    case Meaning::size:
      if (items.size() == 1 && pickle[items[0]].kind == ValueKind::tuple) {
        TRY(spend(pickle, pickle[items[0]].items.size()));
        return pickle[items[0]];
      }
      return bad("torch.Size is built from something else than a tuple");
    case Meaning::text:
      if (items.size() == 2 && pickle[items[0]].kind == ValueKind::text) return pickle[items[0]];
      return bad("_codecs.encode is given something else than a text");
    case Meaning::opaque: return Value{.kind = ValueKind::opaque, .number = 0, .text = {}, .items = {}};
    case Meaning::rebuild_tensor: return tensor(pickle, given, false);
    case Meaning::rebuild_tensor_v3: return tensor(pickle, given, true);
    case Meaning::rebuild_parameter:
      if (items.size() >= 3 && items.size() <= 4 && pickle[items[0]].kind == ValueKind::tensor) return pickle[items[0]];
      return bad("a parameter is built from something else than a tensor");
    case Meaning::rebuild_subclass: {
      // (function, type, arguments, state): a tensor with attributes of its own, which are dropped.
      if (items.size() != 4)
        return bad(fmt::format("a tensor with attributes is built from {} arguments", items.size()));
      const Value& inner = pickle[items[0]];
      const Value& type = pickle[items[1]];
      const auto meaning = [](const Value& v) {
        return v.kind == ValueKind::name ? known_names()[static_cast<std::size_t>(v.number)].meaning : Meaning::opaque;
      };
      if (meaning(type) != Meaning::tensor_type) return bad("a tensor with attributes is of a type that is not known");
      if (meaning(inner) != Meaning::rebuild_tensor && meaning(inner) != Meaning::rebuild_tensor_v3 &&
          meaning(inner) != Meaning::rebuild_parameter) {
        return bad("a tensor with attributes is built by a function that is not known");
      }
      return rebuild(pickle, items[0], items[2]);
    }
    case Meaning::tensor_type:
    case Meaning::storage_type:
    case Meaning::untyped_storage:
    case Meaning::dtype: break;
  }
  return bad(fmt::format("{}.{} is called, which torch.save does not write", known.module, known.name));
}

Result<Value> persistent(Pickle& pickle, ValueId id) {
  const Value& value = pickle[id];
  const auto& items = value.items;
  if (value.kind != ValueKind::tuple || items.size() < 5 || items.size() > 6 ||
      pickle[items[0]].kind != ValueKind::text)
    return bad("a persistent id is not of the form ('storage', type, key, location, elements)");
  if (pickle[items[0]].text == "module") {
    return refused("the checkpoint holds the source code of a module", {}, "save torch.save(model.state_dict(), FILE)");
  }
  if (pickle[items[0]].text != "storage" || pickle[items[1]].kind != ValueKind::name ||
      pickle[items[2]].kind != ValueKind::text)
    return bad("a persistent id is not of the form ('storage', type, key, location, elements)");
  const KnownName& type = known_names()[static_cast<std::size_t>(pickle[items[1]].number)];
  StorageRef storage;
  storage.key = pickle[items[2]].text;
  if (type.meaning == Meaning::storage_type) storage.dtype = type.dtype;
  else if (type.meaning != Meaning::untyped_storage)
    return bad(fmt::format("{}.{} is not a storage", type.module, type.name));
  storage.elements = TRY(non_negative(pickle, items[4], "the size of a storage"));
  const int64_t size = storage.dtype ? static_cast<int64_t>(byte_size(*storage.dtype)) : 1;
  if (!checked_mul(storage.elements, size)) return bad(fmt::format("a storage has {} elements", storage.elements));
  const auto [known, fresh] = pickle.storage_index.try_emplace(storage.key, pickle.storages.size());
  if (fresh) {
    pickle.storages.push_back(storage);
  } else if (const StorageRef& first = pickle.storages[known->second];
             first.dtype != storage.dtype || first.elements != storage.elements) {
    return bad(fmt::format("storage '{}' is described twice, differently", printable(storage.key)));
  }
  std::size_t index = known->second;
  if (items.size() == 6 && pickle[items[5]].kind != ValueKind::none) {
    const Value& view = pickle[items[5]];
    if (view.kind != ValueKind::tuple || view.items.size() != 3)
      return bad("a storage's view is not of the form (key, offset, elements)");
    StorageRef::View part;
    part.offset = TRY(non_negative(pickle, view.items[1], "the offset of a storage's view"));
    part.elements = TRY(non_negative(pickle, view.items[2], "the size of a storage's view"));
    if (part.offset > storage.elements || part.elements > storage.elements - part.offset)
      return bad(fmt::format("a view of {} elements at {} reaches beyond its storage of {}", part.elements, part.offset,
                             storage.elements));
    storage.view = part;
    index = pickle.storages.size();
    pickle.storages.push_back(std::move(storage));
  }
  return Value{.kind = ValueKind::storage, .number = static_cast<int64_t>(index), .text = {}, .items = {}};
}

}  // namespace burnish::checkpoint
