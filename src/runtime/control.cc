// Branches, loops and scans.

#include <cstring>

#include "base/checked.h"
#include "runtime/frame.h"
#include "runtime/symbols.h"

namespace burnish {
namespace {

constexpr const char* kLoopRemedy =
    "check the loop's trip count and condition, or raise the limit 'loop_iterations' (--limit loop_iterations=VALUE; "
    "limits of an engine's options)";

// Pieces of equal type, laid one after the other along a new outermost axis.
class Stack {
 public:
  Status add(const RuntimeValue& value, const std::string& where) {
    if (!value.is_tensor()) return refused("a value that is collected over iterations is " + describe(value), where);
    const Tensor& tensor = value.tensor();
    if (!pieces_.empty() && (tensor.dims() != pieces_[0].dims() || tensor.dtype() != pieces_[0].dtype()))
      return refused("iteration " + std::to_string(pieces_.size()) + " gives " + describe(value) + " after " +
                         pieces_[0].type().text(),
                     where, "values that are collected must have the same shape");
    pieces_.push_back(tensor);
    return {};
  }
  // `empty` is the type of a piece when there is none. Along axis `axis` of the result, backwards if `reversed`.
  Result<Tensor> finish(DType dtype, std::vector<int64_t> empty, int64_t axis, bool reversed) const {
    std::vector<int64_t> dims = pieces_.empty() ? std::move(empty) : pieces_[0].dims();
    if (!pieces_.empty()) dtype = pieces_[0].dtype();
    const auto rank = static_cast<int64_t>(dims.size()) + 1;
    if (axis < 0) axis += rank;
    if (axis < 0 || axis >= rank) return refused("values are collected along an axis that they do not have");
    int64_t outer = 1, inner = 1;
    for (int64_t d = 0; d < axis; ++d) outer *= dims[static_cast<std::size_t>(d)];
    for (int64_t d = axis; d < rank - 1; ++d) inner *= dims[static_cast<std::size_t>(d)];
    const auto count = static_cast<int64_t>(pieces_.size());
    dims.insert(dims.begin() + axis, count);
    Tensor result = TRY(Tensor::allocate(dtype, std::move(dims)));
    for (int64_t i = 0; i < count; ++i) {
      const Tensor& piece = pieces_[static_cast<std::size_t>(reversed ? count - 1 - i : i)];
      for (int64_t o = 0; o < outer; ++o) copy_elements(piece, o * inner, result, (o * count + i) * inner, inner);
    }
    return result;
  }
  static void copy_elements(const Tensor& from, int64_t at, Tensor& to, int64_t where, int64_t count) {
    if (count == 0) return;
    if (from.dtype() == DType::string) {
      for (int64_t i = 0; i < count; ++i)
        to.mutable_as<std::string>()[static_cast<std::size_t>(where + i)] =
            from.as<std::string>()[static_cast<std::size_t>(at + i)];
      return;
    }
    const std::size_t size = byte_size(from.dtype());
    std::memcpy(to.mutable_data() + static_cast<std::size_t>(where) * size,
                from.data() + static_cast<std::size_t>(at) * size, static_cast<std::size_t>(count) * size);
  }

  int64_t bytes() const {
    int64_t sum = 0;
    for (const Tensor& piece : pieces_) sum += static_cast<int64_t>(piece.byte_size());
    return sum;
  }

 private:
  std::vector<Tensor> pieces_;
};

// Element `index` along `axis`, without the axis.
Result<Tensor> slice_piece(const Tensor& whole, int64_t axis, int64_t index) {
  std::vector<int64_t> dims = whole.dims();
  int64_t outer = 1, inner = 1;
  for (int64_t d = 0; d < axis; ++d) outer *= dims[static_cast<std::size_t>(d)];
  for (int64_t d = axis + 1; d < whole.rank(); ++d) inner *= dims[static_cast<std::size_t>(d)];
  const int64_t count = dims[static_cast<std::size_t>(axis)];
  dims.erase(dims.begin() + axis);
  Tensor piece = TRY(Tensor::allocate(whole.dtype(), std::move(dims)));
  for (int64_t o = 0; o < outer; ++o) Stack::copy_elements(whole, (o * count + index) * inner, piece, o * inner, inner);
  return piece;
}

Result<bool> truth(const RuntimeValue& value, const std::string& where) {
  if (!value.is_tensor() || value.tensor().dtype() != DType::boolean || value.tensor().elements() != 1)
    return refused("the condition is " + describe(value) + ", not one bool", where);
  return value.tensor().int_at(0) != 0;
}

int64_t entry(const std::vector<int64_t>& list, std::size_t i) { return i < list.size() ? list[i] : 0; }

}  // namespace

Frame& Frame::body(int number) {
  auto& frame = bodies_[static_cast<std::size_t>(number)];
  if (frame == nullptr) frame = std::make_unique<Frame>(*prepared_.bodies[static_cast<std::size_t>(number)], state_);
  return *frame;
}

Status Frame::append_captures(int number, std::vector<RuntimeValue>& arrived) {
  for (const auto& [inner, outer] : program_.bodies[static_cast<std::size_t>(number)]->captures) {
    RuntimeValue holder;
    arrived.push_back(*TRY(read(outer, holder)));
  }
  return {};
}

// Dims of one piece of a collected output, as far as they are known; 0 elsewhere.
Dims Frame::piece_dims(int slot) const {
  if (slot < 0) return {};
  const Type& type = program_.slots[static_cast<std::size_t>(slot)].type;
  Dims dims;
  for (const Dim& d : type.dims) {
    const auto value = known(d, *symbols_) ? evaluate(d, *symbols_) : Result<int64_t>(0);
    dims.emplace_back(value ? *value : 0);
  }
  return dims;
}

Status Frame::run_branch(const Step& step) {
  RuntimeValue holder;
  const bool condition = TRY(truth(*TRY(read(step.inputs[0], holder)), step.name));
  const int number = step.bodies[condition ? 0 : 1];
  std::vector<RuntimeValue> arrived;
  TRY(append_captures(number, arrived));
  auto results = TRY(body(number).run(arrived, symbols_));
  for (std::size_t i = 0; i < step.outputs.size(); ++i)
    if (step.outputs[i] >= 0) TRY(write(step.outputs[i], std::move(results[i])));
  return {};
}

Status Frame::run_loop(const Step& step) {
  const std::size_t carried = step.inputs.size() - 2;
  int64_t trips = INT64_MAX;
  bool condition = true;
  RuntimeValue holder;
  if (step.inputs[0] >= 0) {
    const RuntimeValue& value = *TRY(read(step.inputs[0], holder));
    if (!value.is_tensor() || !is_integer(value.tensor().dtype()) || value.tensor().elements() != 1)
      return refused("the trip count is " + describe(value) + ", not one integer", step.name);
    trips = value.tensor().int_at(0);
  }
  if (step.inputs[1] >= 0) condition = TRY(truth(*TRY(read(step.inputs[1], holder)), step.name));
  const Tensor initial_condition = Tensor::scalar(DType::boolean, condition ? 1 : 0);
  std::vector<RuntimeValue> arrived = {RuntimeValue(), RuntimeValue(initial_condition)};
  for (std::size_t i = 0; i < carried; ++i) {
    RuntimeValue initial;
    arrived.push_back(step.inputs[i + 2] < 0 ? RuntimeValue() : *TRY(read(step.inputs[i + 2], initial)));
  }
  TRY(append_captures(step.bodies[0], arrived));
  std::vector<Stack> stacks(step.outputs.size() - carried);
  Frame& frame = body(step.bodies[0]);
  for (int64_t trip = 0; trip < trips && condition; ++trip) {
    if (++state_.iterations > state_.options->max_loop_iterations)
      return refused(
          "the run's loops make more than " + std::to_string(state_.options->max_loop_iterations) + " iterations",
          step.name, kLoopRemedy);
    if (state_.options->cancelled && state_.options->cancelled()) return usage_error("the run was cancelled");
    arrived[0] = Tensor::scalar(DType::i64, 0);
    arrived[0].tensor().mutable_as<int64_t>()[0] = trip;  // exact, where a double would not be
    auto results = TRY(frame.run(arrived, symbols_));
    condition = TRY(truth(results[0], step.name));
    arrived[1] = Tensor::scalar(DType::boolean, condition ? 1 : 0);  // of rank 0, whatever the body made of it
    for (std::size_t i = 0; i < carried; ++i) arrived[i + 2] = std::move(results[i + 1]);
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      TRY(state_.add_bytes(byte_count(results[carried + 1 + i])));
      TRY(stacks[i].add(results[carried + 1 + i], step.name));
    }
  }
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    if (step.outputs[i] < 0) continue;
    if (i < carried) {
      TRY(write(step.outputs[i], std::move(arrived[i + 2])));
      continue;
    }
    const Dims whole = piece_dims(step.outputs[i]);
    std::vector<int64_t> piece;
    for (std::size_t d = 1; d < whole.size(); ++d) piece.push_back(whole[d].value());
    const DType dtype = program_.slots[static_cast<std::size_t>(step.outputs[i])].type.dtype;
    TRY(write(step.outputs[i], RuntimeValue(TRY(stacks[i - carried].finish(dtype, std::move(piece), 0, false)))));
  }
  for (const Stack& stack : stacks) state_.bytes -= stack.bytes();
  return {};
}

Status Frame::run_scan(const Step& step) {
  const auto scanned = static_cast<std::size_t>(step.scan.inputs);
  const std::size_t carried = step.inputs.size() - scanned;
  std::vector<RuntimeValue> arrived;
  std::vector<RuntimeValue> wholes;
  std::vector<int64_t> axes;
  int64_t trips = -1;
  for (std::size_t i = 0; i < step.inputs.size(); ++i) {
    RuntimeValue holder;
    if (step.inputs[i] < 0) return refused("an operand of the scan is missing", step.name);
    const RuntimeValue& value = *TRY(read(step.inputs[i], holder));
    if (i < carried) {
      arrived.push_back(value);
      continue;
    }
    if (!value.is_tensor()) return refused("a scanned operand is " + describe(value), step.name);
    int64_t axis = entry(step.scan.input_axes, i - carried);
    if (axis < 0) axis += value.tensor().rank();
    if (axis < 0 || axis >= value.tensor().rank()) return refused("a scanned operand has no such axis", step.name);
    const int64_t count = value.tensor().dims()[static_cast<std::size_t>(axis)];
    if (trips >= 0 && trips != count)
      return refused("scanned operands have " + std::to_string(trips) + " and " + std::to_string(count) + " elements",
                     step.name);
    trips = count;
    axes.push_back(axis);
    wholes.push_back(value);
    arrived.emplace_back();
  }
  TRY(append_captures(step.bodies[0], arrived));
  std::vector<Stack> stacks(step.outputs.size() - carried);
  Frame& frame = body(step.bodies[0]);
  for (int64_t trip = 0; trip < trips; ++trip) {
    if (++state_.iterations > state_.options->max_loop_iterations)
      return refused(
          "the run's loops make more than " + std::to_string(state_.options->max_loop_iterations) + " iterations",
          step.name, kLoopRemedy);
    if (state_.options->cancelled && state_.options->cancelled()) return usage_error("the run was cancelled");
    for (std::size_t i = 0; i < scanned; ++i) {
      const int64_t index = entry(step.scan.input_reversed, i) != 0 ? trips - 1 - trip : trip;
      arrived[carried + i] = TRY(slice_piece(wholes[i].tensor(), axes[i], index));
    }
    auto results = TRY(frame.run(arrived, symbols_));
    for (std::size_t i = 0; i < carried; ++i) arrived[i] = std::move(results[i]);
    for (std::size_t i = 0; i < stacks.size(); ++i) {
      TRY(state_.add_bytes(byte_count(results[carried + i])));
      TRY(stacks[i].add(results[carried + i], step.name));
    }
  }
  for (std::size_t i = 0; i < step.outputs.size(); ++i) {
    if (step.outputs[i] < 0) continue;
    if (i < carried) {
      TRY(write(step.outputs[i], std::move(arrived[i])));
      continue;
    }
    const Dims whole = piece_dims(step.outputs[i]);
    int64_t axis = entry(step.scan.output_axes, i - carried);
    if (axis < 0) axis += static_cast<int64_t>(whole.size());
    std::vector<int64_t> piece;
    for (std::size_t d = 0; d < whole.size(); ++d)
      if (static_cast<int64_t>(d) != axis) piece.push_back(whole[d].value());
    const DType dtype = program_.slots[static_cast<std::size_t>(step.outputs[i])].type.dtype;
    TRY(write(step.outputs[i], RuntimeValue(TRY(stacks[i - carried].finish(
                                   dtype, std::move(piece), entry(step.scan.output_axes, i - carried),
                                   entry(step.scan.output_reversed, i - carried) != 0)))));
  }
  for (const Stack& stack : stacks) state_.bytes -= stack.bytes();
  return {};
}

}  // namespace burnish
