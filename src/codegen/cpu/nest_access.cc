#include "codegen/cpu/nest_access.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>

namespace burnish {
namespace {

using Kind = ScalarExpression::Kind;
std::size_t u(int i) { return static_cast<std::size_t>(i); }

}  // namespace

NestAccess::NestAccess(KernelFrame& frame, Expressions& expressions, const LoopForm& form, int operands)
    : frame_(frame),
      expressions_(expressions),
      b_(frame.builder()),
      form_(form),
      scopes_(u(operands)),
      outputs_(u(operands)) {
  llvm::MDBuilder metadata(frame.context());
  auto* domain = metadata.createAnonymousAliasScopeDomain("nest");
  for (auto& s : scopes_) s = metadata.createAnonymousAliasScope(domain, "operand");
  for (const auto& s : form.stores)
    if (s) outputs_[u(s->operand)] = true;
}

// An output may share memory with an input only where each element is read by the very iteration that overwrites it (see
// may_share), after which nothing reads it: so no load need wait for a store, whatever it is to.
llvm::MDNode* NestAccess::scope(int operand) { return llvm::MDNode::get(frame_.context(), {scopes_[u(operand)]}); }
llvm::MDNode* NestAccess::no_alias(const Access& access, bool store) {
  std::vector<llvm::Metadata*> list;
  for (std::size_t i = 0; i < scopes_.size(); ++i)
    if (static_cast<int>(i) != access.operand && (store || outputs_[i])) list.push_back(scopes_[i]);
  return list.empty() ? nullptr : llvm::MDNode::get(frame_.context(), list);
}

Value NestAccess::multiply(Value value, const Dim& factor) {
  if (factor == Dim(1)) return value;
  return b_.CreateMul(value, frame_.size(factor), "", false, true);
}

Value NestAccess::linear(const std::vector<Dim>& coefficients, const Dim& offset, const Position& at) {
  Value sum = nullptr;
  for (std::size_t a = 0; a < coefficients.size(); ++a) {
    if (coefficients[a] == Dim(0) || !at.index[a]) continue;
    Value term = multiply(at.index[a], coefficients[a]);
    sum = sum ? b_.CreateAdd(sum, term, "", false, true) : term;
  }
  if (!sum) return frame_.size(offset);
  return offset == Dim(0) ? sum : b_.CreateAdd(sum, frame_.size(offset), "", false, true);
}

// 0, 1, 2 ...; with existing_only, 0 for lanes past the end, whose addresses must not be touched.
Value NestAccess::lane_numbers(const Position& at, bool existing_only) {
  std::vector<uint64_t> numbers;
  for (int i = 0; i < at.lanes; ++i) numbers.push_back(static_cast<uint64_t>(i));
  Value lanes = llvm::ConstantDataVector::get(frame_.context(), numbers);
  if (!existing_only || !at.mask) return lanes;
  return b_.CreateSelect(at.mask, lanes, llvm::Constant::getNullValue(lanes->getType()));
}

Value NestAccess::index_value(const LinearIndex& index, const Position& at, std::vector<Value>& known) {
  Value sum = linear(index.coefficients, index.offset, at);
  if (at.lanes > 1 && index.coefficients[u(at.axis)] != Dim(0)) {
    Value step = expressions_.widen(frame_.size(index.coefficients[u(at.axis)]), at.lanes);
    sum = b_.CreateAdd(expressions_.widen(sum, at.lanes), b_.CreateMul(lane_numbers(at, true), step));
  }
  if (index.expression < 0) return sum;
  auto leaf_value = [&](int e) { return leaf(e, at, known); };
  Value dynamic = expressions_.emit(form_.nest, index.expression, leaf_value, known);
  dynamic = expressions_.convert(dynamic, form_.nest.expressions[u(index.expression)].dtype, DType::i64);
  const int lanes = std::max(Expressions::lanes_of(sum), Expressions::lanes_of(dynamic));
  return b_.CreateAdd(expressions_.widen(sum, lanes), expressions_.widen(dynamic, lanes));
}

Value NestAccess::element(const Access& access, Value offset) {
  return frame_.advance(frame_.pointer(access.operand), offset, static_cast<int64_t>(byte_size(access.dtype)));
}

Value NestAccess::address(const Access& access, const Position& at) {
  return element(access, linear(access.steps, access.offset, at));
}

Value NestAccess::load_at(const Access& access, Value address, int lanes, Value mask) {
  return expressions_.load(address, access.dtype, lanes, mask, scope(access.operand), no_alias(access, false));
}

// One element a lane. With a mask, only where it holds.
Value NestAccess::gather(const Access& access, Value offsets, Value mask) {
  const int lanes = Expressions::lanes_of(offsets);
  llvm::Type* type = expressions_.memory_type(access.dtype, lanes);
  if (mask) {
    Value bytes =
        b_.CreateMul(offsets, expressions_.widen(frame_.number(static_cast<int64_t>(byte_size(access.dtype))), lanes));
    Value places = b_.CreateGEP(b_.getInt8Ty(), frame_.pointer(access.operand), bytes);
    auto* call = b_.CreateMaskedGather(type, places, llvm::Align(byte_size(access.dtype)), mask,
                                       llvm::Constant::getNullValue(type));
    call->setMetadata(llvm::LLVMContext::MD_alias_scope, scope(access.operand));
    if (auto* list = no_alias(access, false)) call->setMetadata(llvm::LLVMContext::MD_noalias, list);
    return expressions_.to_register(call, access.dtype);
  }
  Value result = llvm::PoisonValue::get(type);
  for (int i = 0; i < lanes; ++i) {
    Value place = element(access, b_.CreateExtractElement(offsets, static_cast<uint64_t>(i)));
    auto* one = b_.CreateAlignedLoad(type->getScalarType(), place, llvm::Align(byte_size(access.dtype)));
    one->setMetadata(llvm::LLVMContext::MD_alias_scope, scope(access.operand));
    if (auto* list = no_alias(access, false)) one->setMetadata(llvm::LLVMContext::MD_noalias, list);
    result = b_.CreateInsertElement(result, one, static_cast<uint64_t>(i));
  }
  return expressions_.to_register(result, access.dtype);
}

Value NestAccess::load(const Access& access, const Position& at, std::vector<Value>& known) {
  // Everything that other loads contribute first: what follows may be in a branch.
  Value inside_all = nullptr, inside_lanes = nullptr;
  for (const Guard& guard : access.guards) {
    Value index = index_value(guard.index, at, known);
    const int lanes = Expressions::lanes_of(index);
    Value inside = b_.CreateICmpULT(index, expressions_.widen(frame_.size(guard.extent), lanes));
    Value& all = lanes == 1 ? inside_all : inside_lanes;
    all = all ? b_.CreateAnd(all, inside) : inside;
  }
  Value offset = linear(access.steps, access.offset, at), scattered = nullptr;
  for (const ComputedDim& dim : access.computed) {
    Value index = index_value(dim.index, at, known);
    const int lanes = Expressions::lanes_of(index);
    auto number = [&](const Dim& d) { return expressions_.widen(frame_.size(d), lanes); };
    if (dim.clamp) {
      Value last = b_.CreateSub(number(dim.extent), number(1));
      index = b_.CreateSelect(b_.CreateICmpSGT(index, last), last, index);
      index = b_.CreateSelect(b_.CreateICmpSLT(index, number(0)), number(0), index);
    }
    Value part = nullptr;
    if (dim.block > 1) {
      // Blocks are powers of two nearly always; a guarded index may be negative, but then nothing is loaded.
      Value quotient = b_.CreateUDiv(index, number(dim.block)), rest = b_.CreateURem(index, number(dim.block));
      part = b_.CreateAdd(b_.CreateMul(quotient, number(dim.stride)), b_.CreateMul(rest, number(dim.inner)));
    } else {
      part = b_.CreateMul(index, number(dim.stride));
    }
    if (lanes == 1) offset = b_.CreateAdd(offset, part);
    else scattered = scattered ? b_.CreateAdd(scattered, part) : part;
  }

  const Dim step = at.lanes > 1 ? access.steps[u(at.axis)] : Dim(0);
  Value mask = at.lanes > 1 ? at.mask : nullptr;
  if (inside_lanes) mask = mask ? b_.CreateAnd(mask, inside_lanes) : inside_lanes;
  auto read = [&]() -> Value {
    if (!scattered && step == Dim(0)) {
      if (!inside_lanes) return load_at(access, element(access, offset), 1, nullptr);
      // The same element for all lanes, where any lane wants it.
      Value any = b_.CreateOrReduce(mask);
      return expressions_.widen(load_at(access, element(access, offset), 1, any), at.lanes);
    }
    if (!scattered && step == Dim(1)) return load_at(access, element(access, offset), at.lanes, mask);
    if (!scattered && step == Dim(-1) && !mask) {
      Value first = b_.CreateSub(offset, frame_.number(at.lanes - 1));
      Value value = load_at(access, element(access, first), at.lanes, nullptr);
      return b_.CreateVectorReverse(value);
    }
    Value offsets = expressions_.widen(offset, at.lanes);
    if (step != Dim(0)) {
      Value steps = expressions_.widen(frame_.size(step), at.lanes);
      offsets = b_.CreateAdd(offsets, b_.CreateMul(lane_numbers(at, true), steps));
    }
    if (scattered) offsets = b_.CreateAdd(offsets, scattered);
    return gather(access, offsets, inside_lanes ? mask : nullptr);
  };
  if (access.guards.empty()) return read();

  Value fallback = expressions_.constant(access.fallback, access.dtype);
  const bool wide = at.lanes > 1 && (scattered || inside_lanes || step != Dim(0));
  if (wide) fallback = expressions_.widen(fallback, at.lanes);
  auto guarded = [&]() -> Value {
    Value value = read();
    return inside_lanes ? b_.CreateSelect(inside_lanes, value, fallback) : value;
  };
  if (!inside_all) return guarded();
  return frame_.branch(
      inside_all, [&] { return KernelFrame::Values{guarded()}; }, [&] { return KernelFrame::Values{fallback}; })[0];
}

// The value, in lanes that exist, or the end of the kernel. A guard of the same index is then known to hold.
Value NestAccess::checked(int expression, const Position& at, std::vector<Value>& known) {
  const auto& e = form_.nest.expressions[u(expression)];
  const Value value = known[u(e.arguments[0])], given = known[u(e.arguments[1])];
  const int lanes = Expressions::lanes_of(value);
  Value fine = b_.CreateICmpULT(value, expressions_.widen(frame_.size(e.dim), lanes));
  Value wrong = nullptr;
  if (lanes > 1) {
    wrong = b_.CreateNot(fine);
    if (at.mask) wrong = b_.CreateAnd(wrong, at.mask);
    fine = b_.CreateNot(b_.CreateOrReduce(wrong));
  }
  frame_.check(fine, [&]() -> KernelFrame::Values {
    Value index = given;
    if (wrong) {
      // One of the wrong ones.
      Value least = expressions_.widen(frame_.number(INT64_MIN), lanes);
      index = b_.CreateIntMaxReduce(b_.CreateSelect(wrong, expressions_.widen(given, lanes), least), true);
    }
    Value extent = frame_.size(e.dim);
    Value low = e.from_end() ? b_.CreateNeg(extent) : frame_.number(0);
    return {index, low, b_.CreateSub(extent, frame_.number(1)),
            frame_.number(only_operand(form_.nest, e.arguments[1]))};
  });
  return value;
}

Value NestAccess::leaf(int expression, const Position& at, std::vector<Value>& known) {
  if (auto it = at.preset.find(expression); it != at.preset.end()) return it->second;
  const auto& e = form_.nest.expressions[u(expression)];
  switch (e.kind) {
    case Kind::load: return load(*form_.loads[u(expression)], at, known);
    case Kind::checked: return checked(expression, at, known);
    case Kind::temporary: return at.temporaries[u(e.statement)];
    case Kind::axis: {
      Value index = at.index[u(e.axis)] ? at.index[u(e.axis)] : frame_.number(0);
      if (at.lanes > 1 && e.axis == at.axis)
        index = b_.CreateAdd(expressions_.widen(index, at.lanes), lane_numbers(at, false));
      return expressions_.convert(index, DType::i64, e.dtype);
    }
    default: break;
  }
  CHECK(false, "an anchor outside an epilogue");
}

Value NestAccess::evaluate(int expression, const Position& at) {
  std::vector<Value> known(form_.nest.expressions.size());
  for (const auto& [e, value] : at.preset) known[u(e)] = value;
  auto leaf_value = [&](int e) { return leaf(e, at, known); };
  return expressions_.emit(form_.nest, expression, leaf_value, known);
}

void NestAccess::store(std::size_t statement, Value value, const Position& at) {
  const Access& access = *form_.stores[statement];
  Value offset = linear(access.steps, access.offset, at);
  std::vector<Value> known(form_.nest.expressions.size());
  // Computed dims of a store: an index that is no plain axis into a blocked dim.
  Value scattered = nullptr;
  for (const ComputedDim& dim : access.computed) {
    Value index = index_value(dim.index, at, known);
    const int lanes = Expressions::lanes_of(index);
    auto number = [&](const Dim& d) { return expressions_.widen(frame_.size(d), lanes); };
    Value part = b_.CreateAdd(b_.CreateMul(b_.CreateUDiv(index, number(dim.block)), number(dim.stride)),
                              b_.CreateMul(b_.CreateURem(index, number(dim.block)), number(dim.inner)));
    if (lanes == 1) offset = b_.CreateAdd(offset, part);
    else scattered = part;
  }
  const Dim step = at.lanes > 1 ? access.steps[u(at.axis)] : Dim(1);
  auto* own = scope(access.operand);
  auto* others = no_alias(access, true);
  if (at.lanes == 1 || (step == Dim(1) && !scattered)) {
    expressions_.store(element(access, offset), value, access.dtype, at.lanes, at.mask, own, others);
    return;
  }
  value = expressions_.widen(value, at.lanes);
  for (int i = 0; i < at.lanes; ++i) {
    Value lane = b_.CreateAdd(offset, multiply(frame_.number(i), step));
    if (scattered) lane = b_.CreateAdd(lane, b_.CreateExtractElement(scattered, static_cast<uint64_t>(i)));
    Value mask = at.mask ? b_.CreateExtractElement(at.mask, static_cast<uint64_t>(i)) : nullptr;
    expressions_.store(element(access, lane), b_.CreateExtractElement(value, static_cast<uint64_t>(i)), access.dtype, 1,
                       mask, own, others);
  }
}

}  // namespace burnish
