#include "runtime/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "ops/operator.h"
#include "runtime/composite.h"
#include "runtime/symbols.h"

namespace burnish {
namespace {

constexpr std::size_t kPlansKept = 8;
constexpr int64_t kUnbound = INT64_MIN;
constexpr int64_t kScratchApart = 256;  // so that workers do not share cache lines

}  // namespace

Frame::Frame(const Prepared& prepared, RunState& state)
    : prepared_(prepared), program_(*prepared.program), state_(state) {
  heap_.resize(program_.slots.size());
  heap_bytes_.assign(program_.slots.size(), 0);
  moving_.assign(program_.buffers.size(), nullptr);
  bodies_.resize(program_.bodies.size());
  composites_.resize(program_.steps.size());
}

Frame::~Frame() = default;

int64_t Frame::arena_bytes() const {
  int64_t bytes = plan_ == nullptr ? 0 : plan_->arena_bytes;
  for (const auto& body : bodies_)
    if (body != nullptr) bytes += body->arena_bytes();
  return bytes;
}

std::vector<LiveBuffer> Frame::arena() const {
  std::vector<LiveBuffer> buffers;
  for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
    const Buffer& buffer = program_.buffers[b];
    LiveBuffer& live = buffers.emplace_back(LiveBuffer{0, buffer.first_step, buffer.last_step});
    if (plan_ == nullptr || buffer.kind != Buffer::Kind::arena) continue;
    if (const auto bytes = evaluate(buffer.bytes, plan_->symbols)) live.bytes = *bytes;
    live.offset = plan_->buffer_offsets[b];
  }
  return buffers;
}

std::string Frame::input_name(std::size_t i) const {
  return i < program_.input_names.size() ? program_.input_names[i]
                                         : program_.slots[static_cast<std::size_t>(prepared_.arrivals[i])].name;
}

Result<SymbolTable> Frame::bind_arrivals(std::span<const RuntimeValue> arrived, const SymbolTable* outer) const {
  SymbolTable symbols;
  if (outer != nullptr)
    for (const std::string& name : prepared_.symbols)
      if (const auto found = outer->find(name); found != outer->end()) symbols.insert(*found);
  const auto wrong = [&](std::size_t i, const std::string& what) {
    const Type& type = program_.slots[static_cast<std::size_t>(prepared_.arrivals[i])].type;
    return usage_error(what + ", but must be " + type.text(), "input '" + input_name(i) + "'",
                       "give values of the types that the model takes");
  };
  for (std::size_t i = 0; i < arrived.size(); ++i) {
    const Type& type = program_.slots[static_cast<std::size_t>(prepared_.arrivals[i])].type;
    if (std::string what = kind_mismatch(arrived[i], type); !what.empty()) return wrong(i, what);
  }
  // Twice: expressions of symbols that a later input binds are checked in the second round.
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < arrived.size(); ++i) {
      const Type& declared = program_.slots[static_cast<std::size_t>(prepared_.arrivals[i])].type;
      if (!arrived[i].is_tensor()) continue;
      const Type& type = declared.kind == Type::Kind::optional && declared.element ? *declared.element : declared;
      if (!type.is_ranked_tensor()) continue;
      if (std::string what = bind_dims(type.dims, arrived[i].tensor().dims(), symbols); !what.empty())
        return usage_error("is " + describe(arrived[i]) + ", but must be " + type.text() + ": " + what,
                           "input '" + input_name(i) + "'", "give values of the types that the model takes");
    }
  }
  return symbols;
}

Result<ShapePlan*> Frame::plan_for(std::span<const RuntimeValue> arrived, const SymbolTable* outer) {
  key_.clear();
  for (const RuntimeValue& value : arrived) {
    if (!value.is_tensor()) {
      key_.push_back(-1 - static_cast<int64_t>(value.data.index()));
      continue;
    }
    key_.push_back(static_cast<int64_t>(value.tensor().dtype()));
    key_.push_back(value.tensor().rank());
    key_.insert(key_.end(), value.tensor().dims().begin(), value.tensor().dims().end());
  }
  if (outer != nullptr) {
    for (const std::string& name : prepared_.symbols) {
      const auto found = outer->find(name);
      key_.push_back(found == outer->end() ? kUnbound : found->second);
    }
  }
  for (std::size_t i = 0; i < plans_.size(); ++i) {
    if (plans_[i]->key != key_) continue;
    std::rotate(plans_.begin(), plans_.begin() + static_cast<std::ptrdiff_t>(i),
                plans_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    // The elements of sequences are not in the key.
    for (const RuntimeValue& value : arrived)
      if (value.is_sequence()) TRY(bind_arrivals(arrived, outer));
    return plans_.front().get();
  }
  SymbolTable symbols = TRY(bind_arrivals(arrived, outer));
  auto plan = TRY(ShapePlan::make(prepared_, std::move(symbols)));
  plan->key = key_;
  if (plans_.size() >= kPlansKept) plans_.pop_back();
  plans_.insert(plans_.begin(), std::move(plan));
  return plans_.front().get();
}

bool Frame::is_direct_output(std::size_t i) const {
  const Slot& slot = program_.slots[static_cast<std::size_t>(program_.outputs[i])];
  if (slot.heap()) return false;
  const Buffer& buffer = program_.buffers[static_cast<std::size_t>(slot.storage.buffer)];
  return buffer.kind == Buffer::Kind::output && static_cast<std::size_t>(buffer.index) == i;
}

// Arena, inputs and outputs: where every buffer starts in this run.
Status Frame::prepare_memory(std::span<const RuntimeValue> arrived, std::span<Tensor> preallocated) {
  TRY(counted_.use(state_, plan_->arena_bytes));
  TRY(arena_.reserve(plan_->arena_bytes));
  if (!plan_->resolved || plan_->arena != arena_.data()) plan_->resolve(prepared_, arena_.data());
  arrived_ = arrived;
  outputs_.assign(program_.outputs.size(), Tensor());
  for (std::size_t i = 0; i < outputs_.size(); ++i) {
    if (!is_direct_output(i)) continue;
    const auto s = static_cast<std::size_t>(program_.outputs[i]);
    const DType dtype = program_.slots[s].type.dtype;
    const Placement& placement = plan_->placements[s];
    if (!placement.contiguous || placement.offset != 0 || program_.slots[s].storage.format.dtype != dtype)
      return internal_error("output '" + program_.slots[s].name + "' is not stored in plain order");
    if (i < preallocated.size() && preallocated[i].dtype() == dtype && preallocated[i].dims() == placement.dims)
      outputs_[i] = preallocated[i];
    else if (outermost_ && state_.options->allocate_output)
      outputs_[i] = TRY(state_.options->allocate_output(dtype, placement.dims));
    else outputs_[i] = TRY(Tensor::allocate(dtype, placement.dims));
  }
  for (std::size_t b = 0; b < program_.buffers.size(); ++b) {
    const Buffer& buffer = program_.buffers[b];
    const auto i = static_cast<std::size_t>(buffer.index);
    if (buffer.kind == Buffer::Kind::output) {
      if (!is_direct_output(i)) return internal_error("an output's buffer is not the output's");
      moving_[b] = outputs_[i].mutable_data();
    } else if (buffer.kind == Buffer::Kind::input) {
      if (!arrived[i].is_tensor()) return internal_error("input '" + input_name(i) + "' is no tensor but has a buffer");
      const Tensor& tensor = arrived[i].tensor();
      const std::byte* data = tensor.data();
      if (const std::size_t size = std::min<std::size_t>(byte_size(tensor.dtype()), 8);
          reinterpret_cast<uintptr_t>(data) % size != 0) {
        aligned_.emplace_back(TRY(deep_copy(tensor)));
        data = aligned_.back().tensor().data();
      }
      moving_[b] = const_cast<std::byte*>(data);
    }
  }
  for (const ShapePlan::Pointer& pointer : plan_->changing)
    plan_->calls[static_cast<std::size_t>(pointer.step)].pointers[static_cast<std::size_t>(pointer.operand)] =
        moving_[static_cast<std::size_t>(pointer.buffer)] + pointer.bytes;
  return {};
}

Result<std::vector<RuntimeValue>> Frame::run(std::span<const RuntimeValue> arrived, const SymbolTable* outer,
                                             std::span<Tensor> preallocated) {
  if (arrived.size() != prepared_.arrivals.size())
    return usage_error(std::to_string(arrived.size()) + " inputs are given where " +
                       std::to_string(prepared_.arrivals.size()) + " are taken");
  outermost_ = outer == nullptr;
  plan_ = TRY(plan_for(arrived, outer));
  symbols_ = &plan_->symbols;
  if (prepared_.late) {
    late_symbols_ = plan_->symbols;
    symbols_ = &late_symbols_;
  }
  TRY(prepare_memory(arrived, preallocated));
  for (std::size_t i = 0; i < arrived.size(); ++i) {
    const auto s = static_cast<std::size_t>(prepared_.arrivals[i]);
    if (program_.slots[s].heap()) heap_[s] = arrived[i];  // counted by whoever made it
    if (program_.slots[s].contents) TRY(check_result(prepared_.arrivals[i]));
  }
  TRY(run_steps());
  auto outputs = TRY(collect_outputs(preallocated));
  clear();
  return outputs;
}

Status Frame::run_steps() {
  const bool cancellable = state_.options->cancelled != nullptr;
  std::size_t checked = 0;
  for (std::size_t i = 0; i < program_.steps.size(); ++i) {
    const Step& step = program_.steps[i];
    if (cancellable && state_.options->cancelled()) return usage_error("the run was cancelled");
    for (; checked < plan_->late_checks.size() && plan_->late_checks[checked]->step <= static_cast<int>(i); ++checked)
      TRY(verify(*plan_->late_checks[checked], *symbols_));
    const double start = state_.profile == nullptr ? 0 : state_.since_start();
    switch (step.kind) {
      case Step::Kind::kernel: TRY(run_kernel(i, step)); break;
      case Step::Kind::reference: TRY(run_reference(i, step)); break;
      case Step::Kind::branch: TRY(run_branch(step)); break;
      case Step::Kind::loop: TRY(run_loop(step)); break;
      case Step::Kind::scan: TRY(run_scan(step)); break;
    }
    for (int slot : prepared_.checked[i])
      if (Status status = check_result(slot); !status)
        return std::unexpected(std::move(status).error().within("'" + step.name + "'"));
    // Steps of bodies have rows of their own.
    if (state_.profile != nullptr && step.bodies.empty()) add_time(i, step, start);
    for (int slot : prepared_.release[i]) drop(slot);
  }
  for (; checked < plan_->late_checks.size(); ++checked) TRY(verify(*plan_->late_checks[checked], *symbols_));
  return {};
}

void Frame::add_time(std::size_t i, const Step& step, double start) {
  const bool kernel = step.kind == Step::Kind::kernel;
  StepTime time;
  time.seconds = state_.since_start() - start;
  time.name = step.name;
  time.kind = kernel ? "kernel " + program_.kernels[static_cast<std::size_t>(step.code)].name
                     : "reference " + prepared_.nodes[i]->op();
  time.program = &program_;
  time.step = static_cast<int>(i);
  time.start = start;
  if (kernel)
    for (const StepTime::Worker& worker : state_.workers)
      if (worker.busy > 0) time.workers.push_back(worker);
  state_.profile->push_back(std::move(time));
}

// A piece of a kernel's work, by the worker's clock where that is asked for.
void Frame::invoke(const KernelCall& call, const KernelArgs& args, int64_t first, int64_t last, int worker) {
  if (state_.workers.empty()) return call.function(&args, first, last);
  const double start = state_.since_start();
  call.function(&args, first, last);
  StepTime::Worker& part = state_.workers[static_cast<std::size_t>(worker)];
  part.last = state_.since_start();
  if (part.busy == 0) part.first = start;
  part.busy += part.last - start;
}

void Frame::invoke(const KernelCall& call) {
  for (std::size_t w = 0; w < state_.workers.size(); ++w) state_.workers[w] = {.number = static_cast<int>(w)};
  if (call.tasks <= 0) return;
  std::byte* scratch = call.scratch_bytes > 0 ? state_.scratch.data() : nullptr;
  const int64_t stride = round_up(call.scratch_bytes, kScratchApart);
  if (state_.pool == nullptr || call.tasks <= call.grain) {
    const KernelArgs args{call.pointers.data(), call.integers.data(), scratch, &state_.failure};
    return invoke(call, args, 0, call.tasks, 0);
  }
  state_.pool->parallel_for(call.tasks, call.grain, [&](int64_t first, int64_t last, int worker) {
    const KernelArgs args{call.pointers.data(), call.integers.data(),
                          scratch == nullptr ? nullptr : scratch + worker * stride, &state_.failure};
    invoke(call, args, first, last, worker);
  });
}

Status Frame::run_kernel(std::size_t i, const Step& step) {
  const KernelCall& call = plan_->calls[i];
  if (call.late) TRY(prepare_late(i, step));
  if (call.scratch_bytes > 0) {
    const auto bytes = checked_mul(round_up(call.scratch_bytes, kScratchApart), state_.threads());
    if (!bytes) return refused("a kernel needs too much scratch memory", step.name);
    TRY(state_.counted.use(state_, *bytes));
    TRY(state_.scratch.reserve(*bytes));
  }
  invoke(call);
  if (state_.failure.failed != 0) return outside(step);
  return {};
}

// A kernel found an index outside of what it indexes. The numbers are reset for the next kernel.
std::unexpected<Error> Frame::outside(const Step& step) {
  const KernelFailure failure = std::exchange(state_.failure, {});
  const auto operand = static_cast<std::size_t>(failure.operand);
  std::string source;  // the value that it was read from
  if (failure.operand >= 0 && operand < step.inputs.size())
    source = " of '" + program_.slots[static_cast<std::size_t>(step.inputs[operand])].name + "'";
  return refused(outside_text(failure.index, failure.low, failure.high, source), "node '" + step.name + "'",
                 "give indices within the range");
}

// Sizes that were bound since the run began, and operands that lie on the heap.
Status Frame::prepare_late(std::size_t i, const Step& step) {
  KernelCall& call = plan_->calls[i];
  TRY(evaluate(program_.kernels[static_cast<std::size_t>(step.code)], *symbols_, call));
  for (std::size_t k = 0; k < call.pointers.size(); ++k) {
    const bool output = k >= step.inputs.size();
    const int number = output ? step.outputs[k - step.inputs.size()] : step.inputs[k];
    const auto s = static_cast<std::size_t>(number);
    const Slot& slot = program_.slots[s];
    if (!slot.heap()) continue;
    if (output) {
      auto dims = TRY(evaluate(std::span(slot.type.dims), *symbols_));
      TRY(write(number, RuntimeValue(TRY(Tensor::allocate(slot.type.dtype, std::move(dims))))));
    }
    if (!heap_[s].is_tensor() || heap_[s].tensor().dtype() != slot.type.dtype)
      return internal_error("'" + slot.name + "' is " + describe(heap_[s]) + " where a kernel takes " +
                            slot.type.text());
    // The kernel's loops go by the declared dims: the value must have them.
    const auto dims = TRY(evaluate(std::span(slot.type.dims), *symbols_));
    if (heap_[s].tensor().dims() != dims)
      return refused("'" + slot.name + "' is " + describe(heap_[s]) + " but was declared " + slot.type.text(),
                     step.name);
    call.pointers[k] = heap_[s].tensor().mutable_data();
  }
  return {};
}

Status Frame::run_reference(std::size_t i, const Step& step) {
  const Node& node = *prepared_.nodes[i];
  std::vector<RuntimeValue> holders(step.inputs.size()), results(step.outputs.size());
  std::vector<const RuntimeValue*> inputs(step.inputs.size(), nullptr);
  for (std::size_t k = 0; k < inputs.size(); ++k)
    if (step.inputs[k] >= 0) inputs[k] = TRY(read(step.inputs[k], holders[k]));
  const Operator* definition = node.definition();
  if (definition != nullptr && definition->reference != nullptr) {
    TRY(burnish::run_reference(node, inputs, *symbols_, results));
  } else {
    if (composites_[i] == nullptr) composites_[i] = std::make_unique<CompositeCache>();
    RunOptions rest;  // of what this run may take
    rest.max_bytes = std::max(state_.options->max_bytes - state_.bytes, int64_t{0});
    rest.max_loop_iterations = state_.options->max_loop_iterations;
    if (state_.options->cancelled) rest.cancelled = std::cref(state_.options->cancelled);
    TRY(composites_[i]->run(node, inputs, *symbols_, rest, results));
  }
  for (std::size_t k = 0; k < results.size(); ++k)
    if (step.outputs[k] >= 0) TRY(write(step.outputs[k], std::move(results[k])));
  return {};
}

// What leaves is nobody else's memory: not the arena's, and for the caller not its own input, a constant or another output.
Result<std::vector<RuntimeValue>> Frame::collect_outputs(std::span<Tensor> preallocated) {
  std::vector<RuntimeValue> results(program_.outputs.size());
  const auto is_shared = [&](const RuntimeValue& value, std::size_t i) {
    const std::byte* data = value.tensor().data();
    const auto within = [&](const Tensor& t) { return data >= t.data() && data < t.data() + t.byte_size(); };
    for (const RuntimeValue& input : arrived_)
      if (input.is_tensor() && within(input.tensor())) return true;
    for (const Tensor& constant : program_.constants)
      if (within(constant)) return true;
    for (const Tensor& output : outputs_)  // those that are still to be given
      if (within(output)) return true;
    for (std::size_t j = 0; j < i; ++j)
      if (results[j].is_tensor() && within(results[j].tensor())) return true;
    return false;
  };
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (is_direct_output(i)) {
      results[i] = std::move(outputs_[i]);
      continue;
    }
    const auto s = static_cast<std::size_t>(program_.outputs[i]);
    const Slot& slot = program_.slots[s];
    RuntimeValue holder;
    const RuntimeValue& value = *TRY(read(program_.outputs[i], holder));
    if (!value.is_tensor()) {
      results[i] = value;
      TRY(own(results[i]));
      continue;
    }
    const Tensor& tensor = value.tensor();
    if (i < preallocated.size() && preallocated[i].dtype() == tensor.dtype() &&
        preallocated[i].dims() == tensor.dims() && tensor.dtype() != DType::string) {
      if (tensor.byte_size() > 0) std::memmove(preallocated[i].mutable_data(), tensor.data(), tensor.byte_size());
      results[i] = preallocated[i];
      continue;
    }
    bool copy = outermost_ && is_shared(value, i);
    if (slot.heap()) {
      // What arrived in a body may leave it again as it is: it outlives the body's run.
      const bool arrival = std::ranges::find(prepared_.arrivals, program_.outputs[i]) != prepared_.arrivals.end();
      copy = copy || (!arrival && is_borrowed(tensor));
    } else if (plan_->placements[s].contiguous) {
      const auto kind = program_.buffers[static_cast<std::size_t>(slot.storage.buffer)].kind;
      copy = copy || kind != Buffer::Kind::constant || &value == &holder;
    }
    results[i] = copy ? RuntimeValue(TRY(deep_copy(tensor))) : value;
  }
  return results;
}

}  // namespace burnish
