#include "kernels/cpu/epilogue.h"

#include <algorithm>

#include <fmt/format.h>
#include <llvm/IR/Constants.h>

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;

llvm::Value* splat(KernelFrame& frame, llvm::Value* scalar, int lanes) {
  return lanes == 1 ? scalar : frame.builder().CreateVectorSplat(static_cast<unsigned>(lanes), scalar);
}

}  // namespace

std::string Epilogue::unsupported(const Kernel& kernel) {
  const Nest& nest = kernel.nest;
  if (!kernel.anchor) return "there is no anchor";
  if (std::string why = Expressions::why_not(nest); !why.empty()) return why;
  if (static_cast<int64_t>(nest.outer.size()) != kernel.anchor->result.rank())
    return "the nest's outer axes are not the dims of the anchor's result";
  for (const auto& s : nest.statements) {
    if (s.kind != Statement::Kind::store) return "the nest reduces the anchor's result";
    if (!s.axes.empty()) return "a statement has axes of its own";
    for (const auto& i : s.index)
      if (i.expression >= 0) return "a result is scattered";
  }
  for (const auto& e : nest.expressions) {
    if (e.kind == Kind::temporary) return "the nest reduces the anchor's result";
    if (e.kind == Kind::checked) return "an operand is gathered by computed indices";
    for (const auto& i : e.index) {
      if (i.expression >= 0) return "an operand is gathered by computed indices";
      for (const auto& t : i.terms)
        if (!t.coefficient.is_constant()) return "an operand is read with a step that is not a number";
    }
  }
  return {};
}

Epilogue::Epilogue(KernelFrame& frame, const Kernel& kernel, std::span<const Storage> storages, int vector_axis)
    : frame_(frame),
      kernel_(kernel),
      storages_(storages),
      first_operand_(kernel.anchor->operands.size()),
      vector_axis_(vector_axis),
      axis_place_(kernel.nest.axes.size(), -1),
      expressions_(frame) {
  const Nest& nest = kernel.nest;
  for (std::size_t i = 0; i < nest.outer.size(); ++i)
    axis_place_[static_cast<std::size_t>(nest.outer[i])] = static_cast<int>(i);
  for (const auto& e : nest.expressions) loads_.push_back(e.kind == Kind::load ? access(e.operand, e.index) : Access{});
  for (const auto& s : nest.statements) stores_.push_back(access(s.operand, s.index));
}

Epilogue::Access Epilogue::access(int nest_operand, const std::vector<Index>& index) const {
  Access a;
  a.operand = static_cast<int>(first_operand_) + nest_operand;
  a.steps.assign(kernel_.nest.outer.size(), Dim(0));
  const Storage& storage = storages_[static_cast<std::size_t>(a.operand)];
  for (std::size_t d = 0; d < index.size(); ++d) {
    a.offset += storage.strides[d] * index[d].offset;
    for (const auto& term : index[d].terms) {
      const int place = axis_place_[static_cast<std::size_t>(term.axis)];
      CHECK(place >= 0, "an epilogue's index uses an axis that is not outer");
      a.steps[static_cast<std::size_t>(place)] += storage.strides[d] * term.coefficient;
    }
  }
  return a;
}

bool Epilogue::flattens(std::span<const int> axes) const {
  const auto& dims = kernel_.anchor->result.dims;
  auto even = [&](const Access& a) {
    for (std::size_t i = 0; i + 1 < axes.size(); ++i) {
      const auto outer = static_cast<std::size_t>(axes[i]), inner = static_cast<std::size_t>(axes[i + 1]);
      if (a.steps[outer] != a.steps[inner] * dims[inner]) return false;
    }
    return true;
  };
  if (axes.size() < 2) return true;
  for (std::size_t i = 0; i < loads_.size(); ++i) {
    const auto& e = kernel_.nest.expressions[i];
    if (e.kind == Kind::load && (!even(loads_[i]) || e.guarded)) return false;
    if (e.kind == Kind::axis &&
        std::find(axes.begin(), axes.end(), axis_place_[static_cast<std::size_t>(e.axis)]) != axes.end())
      return false;
  }
  return std::all_of(stores_.begin(), stores_.end(), even);
}

double Epilogue::cost() const {
  double cost = 0;
  for (const auto& e : kernel_.nest.expressions) cost += e.kind == Kind::apply ? info(e.function).cost : 0.5;
  return cost;
}

llvm::Value* Epilogue::address(const Access& access, const std::vector<llvm::Value*>& position) {
  auto& b = frame_.builder();
  llvm::Value* offset = frame_.size(access.offset);
  for (std::size_t i = 0; i < access.steps.size(); ++i)
    if (access.steps[i] != Dim(0)) offset = b.CreateAdd(offset, b.CreateMul(position[i], frame_.size(access.steps[i])));
  return frame_.advance(frame_.pointer(access.operand), offset, bytes(access));
}

// Where all of a guarded load's indices lie in the operand: per lane.
llvm::Value* Epilogue::guard(int expression, const std::vector<llvm::Value*>& position, int lanes) {
  auto& b = frame_.builder();
  const auto& e = kernel_.nest.expressions[static_cast<std::size_t>(expression)];
  const auto& dims = kernel_.nest.operands[static_cast<std::size_t>(e.operand)].type.dims;
  llvm::Value* inside = splat(frame_, b.getTrue(), lanes);
  for (std::size_t d = 0; d < e.index.size(); ++d) {
    llvm::Value* at = frame_.size(e.index[d].offset);
    int64_t lane_step = 0;
    for (const auto& term : e.index[d].terms) {
      const int place = axis_place_[static_cast<std::size_t>(term.axis)];
      at = b.CreateAdd(at, b.CreateMul(position[static_cast<std::size_t>(place)], frame_.size(term.coefficient)));
      if (place == vector_axis_) lane_step += term.coefficient.value();
    }
    at = splat(frame_, at, lanes);
    if (lane_step != 0 && lanes > 1) {
      std::vector<llvm::Constant*> steps;
      for (int i = 0; i < lanes; ++i) steps.push_back(b.getInt64(static_cast<uint64_t>(i * lane_step)));
      at = b.CreateAdd(at, llvm::ConstantVector::get(steps));
    }
    inside = b.CreateAnd(inside, b.CreateICmpULT(at, splat(frame_, frame_.size(dims[d]), lanes)));
  }
  return inside;
}

llvm::Value* Epilogue::live_lanes(int lanes, int active) {
  if (mask_) return mask_;
  if (active == lanes) return nullptr;
  std::vector<llvm::Constant*> mask;
  for (int i = 0; i < lanes; ++i) mask.push_back(frame_.builder().getInt1(i < active));
  return llvm::ConstantVector::get(mask);
}

llvm::Value* Epilogue::live_lane(int lane, int active) {
  auto& b = frame_.builder();
  return mask_ ? b.CreateExtractElement(mask_, static_cast<uint64_t>(lane)) : b.getInt1(lane < active);
}

llvm::Value* Epilogue::lane_address(llvm::Value* place, const Access& access, int lane) {
  llvm::Value* step = frame_.size(access.steps[static_cast<std::size_t>(vector_axis_)]);
  return frame_.advance(place, frame_.builder().CreateMul(frame_.number(lane), step), bytes(access));
}

int64_t Epilogue::bytes(const Access& access) const {
  return static_cast<int64_t>(byte_size(kernel_.operand_type(static_cast<std::size_t>(access.operand)).dtype));
}

llvm::Value* Epilogue::load(int expression, const std::vector<llvm::Value*>& position, int lanes, int active) {
  auto& b = frame_.builder();
  const auto& e = kernel_.nest.expressions[static_cast<std::size_t>(expression)];
  const Access& a = loads_[static_cast<std::size_t>(expression)];
  const DType dtype = kernel_.operand_type(static_cast<std::size_t>(a.operand)).dtype;
  const Dim& step = a.steps[static_cast<std::size_t>(vector_axis_)];
  llvm::Value* place = address(a, position);
  if (e.guarded) {
    llvm::Value* inside = guard(expression, position, lanes);
    llvm::Value* result = llvm::PoisonValue::get(expressions_.register_type(dtype, lanes));
    for (int i = 0; i < lanes; ++i) {
      llvm::Value* in = lanes == 1 ? inside : b.CreateExtractElement(inside, static_cast<uint64_t>(i));
      if (lanes > 1) in = b.CreateAnd(in, live_lane(i, active));
      auto value = frame_.branch(
          in, [&]() -> KernelFrame::Values { return {expressions_.load(lane_address(place, a, i), dtype, 1)}; },
          [&]() -> KernelFrame::Values { return {expressions_.constant(e.fallback, dtype)}; });
      result = lanes == 1 ? value[0] : b.CreateInsertElement(result, value[0], static_cast<uint64_t>(i));
    }
    return result;
  }
  if (step == Dim(0) || lanes == 1) return expressions_.load(place, dtype, 1);
  if (step == Dim(1)) return expressions_.load(place, dtype, lanes, live_lanes(lanes, active));
  llvm::Value* result = llvm::Constant::getNullValue(expressions_.register_type(dtype, lanes));
  for (int i = 0; i < active; ++i) {
    auto element = [&]() -> KernelFrame::Values { return {expressions_.load(lane_address(place, a, i), dtype, 1)}; };
    auto nothing = [&]() -> KernelFrame::Values { return {expressions_.constant(0, dtype)}; };
    llvm::Value* x = mask_ ? frame_.branch(live_lane(i, active), element, nothing)[0] : element()[0];
    result = b.CreateInsertElement(result, x, static_cast<uint64_t>(i));
  }
  return result;
}

llvm::Value* Epilogue::leaf(int expression, const std::vector<llvm::Value*>& position, llvm::Value* anchor,
                            int active) {
  auto& b = frame_.builder();
  const auto& e = kernel_.nest.expressions[static_cast<std::size_t>(expression)];
  const int lanes = Expressions::lanes_of(anchor);
  if (e.kind == Kind::anchor) return anchor;
  if (e.kind == Kind::load) return load(expression, position, lanes, active);
  CHECK(e.kind == Kind::axis, "an epilogue reduces");
  const int place = axis_place_[static_cast<std::size_t>(e.axis)];
  CHECK(place >= 0, "an epilogue's expression uses an axis that is not outer");
  llvm::Value* at = position[static_cast<std::size_t>(place)];
  if (place == vector_axis_ && lanes > 1) {
    std::vector<llvm::Constant*> numbers;
    for (int i = 0; i < lanes; ++i) numbers.push_back(b.getInt64(static_cast<uint64_t>(i)));
    at = b.CreateAdd(expressions_.widen(at, lanes), llvm::ConstantVector::get(numbers));
  }
  return expressions_.convert(at, DType::i64, e.dtype);
}

void Epilogue::store(const std::vector<llvm::Value*>& position, llvm::Value* anchor, int active, llvm::Value* mask) {
  mask_ = mask;
  const int lanes = Expressions::lanes_of(anchor);
  const Nest& nest = kernel_.nest;
  std::vector<llvm::Value*> known(nest.expressions.size());
  auto leaf_of = [&](int e) { return leaf(e, position, anchor, active); };
  // All are computed before the first is stored: a result may lie where an operand was read.
  std::vector<llvm::Value*> values;
  for (const auto& s : nest.statements) values.push_back(expressions_.emit(nest, s.expression, leaf_of, known));
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Access& a = stores_[i];
    const DType dtype = kernel_.operand_type(static_cast<std::size_t>(a.operand)).dtype;
    llvm::Value* place = address(a, position);
    llvm::Value* value = expressions_.widen(values[i], lanes);
    if (lanes == 1 || a.steps[static_cast<std::size_t>(vector_axis_)] == Dim(1)) {
      expressions_.store(place, value, dtype, lanes, live_lanes(lanes, active));
      continue;
    }
    for (int lane = 0; lane < active; ++lane) {
      auto element = [&]() -> KernelFrame::Values {
        llvm::Value* x = frame_.builder().CreateExtractElement(value, static_cast<uint64_t>(lane));
        expressions_.store(lane_address(place, a, lane), x, dtype, 1);
        return {};
      };
      if (mask_) frame_.branch(live_lane(lane, active), element, []() -> KernelFrame::Values { return {}; });
      else element();
    }
  }
}

}  // namespace burnish
