#include "codegen/cpu/frame.h"

#include <llvm/IR/Intrinsics.h>
#include <llvm/IR/MDBuilder.h>

namespace burnish {

KernelFrame::KernelFrame(KernelModule& module)
    : module_(module), function_(module.create_kernel()), builder_(module.context()) {
  // The entry block holds only loads of arguments; its branch to the body is its terminator from the start, so that
  // pointer() and size() may be asked for at any time.
  entry_ = llvm::BasicBlock::Create(context(), "entry", function_);
  auto* body = llvm::BasicBlock::Create(context(), "body", function_);
  builder_.SetInsertPoint(entry_);
  builder_.CreateBr(body);
  builder_.SetInsertPoint(body);
}

llvm::IRBuilder<>::InsertPoint KernelFrame::entry_point() { return {entry_, entry_->getTerminator()->getIterator()}; }

llvm::LoadInst* KernelFrame::constant_load(llvm::LoadInst* load) {
  load->setMetadata(llvm::LLVMContext::MD_invariant_load, llvm::MDNode::get(context(), {}));
  return load;
}

llvm::Value* KernelFrame::pointer(int operand) {
  const auto index = static_cast<std::size_t>(operand);
  if (!within_.empty()) return within_.at(index);
  if (pointers_.size() <= index) pointers_.resize(index + 1);
  if (!pointers_[index]) {
    llvm::IRBuilder<>::InsertPointGuard guard(builder_);
    builder_.restoreIP(entry_point());
    auto* type = builder_.getPtrTy();
    llvm::Value* table = constant_load(builder_.CreateLoad(type, function_->getArg(0), "pointers"));
    llvm::Value* place = builder_.CreateConstInBoundsGEP1_64(type, table, index);
    pointers_[index] = constant_load(builder_.CreateLoad(type, place, "operand" + std::to_string(operand)));
  }
  return pointers_[index];
}

llvm::Value* KernelFrame::scratch() {
  if (!scratch_) {
    llvm::IRBuilder<>::InsertPointGuard guard(builder_);
    builder_.restoreIP(entry_point());
    llvm::Value* place = builder_.CreateConstInBoundsGEP1_64(builder_.getPtrTy(), function_->getArg(0), 2);
    scratch_ = constant_load(builder_.CreateLoad(builder_.getPtrTy(), place, "scratch"));
  }
  return scratch_;
}

llvm::Value* KernelFrame::size(const Dim& dim) {
  if (const auto value = dim.constant()) return number(*value);
  for (std::size_t i = 0; i < dims_.size(); ++i)
    if (dims_[i] == dim) return sizes_[i];
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  builder_.restoreIP(entry_point());
  llvm::Value* place = builder_.CreateConstInBoundsGEP1_64(builder_.getPtrTy(), function_->getArg(0), 1);
  llvm::Value* table = constant_load(builder_.CreateLoad(builder_.getPtrTy(), place, "integers"));
  place = builder_.CreateConstInBoundsGEP1_64(builder_.getInt64Ty(), table, dims_.size());
  sizes_.push_back(constant_load(builder_.CreateLoad(builder_.getInt64Ty(), place, "size")));
  dims_.push_back(dim);
  return sizes_.back();
}

llvm::Value* KernelFrame::advance(llvm::Value* base, llvm::Value* elements, int64_t bytes) {
  llvm::Value* offset = bytes == 1 ? elements : builder_.CreateMul(elements, number(bytes), "", false, true);
  return builder_.CreateInBoundsGEP(builder_.getInt8Ty(), base, offset);
}

llvm::Value* KernelFrame::multiply_add(llvm::Value* a, llvm::Value* b, llvm::Value* c) {
  if (cpu().level < 3) return builder_.CreateFAdd(builder_.CreateFMul(a, b), c);
  return builder_.CreateIntrinsic(llvm::Intrinsic::fma, {a->getType()}, {a, b, c});
}

void KernelFrame::loop(const std::string& name, llvm::Value* begin, llvm::Value* end, int64_t step, Values& carried,
                       const std::function<void(llvm::Value*, Values&)>& body, bool at_least_once) {
  auto* before = builder_.GetInsertBlock();
  auto* inside = llvm::BasicBlock::Create(context(), name, function_);
  auto* after = llvm::BasicBlock::Create(context(), name + ".end", function_);
  if (at_least_once) builder_.CreateBr(inside);
  else builder_.CreateCondBr(builder_.CreateICmpSLT(begin, end), inside, after);

  builder_.SetInsertPoint(inside);
  llvm::PHINode* counter = builder_.CreatePHI(begin->getType(), 2, name);
  counter->addIncoming(begin, before);
  std::vector<llvm::PHINode*> phis;
  Values values;
  for (llvm::Value* initial : carried) {
    phis.push_back(builder_.CreatePHI(initial->getType(), 2));
    phis.back()->addIncoming(initial, before);
    values.push_back(phis.back());
  }
  body(counter, values);
  llvm::Value* next = builder_.CreateNSWAdd(counter, llvm::ConstantInt::getSigned(begin->getType(), step));
  auto* latch = builder_.GetInsertBlock();
  counter->addIncoming(next, latch);
  for (std::size_t i = 0; i < phis.size(); ++i) phis[i]->addIncoming(values[i], latch);
  builder_.CreateCondBr(builder_.CreateICmpSLT(next, end), inside, after);

  builder_.SetInsertPoint(after);
  for (std::size_t i = 0; i < carried.size(); ++i) {
    llvm::PHINode* merged = builder_.CreatePHI(carried[i]->getType(), 2);
    if (!at_least_once) merged->addIncoming(carried[i], before);
    merged->addIncoming(values[i], latch);
    carried[i] = merged;
  }
}

void KernelFrame::loop(const std::string& name, llvm::Value* begin, llvm::Value* end, int64_t step,
                       const std::function<void(llvm::Value*)>& body, bool at_least_once) {
  Values none;
  loop(name, begin, end, step, none, [&](llvm::Value* i, Values&) { body(i); }, at_least_once);
}

KernelFrame::Values KernelFrame::branch(llvm::Value* condition, const std::function<Values()>& then,
                                        const std::function<Values()>& otherwise) {
  auto* yes = llvm::BasicBlock::Create(context(), "then", function_);
  auto* no = llvm::BasicBlock::Create(context(), "else", function_);
  auto* after = llvm::BasicBlock::Create(context(), "merge", function_);
  builder_.CreateCondBr(condition, yes, no);
  builder_.SetInsertPoint(yes);
  const Values first = then();
  auto* yes_end = builder_.GetInsertBlock();
  builder_.CreateBr(after);
  builder_.SetInsertPoint(no);
  const Values second = otherwise();
  auto* no_end = builder_.GetInsertBlock();
  builder_.CreateBr(after);
  builder_.SetInsertPoint(after);
  CHECK(first.size() == second.size());
  Values merged;
  for (std::size_t i = 0; i < first.size(); ++i) {
    llvm::PHINode* phi = builder_.CreatePHI(first[i]->getType(), 2);
    phi->addIncoming(first[i], yes_end);
    phi->addIncoming(second[i], no_end);
    merged.push_back(phi);
  }
  return merged;
}

void KernelFrame::check(llvm::Value* fine, const std::function<Values()>& what) {
  constexpr unsigned kNumbers = 4;
  if (failure_ == nullptr) {
    llvm::IRBuilder<>::InsertPointGuard guard(builder_);
    failure_ = llvm::BasicBlock::Create(context(), "failure", function_);
    builder_.SetInsertPoint(failure_);
    for (unsigned i = 0; i < kNumbers; ++i) failure_numbers_.push_back(builder_.CreatePHI(builder_.getInt64Ty(), 1));
  }
  auto* outside = llvm::BasicBlock::Create(context(), "outside", function_);
  auto* on = llvm::BasicBlock::Create(context(), "inside", function_);
  builder_.CreateCondBr(fine, on, outside, llvm::MDBuilder(context()).createLikelyBranchWeights());
  builder_.SetInsertPoint(outside);
  const Values numbers = what();
  CHECK(numbers.size() == kNumbers);
  for (std::size_t i = 0; i < kNumbers; ++i) failure_numbers_[i]->addIncoming(numbers[i], builder_.GetInsertBlock());
  builder_.CreateBr(failure_);
  builder_.SetInsertPoint(on);
}

// Of several threads, one writes all of the numbers; they are read when all have ended.
void KernelFrame::finish_failure() {
  llvm::IRBuilder<>::InsertPointGuard guard(builder_);
  auto* first = llvm::BasicBlock::Create(context(), "first", function_);
  auto* end = llvm::BasicBlock::Create(context(), "failed", function_);
  builder_.SetInsertPoint(failure_);
  llvm::Value* place = builder_.CreateConstInBoundsGEP1_64(builder_.getPtrTy(), function_->getArg(0), 3);
  llvm::Value* failure = builder_.CreateLoad(builder_.getPtrTy(), place);
  llvm::Value* exchange =
      builder_.CreateAtomicCmpXchg(failure, number(0), number(1), llvm::MaybeAlign(8), llvm::AtomicOrdering::Monotonic,
                                   llvm::AtomicOrdering::Monotonic);
  builder_.CreateCondBr(builder_.CreateExtractValue(exchange, 1), first, end);
  builder_.SetInsertPoint(first);
  for (std::size_t i = 0; i < failure_numbers_.size(); ++i)
    builder_.CreateStore(failure_numbers_[i],
                         builder_.CreateConstInBoundsGEP1_64(builder_.getInt64Ty(), failure, i + 1));
  builder_.CreateBr(end);
  builder_.SetInsertPoint(end);
  builder_.CreateRetVoid();
}

Result<Emitted> KernelFrame::finish(const JitOptions& options) {
  builder_.CreateRetVoid();
  if (failure_ != nullptr) finish_failure();
  MachineCode code = TRY(module_.compile(options));
  Emitted emitted;
  emitted.code = std::move(code.bytes);
  emitted.entry = code.entry;
  emitted.integers = dims_;
  return emitted;
}

}  // namespace burnish
