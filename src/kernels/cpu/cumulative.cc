// Running sums, products and extremes: one accumulator a row, vectors of rows where rows lie side by side.

#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"

namespace burnish {
namespace {

using Values = KernelFrame::Values;

Reduction reduction_of(std::string_view kind) {
  return kind == "product" ? Reduction::product
         : kind == "max"   ? Reduction::max
         : kind == "min"   ? Reduction::min
                           : Reduction::sum;
}

class Emitter {
 public:
  Emitter(KernelModule& module, const Kernel& kernel, std::span<const Storage> storages)
      : frame_(module),
        b_(frame_.builder()),
        problem_(*kernel.anchor),
        x_(storages[0]),
        epilogue_(frame_, kernel, storages, static_cast<int>(kernel.anchor->result.dims.size()) - 1),
        expressions_(frame_),
        axis_(static_cast<std::size_t>(integer(problem_.attributes, "axis", 0))),
        reduction_(reduction_of(string(problem_.attributes, "kind"))) {
    const auto bytes = std::max<std::size_t>(byte_size(problem_.result.dtype), 4);
    if (axis_ + 1 < problem_.result.dims.size() && x_.strides.back() == Dim(1))
      lanes_ = module.cpu().vector_bytes() / static_cast<int>(bytes);
  }

  Result<Emitted> run() {
    const Dims& dims = problem_.result.dims;
    std::vector<Dim> extents;
    for (std::size_t d = 0; d < dims.size(); ++d)
      if (d != axis_) extents.push_back(lanes_ > 1 && d + 1 == dims.size() ? ceildiv(dims[d], Dim(lanes_)) : dims[d]);
    frame_.loop("task", frame_.first(), frame_.last(), 1,
                [&](llvm::Value* number) { task(split_number(frame_, number, extents)); });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = product(extents);
    constexpr int64_t kElementsThatPay = 1 << 14;
    emitted.grain = max(Dim(1), floordiv(Dim(kElementsThatPay), max(Dim(1), dims[axis_] * Dim(lanes_))));
    return emitted;
  }

 private:
  void task(const Values& place) {
    const Dims& dims = problem_.result.dims;
    Values position;
    for (std::size_t d = 0, next = 0; d < dims.size(); ++d) position.push_back(d == axis_ ? nullptr : place[next++]);
    if (lanes_ == 1) return row(position, 1);
    position.back() = b_.CreateMul(position.back(), frame_.number(lanes_));
    llvm::Value* end = frame_.size(dims.back());
    llvm::Value* whole = b_.CreateICmpSLE(b_.CreateAdd(position.back(), frame_.number(lanes_)), end);
    frame_.branch(
        whole,
        [&] {
          row(position, lanes_);
          return Values{};
        },
        [&] {
          frame_.loop("rest", position.back(), end, 1, [&](llvm::Value* i) {
            Values one = position;
            one.back() = i;
            row(one, 1);
          });
          return Values{};
        });
  }

  void row(Values position, int lanes) {
    const DType dtype = problem_.result.dtype;
    const bool exclusive = integer(problem_.attributes, "exclusive", 0) != 0;
    const bool reverse = integer(problem_.attributes, "reverse", 0) != 0;
    llvm::Value* size = frame_.size(problem_.result.dims[axis_]);
    Values total = {expressions_.widen(expressions_.identity(reduction_, dtype), lanes)};
    frame_.loop("axis", frame_.number(0), size, 1, total, [&](llvm::Value* k, Values& now) {
      position[axis_] = reverse ? b_.CreateSub(b_.CreateSub(size, frame_.number(1)), k) : k;
      llvm::Value* offset = frame_.number(0);
      for (std::size_t d = 0; d < position.size(); ++d)
        offset = b_.CreateAdd(offset, b_.CreateMul(position[d], frame_.size(x_.strides[d])));
      llvm::Value* from = frame_.advance(frame_.pointer(0), offset, static_cast<int64_t>(byte_size(dtype)));
      llvm::Value* next = expressions_.combine(reduction_, dtype, now[0], expressions_.load(from, dtype, lanes));
      epilogue_.store(position, exclusive ? now[0] : next, lanes);
      now[0] = next;
    });
  }

  KernelFrame frame_;
  llvm::IRBuilder<>& b_;
  const Problem& problem_;
  const Storage& x_;
  Epilogue epilogue_;
  Expressions expressions_;
  std::size_t axis_;
  Reduction reduction_;
  int lanes_ = 1;
};

void tactics(const CpuFeatures&, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  why_not = Epilogue::unsupported(kernel);
  if (!why_not.empty()) return;
  const Problem& problem = *kernel.anchor;
  if (!Expressions::supports(problem.result.dtype) || problem.result.dtype == DType::boolean) {
    why_not = "no code for " + std::string(name(problem.result.dtype));
    return;
  }
  Tactic tactic;
  tactic.name = "cumulative";
  for (std::size_t i = 0; i < kernel.operand_count(); ++i) {
    const Type& type = kernel.operand_type(i);
    tactic.ports.push_back({Format::plain(type.dtype, type.rank()), true});
  }
  double elements = 1;
  for (const Dim& d : problem.result.dims) elements *= static_cast<double>(likely(d));
  tactic.seconds = seconds_of(elements * 4);
  tactic.why = "one addition after the other";
  found.push_back(std::move(tactic));
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic&, std::span<const Storage> storages) {
  KernelModule module(cpu);
  return Emitter(module, kernel, storages).run();
}

}  // namespace

const Family kCumulative = {"cumulative", "cumulative", tactics, emit};

}  // namespace burnish
