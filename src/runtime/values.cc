// How a frame reads and writes its slots.

#include <algorithm>
#include <cstring>

#include "runtime/frame.h"
#include "runtime/symbols.h"

namespace burnish {

int64_t byte_count(const RuntimeValue& value) {
  if (value.is_tensor()) return static_cast<int64_t>(value.tensor().byte_size());
  int64_t bytes = 0;
  if (value.is_sequence())
    for (const RuntimeValue& element : value.elements()) bytes += byte_count(element);
  return bytes;
}

Result<Tensor> deep_copy(const Tensor& tensor) {
  Tensor copy = TRY(Tensor::allocate(tensor.dtype(), tensor.dims()));
  if (tensor.dtype() == DType::string) {
    const auto from = tensor.as<std::string>();
    std::copy(from.begin(), from.end(), copy.mutable_as<std::string>().begin());
  } else if (tensor.byte_size() > 0) {
    std::memcpy(copy.mutable_data(), tensor.data(), tensor.byte_size());
  }
  return copy;
}

Status RunState::add_bytes(int64_t more) {
  bytes += more;
  if (bytes <= options->max_bytes) return {};
  return refused(
      "the run needs more than the " + std::to_string(options->max_bytes) + " bytes that it may take", {},
      "use smaller inputs, or raise the limit 'run_bytes' (--limit run_bytes=VALUE; max_bytes of a run's options)");
}

Status Kept::use(RunState& state, int64_t wanted) {
  if (run != state.number) *this = {.bytes = 0, .run = state.number};
  if (wanted <= bytes) return {};
  const int64_t more = wanted - std::exchange(bytes, wanted);
  return state.add_bytes(more);
}

std::byte* Frame::buffer(int number) const {
  const auto b = static_cast<std::size_t>(number);
  const Buffer& buffer = program_.buffers[b];
  switch (buffer.kind) {
    case Buffer::Kind::arena: return arena_.data() + plan_->buffer_offsets[b];
    case Buffer::Kind::constant:
      return const_cast<std::byte*>(program_.constants[static_cast<std::size_t>(buffer.index)].data());
    default: return moving_[b];
  }
}

bool Frame::in_arena(const Tensor& tensor) const {
  return tensor.data() >= arena_.data() && tensor.data() < arena_.data() + arena_.bytes();
}

bool Frame::is_borrowed(const Tensor& tensor) const {
  const auto within = [&](const Tensor& t) {
    return tensor.data() >= t.data() && tensor.data() < t.data() + t.byte_size();
  };
  const auto value_within = [&](const RuntimeValue& value) { return value.is_tensor() && within(value.tensor()); };
  return in_arena(tensor) || std::ranges::any_of(arrived_, value_within) ||
         std::ranges::any_of(aligned_, value_within) || std::ranges::any_of(outputs_, within);
}

Status Frame::own(RuntimeValue& value) const {
  if (value.is_tensor()) {
    if (is_borrowed(value.tensor())) value = RuntimeValue(TRY(deep_copy(value.tensor())));
  } else if (value.is_sequence()) {
    std::vector<RuntimeValue> elements = value.elements();
    for (RuntimeValue& element : elements) TRY(own(element));
    value = RuntimeValue::sequence(std::move(elements));
  }
  return {};
}

Result<const RuntimeValue*> Frame::read(int number, RuntimeValue& holder) {
  const auto s = static_cast<std::size_t>(number);
  const Slot& slot = program_.slots[s];
  if (slot.heap()) return &heap_[s];
  if (!plan_->views[s].absent()) return &plan_->views[s];
  if (slot.storage.format.dtype != slot.type.dtype)
    return internal_error("'" + slot.name + "' is stored as another dtype than a reference step can read");
  const Placement& placement = plan_->placements[s];
  const std::byte* start = buffer(slot.storage.buffer);
  if (placement.contiguous) {
    holder = Tensor::view(slot.type.dtype, placement.dims,
                          start + placement.offset * static_cast<int64_t>(byte_size(slot.type.dtype)), nullptr);
  } else {
    Tensor copy = TRY(Tensor::allocate(slot.type.dtype, placement.dims));
    load_stored(start, placement, slot.storage.format, copy.mutable_data());
    holder = std::move(copy);
  }
  return &holder;
}

Status Frame::write(int number, RuntimeValue value) {
  const auto s = static_cast<std::size_t>(number);
  const Slot& slot = program_.slots[s];
  if (slot.heap()) {
    TRY(own(value));
    drop(number);
    heap_bytes_[s] = byte_count(value);
    heap_[s] = std::move(value);
    return state_.add_bytes(heap_bytes_[s]);
  }
  const Placement& placement = plan_->placements[s];
  if (!value.is_tensor() || value.tensor().dtype() != slot.type.dtype || slot.storage.format.dtype != slot.type.dtype ||
      value.tensor().dims() != placement.dims)
    return refused("'" + slot.name + "' is " + describe(value) + " where the program has room for " + slot.type.text(),
                   {}, "declare the size of this value as unknown in the model");
  std::byte* start = buffer(slot.storage.buffer);
  const Tensor& tensor = value.tensor();
  if (tensor.byte_size() == 0) return {};
  if (placement.contiguous) {
    std::memmove(start + placement.offset * static_cast<int64_t>(byte_size(slot.type.dtype)), tensor.data(),
                 tensor.byte_size());
  } else if (in_arena(tensor)) {  // an in-place result would be read while it is written
    store_stored(TRY(deep_copy(tensor)).data(), start, placement, slot.storage.format);
  } else {
    store_stored(tensor.data(), start, placement, slot.storage.format);
  }
  return {};
}

void Frame::drop(int number) {
  const auto s = static_cast<std::size_t>(number);
  heap_[s] = {};
  state_.bytes -= heap_bytes_[s];
  heap_bytes_[s] = 0;
}

void Frame::clear() {
  for (std::size_t s = 0; s < heap_.size(); ++s) drop(static_cast<int>(s));
  for (const auto& body : bodies_)
    if (body != nullptr) body->clear();
  outputs_.clear();
  aligned_.clear();
  arrived_ = {};
}

// A result that a step just wrote: it must be of the declared type, and may tell symbols' numbers.
Status Frame::check_result(int number) {
  const auto s = static_cast<std::size_t>(number);
  const Slot& slot = program_.slots[s];
  RuntimeValue holder;
  const RuntimeValue& value = *TRY(read(number, holder));
  const auto wrong = [&](const std::string& what) {
    return refused("the result is " + describe(value) + " but was declared " + slot.type.text() + ": " + what,
                   "'" + slot.name + "'", "correct the declared type in the model");
  };
  if (std::string what = kind_mismatch(value, slot.type); !what.empty()) return wrong("it " + what);
  if (!value.is_tensor()) return {};
  const Tensor& tensor = value.tensor();
  const Type& type = slot.type.kind == Type::Kind::optional && slot.type.element ? *slot.type.element : slot.type;
  if (type.is_ranked_tensor())
    if (std::string what = bind_dims(type.dims, tensor.dims(), *symbols_); !what.empty()) return wrong(what);
  if (slot.contents) {
    if (static_cast<int64_t>(slot.contents->size()) != tensor.elements() ||
        number_class(tensor.dtype()) == NumberClass::string)
      return wrong("it has another number of elements");
    for (int64_t i = 0; i < tensor.elements(); ++i) {
      const Dim& dim = (*slot.contents)[static_cast<std::size_t>(i)];
      const int64_t element = tensor.int_at(i);
      if (!bind_dim(dim, element, *symbols_))
        return refused("number " + std::to_string(i) + " of the sizes or amounts computed here is " +
                           std::to_string(element) + (element < 0 ? ", out of range" : ", not " + dim.text()),
                       "'" + slot.name + "'");
    }
  }
  return {};
}

}  // namespace burnish
