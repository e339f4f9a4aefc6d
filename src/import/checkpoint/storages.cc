#include "import/checkpoint/storages.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "base/checked.h"
#include "import/checkpoint/pickle_names.h"

namespace burnish::checkpoint {
namespace {

constexpr std::size_t kLongestName = 1024;

bool is_dense(const TensorRef& ref) {
  int64_t expected = 1;
  for (std::size_t i = ref.dims.size(); i-- > 0;) {
    if (ref.dims[i] != 1 && ref.strides[i] != expected) return false;
    expected *= ref.dims[i];
  }
  return true;
}

// rebuild() has shown that every element lies in the storage.
void gather(const TensorRef& ref, const std::byte* from, std::byte* to) {
  const std::size_t size = byte_size(ref.dtype), rank = ref.dims.size();
  const int64_t inner = rank == 0 ? 1 : ref.dims[rank - 1], step = rank == 0 ? 1 : ref.strides[rank - 1];
  std::vector<int64_t> index(rank, 0);
  int64_t row = ref.offset;
  while (true) {
    for (int64_t i = 0; i < inner; ++i, to += size)
      std::memcpy(to, from + static_cast<std::size_t>(row + i * step) * size, size);
    std::size_t axis = rank == 0 ? 0 : rank - 1;
    while (axis-- > 0) {
      row += ref.strides[axis];
      if (++index[axis] < ref.dims[axis]) break;
      row -= ref.strides[axis] * ref.dims[axis];
      index[axis] = 0;
    }
    if (axis == static_cast<std::size_t>(-1)) return;
  }
}

class Walk {
 public:
  Walk(const Pickle& pickle, std::vector<StorageBytes> storages, int64_t file_size, const Limits& limits)
      : pickle_(pickle),
        storages_(std::move(storages)),
        limits_(limits),
        budget_(file_size + limits.copied_bytes),
        visits_left_(pickle.size * 4 + 1024),
        name_bytes_left_(static_cast<std::size_t>(limits.pickle_bytes)),
        made_(pickle.tensors.size()) {}

  Result<std::vector<NamedTensor>> run() {
    ValueId root = pickle_.root;
    if (pickle_[root].kind == ValueKind::dict) root = weights_of(root);
    if (pickle_[root].kind == ValueKind::tensor) path_ = "tensor";
    TRY(visit(root, 0));
    return std::move(found_);
  }

 private:
  // A training checkpoint's dictionary of weights, or the root itself.
  ValueId weights_of(ValueId root) const {
    const auto& items = pickle_[root].items;
    for (std::size_t i = 1; i < items.size(); i += 2) {
      if (pickle_[items[i]].kind == ValueKind::tensor) return root;
    }
    for (const std::string_view name : {"state_dict", "model_state_dict", "model"}) {
      for (std::size_t i = 1; i < items.size(); i += 2) {
        const Value& key = pickle_[items[i - 1]];
        if (key.kind == ValueKind::text && key.text == name && pickle_[items[i]].kind == ValueKind::dict)
          return items[i];
      }
    }
    return root;
  }

  Status visit(ValueId id, std::size_t depth) {
    if (visits_left_-- == 0)
      return refused("the same objects are contained in too many others", {}, "save the weights alone");
    const Value& value = pickle_[id];
    const auto& items = value.items;
    if (value.kind == ValueKind::tensor) return add(static_cast<std::size_t>(value.number));
    const bool dict = value.kind == ValueKind::dict;
    if (!dict && value.kind != ValueKind::list && value.kind != ValueKind::tuple && value.kind != ValueKind::set)
      return {};
    if (items.empty()) return {};
    if (std::cmp_greater_equal(depth, limits_.pickle_depth))
      return over_limit(limits_, &Limits::pickle_depth,
                        fmt::format("objects are nested more than {} deep", limits_.pickle_depth));
    const std::size_t step = dict ? 2 : 1;
    for (std::size_t i = 0; i < items.size(); i += step) {
      const std::size_t length = path_.size();
      const bool named = named_;
      if (depth > 0) path_ += '.';
      if (!dict) path_ += std::to_string(i);
      else if (const Value& key = pickle_[items[i]]; key.kind == ValueKind::text)
        path_ += key.text.substr(0, kLongestName + 1);
      else if (key.kind == ValueKind::integer || key.kind == ValueKind::boolean) path_ += std::to_string(key.number);
      else named_ = false;
      TRY(visit(items[i + step - 1], depth + 1));
      path_.resize(length);
      named_ = named;
    }
    return {};
  }

  Status add(std::size_t index) {
    if (!named_)
      return refused("a tensor's key in its dictionary is neither a text nor an integer", {}, "save a state_dict");
    if (path_.size() > kLongestName)
      return refused(fmt::format("a tensor's name is longer than {} bytes", kLongestName), printable(path_));
    if (path_.size() > name_bytes_left_) return refused("the names of the tensors are too long together");
    name_bytes_left_ -= path_.size();
    if (std::cmp_greater_equal(found_.size(), limits_.tensors))
      return over_limit(limits_, &Limits::tensors, fmt::format("there are more than {} tensors", limits_.tensors));
    if (!made_[index]) {
      auto made = make(pickle_.tensors[index]);
      if (!made) return std::unexpected(std::move(made).error().within(fmt::format("tensor '{}'", printable(path_))));
      made_[index] = std::move(*made);
    }
    found_.push_back({path_, *made_[index]});
    return {};
  }

  Result<Tensor> make(const TensorRef& ref) {
    const StorageRef& storage = pickle_.storages[ref.storage];
    StorageBytes& root = storages_[pickle_.storage_index.at(storage.key)];
    root = TRY(aligned(std::move(root), ref.dtype));
    const std::size_t size = byte_size(ref.dtype);
    const std::size_t view =
        storage.view ? static_cast<std::size_t>(storage.view->offset) * (storage.dtype ? size : 1) : 0;
    const std::size_t begin = view + static_cast<std::size_t>(ref.offset) * size;
    const int64_t elements = *checked_product(ref.dims);
    if (elements == 0) return Tensor::allocate(ref.dtype, ref.dims);
    if (is_dense(ref)) return contiguous(ref.dtype, ref.dims, {root.bytes.subspan(begin), root.owner});
    const int64_t bytes = elements * static_cast<int64_t>(size);
    if (bytes > budget_) {
      return over_limit(
          limits_, &Limits::copied_bytes,
          fmt::format("tensors that do not lie dense in the file would take more than {} bytes beyond its "
                      "size",
                      limits_.copied_bytes));
    }
    budget_ -= bytes;
    auto copy = std::make_shared<Tensor>(TRY(Tensor::allocate(DType::u8, {bytes})));
    gather(ref, root.bytes.data() + view, copy->mutable_data());
    return contiguous(ref.dtype, ref.dims, {copy->bytes(), copy});
  }

  const Pickle& pickle_;
  std::vector<StorageBytes> storages_;
  const Limits& limits_;
  int64_t budget_;
  std::size_t visits_left_, name_bytes_left_;
  std::vector<std::optional<Tensor>> made_;  // by TensorRef: tied weights stay tied
  std::vector<NamedTensor> found_;
  std::string path_;
  bool named_ = true;
};

}  // namespace

Result<StorageBytes> aligned(StorageBytes storage, DType dtype) {
  const std::size_t alignment = dtype == DType::c64 || dtype == DType::c128 ? byte_size(dtype) / 2 : byte_size(dtype);
  if (reinterpret_cast<std::uintptr_t>(storage.bytes.data()) % alignment == 0) return storage;
  auto copy = std::make_shared<Tensor>(TRY(Tensor::allocate(DType::u8, {static_cast<int64_t>(storage.bytes.size())})));
  std::memcpy(copy->mutable_data(), storage.bytes.data(), storage.bytes.size());
  return StorageBytes{copy->bytes(), copy};
}

Result<Tensor> contiguous(DType dtype, std::vector<int64_t> dims, const StorageBytes& storage) {
  Tensor view = Tensor::view(dtype, std::move(dims), storage.bytes.data(), storage.owner);
  const auto is_bit = [](std::byte b) { return b <= std::byte{1}; };
  if (dtype != DType::boolean || std::ranges::all_of(view.bytes(), is_bit)) return view;
  Tensor copy = TRY(Tensor::allocate(dtype, view.dims()));
  std::ranges::transform(view.bytes(), copy.mutable_data(), [](std::byte b) { return std::byte{b != std::byte{0}}; });
  return copy;
}

Result<std::vector<NamedTensor>> named_tensors(const Pickle& pickle, std::vector<StorageBytes> storages,
                                               int64_t file_size, const Limits& limits) {
  return Walk(pickle, std::move(storages), file_size, limits).run();
}

}  // namespace burnish::checkpoint
