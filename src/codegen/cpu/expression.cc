#include "codegen/cpu/expression.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <llvm/IR/Intrinsics.h>

#include "codegen/nest/scalars.h"

namespace burnish {
namespace {

using Value = llvm::Value*;
using Kind = ScalarExpression::Kind;

bool is_half(DType dtype) { return dtype == DType::f16 || dtype == DType::bf16; }
bool is_unsigned(DType dtype) { return number_class(dtype) == NumberClass::unsigned_int || dtype == DType::boolean; }

llvm::Type* shaped(Value like, llvm::Type* element) {
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(like->getType());
  return vector ? llvm::FixedVectorType::get(element, vector->getNumElements()) : element;
}

// A power that multiplications can do. An integer's negative ones are 0, 1 and -1: integer_power knows them.
bool small_power(DType dtype, double exponent) {
  return std::trunc(exponent) == exponent && std::fabs(exponent) <= 16 && (is_float(dtype) || exponent >= 0);
}

}  // namespace

bool Expressions::supports(DType dtype) {
  switch (dtype) {
    case DType::f64:
    case DType::f32:
    case DType::f16:
    case DType::bf16:
    case DType::i64:
    case DType::i32:
    case DType::i16:
    case DType::i8:
    case DType::u64:
    case DType::u32:
    case DType::u16:
    case DType::u8:
    case DType::boolean: return true;
    default: return false;
  }
}

bool Expressions::supports(Scalar function, DType dtype) {
  if (!supports(dtype)) return false;
  if (is_float(dtype) && (function == Scalar::mod_floor || function == Scalar::mod_trunc)) return true;
  if (is_half(dtype)) return VectorMath::supports(function, DType::f32);
  if (is_float(dtype)) return VectorMath::supports(function, dtype);
  if (takes_booleans(function)) return true;
  switch (function) {
    case Scalar::neg:
    case Scalar::abs:
    case Scalar::sign:
    case Scalar::add:
    case Scalar::sub:
    case Scalar::mul:
    case Scalar::div:
    case Scalar::pow:
    case Scalar::mod_floor:
    case Scalar::mod_trunc:
    case Scalar::shift_left:
    case Scalar::shift_right: return dtype != DType::boolean;
    case Scalar::floor:
    case Scalar::ceil:
    case Scalar::round_even:
    case Scalar::trunc: return dtype != DType::boolean;
    default: return false;
  }
}

std::string Expressions::why_not(const Nest& nest) {
  for (const auto& e : nest.expressions) {
    if (!supports(e.dtype)) return fmt::format("no code for {}", name(e.dtype));
    if (e.kind != Kind::apply) continue;
    const auto& last = nest.expressions[static_cast<std::size_t>(e.arguments.back())];
    const DType dtype = last.dtype;
    if (e.function == Scalar::pow && last.kind == Kind::constant && small_power(dtype, last.value) &&
        dtype != DType::boolean)
      continue;
    if (!supports(e.function, dtype)) return fmt::format("no code for {} of {}", info(e.function).name, name(dtype));
  }
  return {};
}

llvm::Type* Expressions::register_type(DType dtype, int lanes) {
  llvm::Type* type = nullptr;
  if (dtype == DType::f64) type = b_.getDoubleTy();
  else if (is_float(dtype)) type = b_.getFloatTy();
  else if (dtype == DType::boolean) type = b_.getInt1Ty();
  else type = b_.getIntNTy(static_cast<unsigned>(byte_size(dtype) * 8));
  return lanes == 1 ? type : llvm::FixedVectorType::get(type, static_cast<unsigned>(lanes));
}

llvm::Type* Expressions::memory_type(DType dtype, int lanes) {
  llvm::Type* type = nullptr;
  if (dtype == DType::f64) type = b_.getDoubleTy();
  else if (dtype == DType::f32) type = b_.getFloatTy();
  else type = b_.getIntNTy(static_cast<unsigned>(byte_size(dtype) * 8));
  return lanes == 1 ? type : llvm::FixedVectorType::get(type, static_cast<unsigned>(lanes));
}

int Expressions::lanes_of(Value value) {
  auto* vector = llvm::dyn_cast<llvm::FixedVectorType>(value->getType());
  return vector ? static_cast<int>(vector->getNumElements()) : 1;
}

Value Expressions::widen(Value value, int lanes) {
  if (lanes_of(value) == lanes) return value;
  CHECK(lanes_of(value) == 1);
  return b_.CreateVectorSplat(static_cast<unsigned>(lanes), value);
}

Value Expressions::half_to_float(Value half) {
  if (frame_.cpu().level >= 3) {
    return b_.CreateFPExt(b_.CreateBitCast(half, shaped(half, b_.getHalfTy())), shaped(half, b_.getFloatTy()));
  }
  llvm::Type* words = shaped(half, b_.getInt32Ty());
  llvm::Type* floats = shaped(half, b_.getFloatTy());
  auto word = [&](uint64_t v) { return llvm::ConstantInt::get(words, v); };
  Value h = b_.CreateZExt(half, words);
  Value magnitude = b_.CreateAnd(h, word(0x7fff));
  // Shifted into place the exponent is 112 too small; the product mends it, for denormals too.
  Value scaled = b_.CreateFMul(b_.CreateBitCast(b_.CreateShl(magnitude, word(13)), floats),
                               llvm::ConstantFP::get(floats, 0x1p112));
  Value bits = b_.CreateBitCast(scaled, words);
  Value special = b_.CreateICmpUGE(magnitude, word(0x7c00));
  bits = b_.CreateOr(bits, b_.CreateSelect(special, word(0x7f800000), word(0)));
  bits = b_.CreateOr(bits, b_.CreateShl(b_.CreateAnd(h, word(0x8000)), word(16)));
  return b_.CreateBitCast(bits, floats);
}

Value Expressions::float_to_half(Value value) {
  if (frame_.cpu().level >= 3) {
    Value half = b_.CreateFPTrunc(value, shaped(value, b_.getHalfTy()));
    return b_.CreateBitCast(half, shaped(value, b_.getInt16Ty()));
  }
  llvm::Type* words = shaped(value, b_.getInt32Ty());
  auto word = [&](uint64_t v) { return llvm::ConstantInt::get(words, v); };
  Value bits = b_.CreateBitCast(value, words);
  Value sign = b_.CreateAnd(b_.CreateLShr(bits, word(16)), word(0x8000));
  Value magnitude = b_.CreateAnd(bits, word(0x7fffffff));
  // Normal: rebias, round half to even. Denormal: let an addition shift and round.
  Value odd = b_.CreateAnd(b_.CreateLShr(magnitude, word(13)), word(1));
  Value normal = b_.CreateLShr(b_.CreateAdd(b_.CreateAdd(magnitude, word(0xc8000fffu)), odd), word(13));
  llvm::Type* floats = value->getType();
  Value sum = b_.CreateFAdd(b_.CreateBitCast(magnitude, floats), llvm::ConstantFP::get(floats, 0.5));
  Value denormal = b_.CreateSub(b_.CreateBitCast(sum, words), word(0x3f000000));
  Value half = b_.CreateSelect(b_.CreateICmpULT(magnitude, word(0x38800000)), denormal, normal);
  half = b_.CreateSelect(b_.CreateICmpUGE(magnitude, word(0x47800000)), word(0x7c00), half);
  half = b_.CreateSelect(b_.CreateICmpUGT(magnitude, word(0x7f800000)), word(0x7e00), half);
  return b_.CreateTrunc(b_.CreateOr(half, sign), shaped(value, b_.getInt16Ty()));
}

Value Expressions::to_register(Value memory, DType dtype) {
  if (dtype == DType::f16) return half_to_float(memory);
  if (dtype == DType::bf16) {
    llvm::Type* words = shaped(memory, b_.getInt32Ty());
    Value bits = b_.CreateShl(b_.CreateZExt(memory, words), llvm::ConstantInt::get(words, 16));
    return b_.CreateBitCast(bits, shaped(memory, b_.getFloatTy()));
  }
  if (dtype == DType::boolean) return b_.CreateICmpNE(memory, llvm::Constant::getNullValue(memory->getType()));
  return memory;
}

Value Expressions::to_memory(Value value, DType dtype) {
  if (dtype == DType::f16) return float_to_half(value);
  if (dtype == DType::bf16) {
    llvm::Type* words = shaped(value, b_.getInt32Ty());
    auto word = [&](uint64_t v) { return llvm::ConstantInt::get(words, v); };
    Value bits = b_.CreateBitCast(value, words);
    Value odd = b_.CreateAnd(b_.CreateLShr(bits, word(16)), word(1));
    Value rounded = b_.CreateLShr(b_.CreateAdd(b_.CreateAdd(bits, word(0x7fff)), odd), word(16));
    Value nan = b_.CreateOr(b_.CreateLShr(bits, word(16)), word(0x40));
    rounded = b_.CreateSelect(b_.CreateFCmpUNO(value, value), nan, rounded);
    return b_.CreateTrunc(rounded, shaped(value, b_.getInt16Ty()));
  }
  if (dtype == DType::boolean) return b_.CreateZExt(value, shaped(value, b_.getInt8Ty()));
  return value;
}

namespace {
void tag(Value access, llvm::MDNode* scope, llvm::MDNode* no_alias) {
  auto* instruction = llvm::cast<llvm::Instruction>(access);
  if (scope) instruction->setMetadata(llvm::LLVMContext::MD_alias_scope, scope);
  if (no_alias) instruction->setMetadata(llvm::LLVMContext::MD_noalias, no_alias);
}
}  // namespace

Value Expressions::load(Value pointer, DType dtype, int lanes, Value mask, llvm::MDNode* scope,
                        llvm::MDNode* no_alias) {
  llvm::Type* type = memory_type(dtype, lanes);
  const llvm::Align align(byte_size(dtype));
  if (mask && lanes == 1) {
    Value result = frame_.branch(
        mask,
        [&] {
          Value value = b_.CreateAlignedLoad(type, pointer, align);
          tag(value, scope, no_alias);
          return KernelFrame::Values{value};
        },
        [&] { return KernelFrame::Values{llvm::Constant::getNullValue(type)}; })[0];
    return to_register(result, dtype);
  }
  Value value =
      mask ? static_cast<Value>(b_.CreateMaskedLoad(type, pointer, align, mask, llvm::Constant::getNullValue(type)))
           : b_.CreateAlignedLoad(type, pointer, align);
  tag(value, scope, no_alias);
  return to_register(value, dtype);
}

void Expressions::store(Value pointer, Value value, DType dtype, int lanes, Value mask, llvm::MDNode* scope,
                        llvm::MDNode* no_alias) {
  value = to_memory(widen(value, lanes), dtype);
  const llvm::Align align(byte_size(dtype));
  if (mask && lanes == 1) {
    frame_.branch(
        mask,
        [&] {
          tag(b_.CreateAlignedStore(value, pointer, align), scope, no_alias);
          return KernelFrame::Values{};
        },
        [] { return KernelFrame::Values{}; });
    return;
  }
  Value access = mask ? static_cast<Value>(b_.CreateMaskedStore(value, pointer, align, mask))
                      : b_.CreateAlignedStore(value, pointer, align);
  tag(access, scope, no_alias);
}

Value Expressions::constant(double value, DType dtype) {
  llvm::Type* type = register_type(dtype, 1);
  if (dtype == DType::f64) return llvm::ConstantFP::get(type, value);
  if (dtype == DType::f16) value = burnish::half_to_float(burnish::float_to_half(value));
  if (dtype == DType::bf16) value = burnish::bfloat_to_float(burnish::float_to_bfloat(value));
  if (is_float(dtype)) return llvm::ConstantFP::get(type, static_cast<double>(static_cast<float>(value)));
  if (dtype == DType::boolean) return llvm::ConstantInt::get(type, value != 0);
  // The nearest number that the dtype has.
  const int width = static_cast<int>(type->getIntegerBitWidth());
  const double above = std::ldexp(1.0, is_unsigned(dtype) ? width : width - 1);
  uint64_t bits = 0;
  if (is_unsigned(dtype)) bits = !(value > 0) ? 0 : value >= above ? UINT64_MAX : static_cast<uint64_t>(value);
  else if (value >= above) bits = UINT64_MAX >> (65 - width);
  else if (value >= -above) bits = static_cast<uint64_t>(static_cast<int64_t>(value));
  else if (!std::isnan(value)) bits = uint64_t{1} << (width - 1);
  return llvm::ConstantInt::get(type, llvm::APInt(64, bits).trunc(type->getIntegerBitWidth()));
}

// f64 as an f32 that may be rounded again without error: what is not exact ends in an odd bit (Boldo and Melquiond,
// "Emulation of a FMA and correctly rounded sums: proved algorithms using rounding to odd", 2008).
Value Expressions::narrow_to_odd(Value value) {
  llvm::Type* words = shaped(value, b_.getInt32Ty());
  auto word = [&](uint64_t v) { return llvm::ConstantInt::get(words, v); };
  auto magnitude = [&](Value x) { return b_.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x); };
  Value nearest = b_.CreateFPTrunc(value, shaped(value, b_.getFloatTy()));
  Value back = b_.CreateFPExt(nearest, value->getType());
  Value bits = b_.CreateBitCast(nearest, words);
  Value beyond = b_.CreateFCmpOGT(magnitude(back), magnitude(value));
  bits = b_.CreateSelect(beyond, b_.CreateSub(bits, word(1)), bits);
  bits = b_.CreateSelect(b_.CreateFCmpONE(back, value), b_.CreateOr(bits, word(1)), bits);
  return b_.CreateBitCast(bits, nearest->getType());
}

Value Expressions::convert(Value value, DType from, DType to) {
  if (from == to) return value;
  // Through f32 these would be rounded twice.
  if (is_half(to) && from == DType::f64) return to_register(to_memory(narrow_to_odd(value), to), to);
  if (is_half(to) && is_integer(from) && byte_size(from) >= 4)
    return convert(convert(value, from, DType::f64), DType::f64, to);
  auto zero = [&] { return llvm::Constant::getNullValue(value->getType()); };
  llvm::Type* target = shaped(value, register_type(to, 1));
  if (is_float(from)) {
    if (to == DType::boolean) return b_.CreateFCmpUNE(value, zero());
    if (is_float(to)) {
      Value result = b_.CreateFPCast(value, target);
      return is_half(to) ? to_register(to_memory(result, to), to) : result;
    }
    // Towards zero; what does not fit becomes the nearest limit, NaN 0.
    const auto id = is_unsigned(to) ? llvm::Intrinsic::fptoui_sat : llvm::Intrinsic::fptosi_sat;
    return b_.CreateIntrinsic(id, {target, value->getType()}, {value});
  }
  if (is_float(to)) {
    Value result = is_unsigned(from) ? b_.CreateUIToFP(value, target) : b_.CreateSIToFP(value, target);
    return is_half(to) ? to_register(to_memory(result, to), to) : result;
  }
  if (to == DType::boolean) return b_.CreateICmpNE(value, zero());
  return b_.CreateIntCast(value, target, !is_unsigned(from));
}

Value Expressions::power(Value base, DType dtype, double exponent) {
  const bool real = is_float(dtype);
  auto multiply = [&](Value a, Value b) { return real ? b_.CreateFMul(a, b) : b_.CreateMul(a, b); };
  Value result = nullptr;
  Value square = base;
  for (int64_t n = static_cast<int64_t>(std::fabs(exponent)); n > 0; n >>= 1) {
    if (n & 1) result = result ? multiply(result, square) : square;
    if (n > 1) square = multiply(square, square);
  }
  if (!result) return widen(constant(1, dtype), lanes_of(base));
  return exponent < 0 ? b_.CreateFDiv(llvm::ConstantFP::get(base->getType(), 1), result) : result;
}

Value Expressions::integer_apply(Scalar function, DType dtype, std::span<const Value> arguments) {
  Value a = arguments[0];
  Value b = arguments.size() > 1 ? arguments[1] : nullptr;
  llvm::Type* type = a->getType();
  const bool positive = is_unsigned(dtype);
  const unsigned width = type->getScalarSizeInBits();
  auto number = [&](int64_t v) { return llvm::ConstantInt::getSigned(type, v); };
  Value zero = llvm::Constant::getNullValue(type);
  auto truth = [&](Value v) { return dtype == DType::boolean ? v : b_.CreateICmpNE(v, zero); };
  auto compare = [&](llvm::CmpInst::Predicate with_sign, llvm::CmpInst::Predicate without) {
    return b_.CreateICmp(positive ? without : with_sign, a, b);
  };
  // Division by 0 and the one quotient that overflows would trap.
  auto divide = [&](bool remainder) {
    Value by_zero = b_.CreateICmpEQ(b, zero);
    Value safe = b_.CreateSelect(by_zero, number(1), b);
    if (positive) {
      Value q = remainder ? b_.CreateURem(a, safe) : b_.CreateUDiv(a, safe);
      return b_.CreateSelect(by_zero, zero, q);
    }
    Value minus = b_.CreateICmpEQ(b, number(-1));
    safe = b_.CreateSelect(minus, number(1), safe);
    Value q = remainder ? b_.CreateSRem(a, safe) : b_.CreateSDiv(a, safe);
    q = b_.CreateSelect(minus, remainder ? zero : b_.CreateNeg(a), q);
    return b_.CreateSelect(by_zero, zero, q);
  };
  switch (function) {
    case Scalar::neg: return b_.CreateNeg(a);
    case Scalar::abs: return positive ? a : b_.CreateSelect(b_.CreateICmpSLT(a, zero), b_.CreateNeg(a), a);
    case Scalar::sign: {
      Value above = b_.CreateZExt(positive ? b_.CreateICmpNE(a, zero) : b_.CreateICmpSGT(a, zero), type);
      return positive ? above : b_.CreateOr(above, b_.CreateSExt(b_.CreateICmpSLT(a, zero), type));
    }
    case Scalar::floor:
    case Scalar::ceil:
    case Scalar::round_even:
    case Scalar::trunc: return a;
    case Scalar::bit_not: return b_.CreateNot(a);
    case Scalar::logical_not: return b_.CreateNot(truth(a));
    case Scalar::add: return b_.CreateAdd(a, b);
    case Scalar::sub: return b_.CreateSub(a, b);
    case Scalar::mul: return b_.CreateMul(a, b);
    case Scalar::div: return divide(false);
    case Scalar::pow: return integer_power(a, b, positive);
    case Scalar::mod_trunc: return divide(true);
    case Scalar::mod_floor: {
      Value r = divide(true);
      if (positive) return r;
      Value differ = b_.CreateAnd(b_.CreateICmpNE(r, zero), b_.CreateICmpSLT(b_.CreateXor(r, b), zero));
      return b_.CreateSelect(differ, b_.CreateAdd(r, b), r);
    }
    case Scalar::min: return b_.CreateSelect(compare(llvm::CmpInst::ICMP_SLT, llvm::CmpInst::ICMP_ULT), a, b);
    case Scalar::max: return b_.CreateSelect(compare(llvm::CmpInst::ICMP_SGT, llvm::CmpInst::ICMP_UGT), a, b);
    case Scalar::logical_and: return b_.CreateAnd(truth(a), truth(b));
    case Scalar::logical_or: return b_.CreateOr(truth(a), truth(b));
    case Scalar::logical_xor: return b_.CreateXor(truth(a), truth(b));
    case Scalar::bit_and: return b_.CreateAnd(a, b);
    case Scalar::bit_or: return b_.CreateOr(a, b);
    case Scalar::bit_xor: return b_.CreateXor(a, b);
    case Scalar::shift_left: {
      Value inside = b_.CreateICmpULT(b, number(width));
      return b_.CreateSelect(inside, b_.CreateShl(a, b_.CreateSelect(inside, b, zero)), zero);
    }
    case Scalar::shift_right: {
      Value inside = b_.CreateICmpULT(b, number(width));
      Value amount = b_.CreateSelect(inside, b, positive ? zero : number(width - 1));
      if (!positive) return b_.CreateAShr(a, amount);
      return b_.CreateSelect(inside, b_.CreateLShr(a, amount), zero);
    }
    case Scalar::eq: return b_.CreateICmpEQ(a, b);
    case Scalar::ne: return b_.CreateICmpNE(a, b);
    case Scalar::lt: return compare(llvm::CmpInst::ICMP_SLT, llvm::CmpInst::ICMP_ULT);
    case Scalar::le: return compare(llvm::CmpInst::ICMP_SLE, llvm::CmpInst::ICMP_ULE);
    case Scalar::gt: return compare(llvm::CmpInst::ICMP_SGT, llvm::CmpInst::ICMP_UGT);
    case Scalar::ge: return compare(llvm::CmpInst::ICMP_SGE, llvm::CmpInst::ICMP_UGE);
    default: break;
  }
  CHECK(false, std::string(info(function).name) + " has no integer form");
}

Value Expressions::apply(Scalar function, DType dtype, std::vector<Value> arguments) {
  int lanes = 1;
  for (Value v : arguments) lanes = std::max(lanes, lanes_of(v));
  if (function == Scalar::select) {
    // One condition for all lanes needs no vector of it.
    for (std::size_t i = lanes_of(arguments[0]) == 1 ? 1 : 0; i < 3; ++i) arguments[i] = widen(arguments[i], lanes);
    return b_.CreateSelect(arguments[0], arguments[1], arguments[2]);
  }
  for (Value& v : arguments) v = widen(v, lanes);
  if (!is_float(dtype)) return integer_apply(function, dtype, arguments);
  if (function == Scalar::mod_floor || function == Scalar::mod_trunc)
    return remainder(arguments[0], arguments[1], function == Scalar::mod_floor);
  return math_.apply(function, arguments);
}

Value Expressions::emit(const Nest& nest, int root, const Leaf& leaf, std::vector<Value>& known) {
  // Arguments come earlier than what they are arguments of, so one pass over what is needed does it without recursion.
  std::vector<bool> needed(static_cast<std::size_t>(root) + 1);
  needed.back() = true;
  for (std::size_t i = needed.size(); i-- > 0;)
    if (needed[i] && !known[i])
      for (int a : nest.expressions[i].arguments) needed[static_cast<std::size_t>(a)] = true;
  for (std::size_t i = 0; i < needed.size(); ++i) {
    if (!needed[i] || known[i]) continue;
    const auto& e = nest.expressions[i];
    switch (e.kind) {
      case Kind::constant: known[i] = constant(e.value, e.dtype); break;
      case Kind::size: known[i] = convert(frame_.size(e.dim), DType::i64, e.dtype); break;
      case Kind::cast: {
        const auto& from = nest.expressions[static_cast<std::size_t>(e.arguments[0])];
        known[i] = convert(known[static_cast<std::size_t>(e.arguments[0])], from.dtype, e.dtype);
        break;
      }
      case Kind::apply: {
        const auto& last = nest.expressions[static_cast<std::size_t>(e.arguments.back())];
        if (e.function == Scalar::pow && last.kind == Kind::constant && small_power(last.dtype, last.value)) {
          known[i] = power(known[static_cast<std::size_t>(e.arguments[0])], last.dtype, last.value);
          break;
        }
        std::vector<Value> arguments;
        for (int a : e.arguments) arguments.push_back(known[static_cast<std::size_t>(a)]);
        known[i] = apply(e.function, last.dtype, std::move(arguments));
        break;
      }
      default: known[i] = leaf(static_cast<int>(i)); break;
    }
  }
  return known[static_cast<std::size_t>(root)];
}

Value Expressions::identity(Reduction reduction, DType dtype) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  const bool real = is_float(dtype);
  llvm::Type* type = register_type(dtype, 1);
  const unsigned bits = real ? 0 : type->getIntegerBitWidth();
  switch (reduction) {
    case Reduction::sum: return constant(0, dtype);
    case Reduction::product: return constant(1, dtype);
    case Reduction::min:
      if (real) return llvm::ConstantFP::get(type, kInf);
      return llvm::ConstantInt::get(
          type, is_unsigned(dtype) ? llvm::APInt::getMaxValue(bits) : llvm::APInt::getSignedMaxValue(bits));
    case Reduction::max:
      if (real) return llvm::ConstantFP::get(type, -kInf);
      return llvm::ConstantInt::get(
          type, is_unsigned(dtype) ? llvm::APInt::getMinValue(bits) : llvm::APInt::getSignedMinValue(bits));
    case Reduction::logical_and: return constant(1, dtype);
    case Reduction::logical_or: return constant(0, dtype);
  }
  return nullptr;
}

Value Expressions::combine(Reduction reduction, DType dtype, Value a, Value b) {
  switch (reduction) {
    case Reduction::sum: return dtype == DType::boolean ? b_.CreateOr(a, b) : apply(Scalar::add, dtype, {a, b});
    case Reduction::product: return dtype == DType::boolean ? b_.CreateAnd(a, b) : apply(Scalar::mul, dtype, {a, b});
    case Reduction::min: return apply(Scalar::min, dtype, {a, b});
    case Reduction::max: return apply(Scalar::max, dtype, {a, b});
    case Reduction::logical_and:
    case Reduction::logical_or: {
      Value truth =
          apply(reduction == Reduction::logical_and ? Scalar::logical_and : Scalar::logical_or, dtype, {a, b});
      return convert(truth, DType::boolean, dtype);
    }
  }
  return nullptr;
}

Value Expressions::reduce_lanes(Reduction reduction, DType dtype, Value value) {
  for (int lanes = lanes_of(value); lanes > 1; lanes /= 2) {
    llvm::SmallVector<int, 32> low, high;
    for (int i = 0; i < lanes / 2; ++i) {
      low.push_back(i);
      high.push_back(i + lanes / 2);
    }
    Value a = b_.CreateShuffleVector(value, low), b = b_.CreateShuffleVector(value, high);
    if (lanes == 2) {
      a = b_.CreateExtractElement(value, uint64_t{0});
      b = b_.CreateExtractElement(value, uint64_t{1});
    }
    value = combine(reduction, dtype, a, b);
  }
  return value;
}

}  // namespace burnish
