#include "runtime/shape_plan.h"

#include "base/checked.h"
#include "runtime/executor.h"
#include "runtime/symbols.h"

namespace burnish {

Status evaluate(const KernelCode& kernel, const SymbolTable& symbols, KernelCall& call) {
  call.integers.clear();
  for (const Dim& d : kernel.integers) call.integers.push_back(TRY(evaluate(d, symbols)));
  call.tasks = TRY(evaluate(kernel.tasks, symbols));
  call.grain = TRY(evaluate(kernel.grain, symbols));
  call.scratch_bytes = TRY(evaluate(kernel.scratch_bytes, symbols));
  if (call.scratch_bytes < 0 || call.grain < 1)
    return internal_error("scratch or grain is out of range", "kernel " + kernel.name);
  return {};
}

Status verify(const SizeCheck& check, const SymbolTable& symbols) {
  const Requirement& r = check.requirement;
  if (!known(r.value, symbols) || !known(r.bound, symbols)) return {};
  const int64_t value = TRY(evaluate(r.value, symbols)), bound = TRY(evaluate(r.bound, symbols));
  if (holds(r.kind, value, bound)) return {};
  constexpr const char* kRules[] = {"must be equal", "must not decrease", "must be equal unless one is 1",
                                    "must be equal unless the first is 1"};
  return usage_error(r.what + " are " + std::to_string(value) + " and " + std::to_string(bound) + ", but " +
                         kRules[static_cast<int>(r.kind)],
                     check.where, "give inputs whose sizes fit together");
}

namespace {

bool all_known(const KernelCode& kernel, const SymbolTable& symbols) {
  for (const Dim& d : kernel.integers)
    if (!known(d, symbols)) return false;
  return known(kernel.tasks, symbols) && known(kernel.grain, symbols) && known(kernel.scratch_bytes, symbols);
}

Status place_buffers(const Program& p, ShapePlan& plan) {
  std::vector<LiveBuffer> live;
  std::vector<std::size_t> owners;
  std::vector<int64_t> bytes(p.buffers.size());
  plan.buffer_offsets.assign(p.buffers.size(), 0);
  for (std::size_t b = 0; b < p.buffers.size(); ++b) {
    const Buffer& buffer = p.buffers[b];
    bytes[b] = TRY(evaluate(buffer.bytes, plan.symbols));
    if (buffer.kind == Buffer::Kind::constant &&
        bytes[b] > static_cast<int64_t>(p.constants[static_cast<std::size_t>(buffer.index)].byte_size()))
      return internal_error("a constant is smaller than its buffer");
    if (buffer.kind != Buffer::Kind::arena) continue;
    live.push_back({bytes[b], buffer.first_step, buffer.last_step});
    owners.push_back(b);
  }
  plan.arena_bytes = TRY(plan_arena(live));
  for (std::size_t i = 0; i < live.size(); ++i) plan.buffer_offsets[owners[i]] = live[i].offset;

  plan.placements.resize(p.slots.size());
  for (std::size_t s = 0; s < p.slots.size(); ++s) {
    const Slot& slot = p.slots[s];
    if (slot.heap()) continue;
    Placement& placement = plan.placements[s] = TRY(place(slot.type, slot.storage, plan.symbols));
    const int64_t extent = TRY(placement.extent(slot.storage.format));
    const auto b = static_cast<std::size_t>(slot.storage.buffer);
    if (extent > Range::kMax / static_cast<int64_t>(byte_size(slot.storage.format.dtype)))
      return refused("a value of " + slot.type.text() + " is too large", "'" + slot.name + "'",
                     "no value has more than 1 TiB: use smaller inputs");
    if (placement.elements() > 0 && extent > bytes[b] / static_cast<int64_t>(byte_size(slot.storage.format.dtype)))
      return internal_error("value '" + slot.name + "' does not fit its buffer");
    const Buffer& buffer = p.buffers[b];
    if (buffer.kind == Buffer::Kind::input || buffer.kind == Buffer::Kind::output) {
      // The memory is a tensor of the arriving or leaving slot's dims.
      const auto i = static_cast<std::size_t>(buffer.index);
      const int whole = buffer.kind == Buffer::Kind::output ? p.outputs[i]
                        : i < p.inputs.size()               ? p.inputs[i]
                                                            : p.captures[i - p.inputs.size()].first;
      const Type& type = p.slots[static_cast<std::size_t>(whole)].type;
      const auto dims = TRY(evaluate(std::span(type.dims), plan.symbols));
      const auto elements = checked_product(dims);
      if (!elements) return refused("a value of " + type.text() + " is too large");
      if (placement.elements() > 0 && extent * static_cast<int64_t>(byte_size(slot.storage.format.dtype)) >
                                          *elements * static_cast<int64_t>(byte_size(type.dtype)))
        return internal_error("value '" + slot.name + "' does not fit the input or output that it is in");
    }
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ShapePlan>> ShapePlan::make(const Prepared& prepared, SymbolTable symbols) {
  const Program& p = *prepared.program;
  auto plan = std::make_unique<ShapePlan>();
  plan->symbols = std::move(symbols);
  for (const SizeCheck& check : p.checks) {
    TRY(verify(check, plan->symbols));
    if (!known(check.requirement.value, plan->symbols) || !known(check.requirement.bound, plan->symbols))
      plan->late_checks.push_back(&check);
  }
  TRY(place_buffers(p, *plan));
  plan->calls.resize(p.steps.size());
  for (std::size_t i = 0; i < p.steps.size(); ++i) {
    const Step& step = p.steps[i];
    if (step.kind != Step::Kind::kernel) continue;
    const KernelCode& kernel = p.kernels[static_cast<std::size_t>(step.code)];
    KernelCall& call = plan->calls[i];
    call.function = reinterpret_cast<KernelFunction>(reinterpret_cast<uintptr_t>(prepared.code + kernel.offset));
    call.pointers.assign(step.inputs.size() + step.outputs.size(), nullptr);
    int operand = 0;
    for (const auto* list : {&step.inputs, &step.outputs}) {
      for (int slot : *list) {
        const Slot& s = p.slots[static_cast<std::size_t>(slot)];
        if (s.heap()) {
          call.late = true;
        } else {
          const auto kind = p.buffers[static_cast<std::size_t>(s.storage.buffer)].kind;
          const bool changes = kind == Buffer::Kind::input || kind == Buffer::Kind::output;
          (changes ? plan->changing : plan->fixed)
              .push_back({static_cast<int>(i), operand, s.storage.buffer,
                          plan->placements[static_cast<std::size_t>(slot)].offset *
                              static_cast<int64_t>(byte_size(s.storage.format.dtype))});
        }
        ++operand;
      }
    }
    if (!all_known(kernel, plan->symbols)) {
      call.late = true;
    } else {
      TRY(evaluate(kernel, plan->symbols, call));
    }
  }
  return plan;
}

void ShapePlan::resolve(const Prepared& prepared, std::byte* arena_start) {
  const Program& p = *prepared.program;
  resolved = false;
  arena = arena_start;
  const auto start = [&](int number) -> const std::byte* {
    const Buffer& buffer = p.buffers[static_cast<std::size_t>(number)];
    if (buffer.kind == Buffer::Kind::constant) return p.constants[static_cast<std::size_t>(buffer.index)].data();
    return arena_start + buffer_offsets[static_cast<std::size_t>(number)];
  };
  for (const Pointer& pointer : fixed)
    calls[static_cast<std::size_t>(pointer.step)].pointers[static_cast<std::size_t>(pointer.operand)] =
        const_cast<std::byte*>(start(pointer.buffer) + pointer.bytes);
  views.assign(p.slots.size(), {});
  for (std::size_t s = 0; s < p.slots.size(); ++s) {
    const Slot& slot = p.slots[s];
    const Placement& placement = placements[s];
    if (slot.heap() || !prepared.viewed[s] || !placement.contiguous || slot.storage.format.dtype != slot.type.dtype)
      continue;
    const Buffer& buffer = p.buffers[static_cast<std::size_t>(slot.storage.buffer)];
    if (buffer.kind == Buffer::Kind::input || buffer.kind == Buffer::Kind::output) continue;
    if (buffer.kind == Buffer::Kind::constant) {
      const Tensor& constant = p.constants[static_cast<std::size_t>(buffer.index)];
      if (placement.offset == 0 && constant.elements() == placement.elements() && constant.dtype() == slot.type.dtype) {
        views[s] = constant.reshaped(placement.dims);  // keeps the bytes alive, unlike a bare view
        continue;
      }
    }
    views[s] = Tensor::view(
        slot.type.dtype, placement.dims,
        start(slot.storage.buffer) + placement.offset * static_cast<int64_t>(byte_size(slot.type.dtype)), nullptr);
  }
  resolved = true;
}

}  // namespace burnish
