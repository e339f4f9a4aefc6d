#include "tests/support/stored_operand.h"

#include <algorithm>
#include <cstring>

namespace burnish::test {

StoredOperand::StoredOperand(DType dtype, std::vector<int64_t> dims, const Storage& storage, const SymbolTable& symbols,
                             bool at_start)
    : dtype_(dtype), dims_(std::move(dims)) {
  int64_t last = 0;
  bool empty = false;
  for (std::size_t d = 0; d < dims_.size(); ++d) {
    const auto stride = evaluate(storage.strides[d], symbols);
    CHECK(stride.has_value(), storage.strides[d].text());
    strides_.push_back(*stride);
    blocks_.push_back(block_of(storage.format, d));
    borders_.push_back(border_of(storage.format, d));
    inner_.push_back(blocks_[d] > 1 ? inner_stride(storage.format, d) : 0);
    empty |= dims_[d] == 0;
    last += (ceil_div(dims_[d] + 2 * borders_[d], blocks_[d]) - 1) * strides_[d] + (blocks_[d] - 1) * inner_[d];
  }
  const std::size_t bytes = empty ? 0 : static_cast<std::size_t>(last + 1) * byte_size(dtype_);
  memory_ = std::make_unique<GuardedMemory>(bytes, at_start);
  if (bytes > 0) std::memset(memory_->data(), 0x7b, bytes);
}

template <class F>
void StoredOperand::each_element(F f) const {
  std::vector<int64_t> index(dims_.size());
  if (std::find(dims_.begin(), dims_.end(), 0) != dims_.end()) return;
  for (int64_t number = 0;; ++number) {
    int64_t place = 0;
    for (std::size_t d = 0; d < dims_.size(); ++d) {
      const int64_t m = index[d] + borders_[d];
      place += m / blocks_[d] * strides_[d] + m % blocks_[d] * inner_[d];
    }
    f(number, place);
    std::size_t d = dims_.size();
    while (d > 0 && ++index[d - 1] == dims_[d - 1]) index[--d] = 0;
    if (d == 0) return;
  }
}

void StoredOperand::write(const Tensor& tensor) {
  const auto size = static_cast<int64_t>(byte_size(dtype_));
  each_element([&](int64_t number, int64_t place) {
    std::memcpy(memory_->data() + place * size, tensor.data() + number * size, static_cast<std::size_t>(size));
  });
}

Tensor StoredOperand::read() const {
  auto tensor = Tensor::allocate(dtype_, dims_);
  CHECK(tensor.has_value());
  const auto size = static_cast<int64_t>(byte_size(dtype_));
  each_element([&](int64_t number, int64_t place) {
    std::memcpy(tensor->mutable_data() + number * size, memory_->data() + place * size, static_cast<std::size_t>(size));
  });
  return std::move(*tensor);
}

Storage scattered_storage(DType dtype, const std::vector<int64_t>& dims, std::mt19937& random) {
  Storage storage = dense_storage(Format::plain(dtype, static_cast<int64_t>(dims.size())), to_dims(dims));
  std::vector<std::size_t> order(dims.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), random);
  int64_t stride = random() % 3 == 0 ? 2 : 1;
  for (std::size_t d : order) {
    storage.strides[d] = Dim(stride);
    stride = stride * std::max<int64_t>(dims[d], 1) + static_cast<int64_t>(random() % 3);
  }
  return storage;
}

}  // namespace burnish::test
