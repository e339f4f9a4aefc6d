// Places of the largest or smallest elements of a row, in order: each element is inserted into the list of those that lead.

#include "codegen/cpu/expression.h"
#include "kernels/cpu/expand.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"

namespace burnish {
namespace {

using Values = KernelFrame::Values;

// Steps for a row at most: lists that are long move too much.
constexpr int64_t kMostLeaders = 1024, kMostElements = 4096;

class Emitter {
 public:
  Emitter(KernelModule& module, const Kernel& kernel, std::span<const Storage> storages)
      : frame_(module),
        b_(frame_.builder()),
        problem_(*kernel.anchor),
        x_(storages[0]),
        y_(storages[1]),
        expressions_(frame_),
        axis_(static_cast<std::size_t>(integer(problem_.attributes, "axis", 0))),
        dtype_(problem_.operands[0].dtype) {}

  Result<Emitted> run() {
    const Dims& dims = problem_.result.dims;
    std::vector<Dim> rows;
    for (std::size_t d = 0; d < dims.size(); ++d)
      if (d != axis_) rows.push_back(dims[d]);
    frame_.loop("row", frame_.first(), frame_.last(), 1, [&](llvm::Value* number) {
      const Values place = split_number(frame_, number, rows);
      from_ = start(x_, place, 0, dtype_);
      to_ = start(y_, place, 1, DType::i64);
      row();
    });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = product(rows);
    emitted.grain = 1;
    return emitted;
  }

 private:
  llvm::Value* start(const Storage& storage, const Values& place, int operand, DType dtype) {
    llvm::Value* offset = frame_.number(0);
    for (std::size_t d = 0, next = 0; d < storage.strides.size(); ++d)
      if (d != axis_) offset = b_.CreateAdd(offset, b_.CreateMul(place[next++], frame_.size(storage.strides[d])));
    return frame_.advance(frame_.pointer(operand), offset, static_cast<int64_t>(byte_size(dtype)));
  }

  llvm::Value* element(llvm::Value* place) {
    llvm::Value* offset = b_.CreateMul(place, frame_.size(x_.strides[axis_]));
    return expressions_.load(frame_.advance(from_, offset, static_cast<int64_t>(byte_size(dtype_))), dtype_, 1);
  }
  llvm::Value* leader(llvm::Value* rank) {
    return frame_.advance(to_, b_.CreateMul(rank, frame_.size(y_.strides[axis_])), 8);
  }
  llvm::Value* leading(llvm::Value* rank) { return b_.CreateLoad(b_.getInt64Ty(), leader(rank)); }

  // Does a come before b, which stands further to the front of the row?
  llvm::Value* better(llvm::Value* a, llvm::Value* b) {
    const bool largest = integer(problem_.attributes, "largest", 1) != 0;
    llvm::Value* better = expressions_.apply(largest ? Scalar::gt : Scalar::lt, dtype_, {a, b});
    if (!is_float(dtype_)) return better;
    llvm::Value *x = b_.CreateFCmpUNO(a, a), *y = b_.CreateFCmpUNO(b, b);
    return b_.CreateOr(better, largest ? b_.CreateAnd(x, b_.CreateNot(y)) : b_.CreateAnd(b_.CreateNot(x), y));
  }

  void row() {
    llvm::Value* wanted = frame_.size(problem_.result.dims[axis_]);
    llvm::Value* some = b_.CreateICmpSGT(wanted, frame_.number(0));
    frame_.branch(
        some,
        [&] {
          elements(wanted);
          return Values{};
        },
        [] { return Values{}; });
  }

  void elements(llvm::Value* wanted) {
    llvm::Value* one = frame_.number(1);
    frame_.loop("element", frame_.number(0), frame_.size(problem_.operands[0].dims[axis_]), 1, [&](llvm::Value* i) {
      llvm::Value* value = element(i);
      llvm::Value* full = b_.CreateICmpSGE(i, wanted);
      llvm::Value* last = b_.CreateSub(wanted, one);
      llvm::Value* enters = frame_.branch(
          full, [&] { return Values{better(value, element(leading(last)))}; }, [&] { return Values{b_.getTrue()}; })[0];
      frame_.branch(
          enters,
          [&] {
            insert(i, value, b_.CreateSelect(full, last, i));
            return Values{};
          },
          [] { return Values{}; });
    });
  }

  // Moves those that come later by one, from `rank` on forwards.
  void insert(llvm::Value* place, llvm::Value* value, llvm::Value* rank) {
    llvm::Function* function = frame_.function();
    const auto block = [&](const char* name) { return llvm::BasicBlock::Create(frame_.context(), name, function); };
    llvm::BasicBlock *before = b_.GetInsertBlock(), *test = block("test"), *compare = block("compare"),
                     *move = block("move"), *done = block("done");
    b_.CreateBr(test);
    b_.SetInsertPoint(test);
    llvm::PHINode* at = b_.CreatePHI(b_.getInt64Ty(), 2);
    at->addIncoming(rank, before);
    b_.CreateCondBr(b_.CreateICmpSGT(at, frame_.number(0)), compare, done);
    b_.SetInsertPoint(compare);
    llvm::Value* next = b_.CreateSub(at, frame_.number(1));
    llvm::Value* other = leading(next);
    b_.CreateCondBr(better(value, element(other)), move, done);
    b_.SetInsertPoint(move);
    b_.CreateStore(other, leader(at));
    at->addIncoming(next, b_.GetInsertBlock());
    b_.CreateBr(test);
    b_.SetInsertPoint(done);
    b_.CreateStore(place, leader(at));
  }

  KernelFrame frame_;
  llvm::IRBuilder<>& b_;
  const Problem& problem_;
  const Storage &x_, &y_;
  Expressions expressions_;
  std::size_t axis_;
  DType dtype_;
  llvm::Value *from_ = nullptr, *to_ = nullptr;
};

void tactics(const CpuFeatures&, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  if (!stores_alone(kernel)) {
    why_not = "the result is not stored as it is";
    return;
  }
  const DType dtype = problem.operands[0].dtype;
  if (!Expressions::supports(dtype) || dtype == DType::boolean) {
    why_not = "no code for " + std::string(name(dtype));
    return;
  }
  const auto axis = static_cast<std::size_t>(integer(problem.attributes, "axis", 0));
  const Dim &count = problem.result.dims[axis], &size = problem.operands[0].dims[axis];
  if (count.range().high > kMostLeaders && size.range().high > kMostElements) {
    why_not = "too many may be wanted to be inserted one by one";
    return;
  }
  Tactic tactic;
  tactic.name = "insertion";
  for (std::size_t i = 0; i < kernel.operand_count(); ++i) {
    const Type& type = kernel.operand_type(i);
    tactic.ports.push_back({Format::plain(type.dtype, type.rank()), true});
  }
  double rows = 1;
  for (std::size_t d = 0; d < problem.result.dims.size(); ++d)
    if (d != axis) rows *= static_cast<double>(likely(problem.result.dims[d]));
  const auto wanted = static_cast<double>(likely(count));
  tactic.seconds = seconds_of(rows * (static_cast<double>(likely(size)) * 2 + wanted * wanted));
  tactic.why = "every element is compared with the last of those that lead";
  found.push_back(std::move(tactic));
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic&, std::span<const Storage> storages) {
  KernelModule module(cpu);
  return Emitter(module, kernel, storages).run();
}

}  // namespace

const Family kArgSort = {"arg_sort", "arg_sort", tactics, emit};

}  // namespace burnish
