// A copy of x into which updates are written where the indices say, one after the other. Problems: "scatter_elements",
// whose indices replace the position along one axis, and "scatter_nd", whose last axis of indices replaces the first ones.

#include <functional>

#include "codegen/cpu/expression.h"
#include "kernels/cpu/expand.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"

namespace burnish {
namespace {

using Values = KernelFrame::Values;

enum Operand : std::size_t { kX, kIndices, kUpdates, kResult };

class Emitter {
 public:
  Emitter(KernelModule& module, const Kernel& kernel, std::span<const Storage> storages)
      : frame_(module),
        b_(frame_.builder()),
        problem_(*kernel.anchor),
        storages_(storages),
        expressions_(frame_),
        dims_(problem_.result.dims),
        indices_(problem_.operands[kIndices].dims),
        updates_(problem_.operands[kUpdates].dims),
        dtype_(problem_.result.dtype) {}

  Result<Emitted> run() {
    const bool elements = problem_.family == "scatter_elements";
    const auto axis = static_cast<std::size_t>(integer(problem_.attributes, "axis", 0));
    // Updates that may meet belong to one task.
    const Dims tasks(dims_.begin(), dims_.begin() + static_cast<std::ptrdiff_t>(elements ? axis : 0));
    frame_.loop("task", frame_.first(), frame_.last(), 1, [&](llvm::Value* number) {
      const Values place = split_number(frame_, number, tasks);
      copy(place);
      elements ? scatter_elements(place, axis) : scatter_nd();
    });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = product(tasks);
    emitted.grain = 1;
    return emitted;
  }

 private:
  // Loops over dims [position.size(), dims.size()), each of `dims`.
  void over(const Dims& dims, Values position, const std::function<void(const Values&)>& body) {
    if (position.size() == dims.size()) return body(position);
    frame_.loop("i", frame_.number(0), frame_.size(dims[position.size()]), 1, [&](llvm::Value* i) {
      Values longer = position;
      longer.push_back(i);
      over(dims, std::move(longer), body);
    });
  }

  llvm::Value* address(Operand operand, const Values& position) {
    const Storage& storage = storages_[operand];
    llvm::Value* offset = frame_.number(0);
    for (std::size_t d = 0; d < position.size(); ++d)
      offset = b_.CreateAdd(offset, b_.CreateMul(position[d], frame_.size(storage.strides[d])));
    const DType dtype = operand == kIndices ? problem_.operands[kIndices].dtype : dtype_;
    return frame_.advance(frame_.pointer(static_cast<int>(operand)), offset, static_cast<int64_t>(byte_size(dtype)));
  }

  // Bits are moved as they are.
  llvm::Type* bits() { return b_.getIntNTy(static_cast<unsigned>(8 * byte_size(dtype_))); }

  void copy(const Values& place) {
    over(dims_, place,
         [&](const Values& at) { b_.CreateStore(b_.CreateLoad(bits(), address(kX, at)), address(kResult, at)); });
  }

  // An index counts from the end where it is negative; the kernel ends where it does not lie within `size` elements.
  llvm::Value* index(const Values& at, llvm::Value* size) {
    const DType dtype = problem_.operands[kIndices].dtype;
    llvm::Value* given = expressions_.load(address(kIndices, at), dtype, 1);
    given = expressions_.convert(given, dtype, DType::i64);
    llvm::Value* negative = b_.CreateICmpSLT(given, frame_.number(0));
    llvm::Value* element = b_.CreateSelect(negative, b_.CreateAdd(given, size), given);
    frame_.check(b_.CreateICmpULT(element, size), [&]() -> Values {
      return {given, b_.CreateNeg(size), b_.CreateSub(size, frame_.number(1)), frame_.number(kIndices)};
    });
    return element;
  }

  void combine(llvm::Value* update, llvm::Value* target) {
    const auto reduction = string(problem_.attributes, "reduction");
    if (reduction == "none") {
      b_.CreateStore(b_.CreateLoad(bits(), update), target);
      return;
    }
    Scalar function = *parse_scalar(reduction);
    if (dtype_ == DType::boolean)
      function = function == Scalar::add || function == Scalar::max ? Scalar::logical_or : Scalar::logical_and;
    llvm::Value* old = expressions_.load(target, dtype_, 1);
    llvm::Value* next = expressions_.apply(function, dtype_, {old, expressions_.load(update, dtype_, 1)});
    expressions_.store(target, next, dtype_, 1);
  }

  void when(llvm::Value* condition, const std::function<void()>& then) {
    frame_.branch(
        condition,
        [&] {
          then();
          return Values{};
        },
        [] { return Values{}; });
  }

  void scatter_elements(const Values& place, std::size_t axis) {
    llvm::Value* updated = b_.getTrue();
    for (std::size_t d = 0; d < axis; ++d)
      updated = b_.CreateAnd(updated, b_.CreateICmpSLT(place[d], frame_.size(indices_[d])));
    llvm::Value* size = frame_.size(dims_[axis]);
    when(updated, [&] {
      over(indices_, place, [&](const Values& at) {
        llvm::Value* inside = b_.getTrue();
        Values to = at;
        to[axis] = index(at, size);
        for (std::size_t d = axis + 1; d < at.size(); ++d)
          inside = b_.CreateAnd(inside, b_.CreateICmpSLT(at[d], frame_.size(dims_[d])));
        when(inside, [&] { combine(address(kUpdates, at), address(kResult, to)); });
      });
    });
  }

  void scatter_nd() {
    const auto depth = static_cast<std::size_t>(indices_.back().value());
    const Dims tuples(indices_.begin(), indices_.end() - 1);
    over(tuples, {}, [&](const Values& tuple) {
      Values to;
      for (std::size_t k = 0; k < depth; ++k) {
        Values entry = tuple;
        entry.push_back(frame_.number(static_cast<int64_t>(k)));
        to.push_back(index(entry, frame_.size(dims_[k])));
      }
      over(updates_, tuple, [&](const Values& from) {
        Values target = to;
        target.insert(target.end(), from.begin() + static_cast<std::ptrdiff_t>(tuple.size()), from.end());
        combine(address(kUpdates, from), address(kResult, target));
      });
    });
  }

  KernelFrame frame_;
  llvm::IRBuilder<>& b_;
  const Problem& problem_;
  std::span<const Storage> storages_;
  Expressions expressions_;
  const Dims dims_, indices_, updates_;
  DType dtype_;
};

void tactics(const CpuFeatures&, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  if (!stores_alone(kernel)) {
    why_not = "the result is not stored as it is";
    return;
  }
  const auto reduction = string(problem.attributes, "reduction");
  if (!Expressions::supports(problem.result.dtype) ||
      (reduction != "none" && problem.result.dtype != DType::boolean &&
       !Expressions::supports(*parse_scalar(reduction), problem.result.dtype))) {
    why_not = "no code for " + std::string(name(problem.result.dtype));
    return;
  }
  if (problem.family == "scatter_nd" && !problem.operands[kIndices].dims.back().is_constant()) {
    why_not = "it is not known how many indices an update has";
    return;
  }
  Tactic tactic;
  tactic.name = "one by one";
  for (std::size_t i = 0; i < kernel.operand_count(); ++i) {
    const Type& type = kernel.operand_type(i);
    tactic.ports.push_back({Format::plain(type.dtype, type.rank()), true});
  }
  double elements = 1, updates = 1;
  for (const Dim& d : problem.result.dims) elements *= static_cast<double>(likely(d));
  for (const Dim& d : problem.operands[kUpdates].dims) updates *= static_cast<double>(likely(d));
  tactic.seconds = seconds_of(elements + updates * 8);
  tactic.why = "a copy, then one update after the other";
  found.push_back(std::move(tactic));
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic&, std::span<const Storage> storages) {
  KernelModule module(cpu);
  return Emitter(module, kernel, storages).run();
}

}  // namespace

const Family kScatterElements = {"scatter", "scatter_elements", tactics, emit};
const Family kScatterNd = {"scatter_nd", "scatter_nd", tactics, emit};

}  // namespace burnish
