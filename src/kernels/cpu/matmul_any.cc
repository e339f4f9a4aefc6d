// Matrix products whose sums or columns are only known at run time: read in place, every vector masked.

#include <fmt/format.h>
#include <llvm/IR/Constants.h>

#include "codegen/cpu/frame.h"
#include "kernels/cpu/epilogue.h"
#include "kernels/cpu/family.h"
#include "kernels/cpu/gather.h"

namespace burnish {
namespace {

using Values = KernelFrame::Values;

class AnyEmitter {
 public:
  AnyEmitter(KernelModule& module, const Kernel& kernel, std::span<const Storage> storages)
      : frame_(module),
        b_(frame_.builder()),
        problem_(*kernel.anchor),
        storages_(storages),
        epilogue_(frame_, kernel, storages, static_cast<int>(kernel.anchor->result.dims.size()) - 1),
        lanes_(module.cpu().vector_bytes() / 4),
        rows_(module.cpu().level >= 4 ? 8 : 4) {}

  Result<Emitted> run() {
    const auto& result = problem_.result.dims;
    std::vector<Dim> extents(result.begin(), result.end() - 2);
    extents.push_back(ceildiv(result[result.size() - 2], Dim(rows_)));
    frame_.loop("task", frame_.first(), frame_.last(), 1,
                [&](llvm::Value* task) { this->task(split_number(frame_, task, extents)); });
    Emitted emitted = TRY(frame_.finish());
    emitted.tasks = product(extents);
    return emitted;
  }

 private:
  llvm::Value* operand(std::size_t i, const std::vector<llvm::Value*>& batch) {
    const auto& dims = problem_.operands[i].dims;
    llvm::Value* offset = frame_.number(0);
    for (std::size_t d = 0; d + 2 < dims.size(); ++d) {
      const std::size_t whole = d + batch.size() + 2 - dims.size();
      const Dim stride = broadcast_stride(dims[d], problem_.result.dims[whole], storages_[i].strides[d]);
      if (stride != Dim(0)) offset = b_.CreateAdd(offset, b_.CreateMul(batch[whole], frame_.size(stride)));
    }
    return frame_.advance(frame_.pointer(static_cast<int>(i)), offset);
  }
  llvm::Value* at(llvm::Value* base, llvm::Value* index, const Dim& stride) {
    return frame_.advance(base, b_.CreateMul(index, frame_.size(stride)));
  }

  void task(std::vector<llvm::Value*> place) {
    llvm::Value* row = b_.CreateMul(place.back(), frame_.number(rows_));
    place.pop_back();
    const auto& result = problem_.result.dims;
    llvm::Value *row_count = frame_.size(result[result.size() - 2]), *columns = frame_.size(result.back());
    const Dims &a = storages_[0].strides, &b = storages_[1].strides;
    llvm::Value *a_base = operand(0, place), *b_base = operand(1, place);
    std::vector<llvm::Value*> a_rows;  // past the last row that one again; it is not stored
    for (int r = 0; r < rows_; ++r) {
      llvm::Value* at_row = b_.CreateAdd(row, frame_.number(r));
      at_row = b_.CreateBinaryIntrinsic(llvm::Intrinsic::smin, at_row, b_.CreateSub(row_count, frame_.number(1)));
      a_rows.push_back(at(a_base, at_row, a[a.size() - 2]));
    }
    llvm::Value* sum = frame_.size(problem_.operands[1].dims[b.size() - 2]);
    frame_.loop("columns", frame_.number(0), columns, static_cast<int64_t>(kVectors) * lanes_, [&](llvm::Value* j) {
      Values masks;
      for (int v = 0; v < kVectors; ++v) masks.push_back(live(b_.CreateAdd(j, frame_.number(v * lanes_)), columns));
      llvm::Value* b_at = at(b_base, j, b.back());
      auto* type = frame_.vector_type(lanes_);
      Values sums(static_cast<std::size_t>(rows_ * kVectors), llvm::Constant::getNullValue(type));
      frame_.loop("k", frame_.number(0), sum, 1, sums, [&](llvm::Value* k, Values& s) {
        llvm::Value* b_row = at(b_at, k, b[b.size() - 2]);
        Values weights;
        for (int v = 0; v < kVectors; ++v)
          weights.push_back(
              load(at(b_row, frame_.number(v * lanes_), b.back()), b.back(), masks[static_cast<std::size_t>(v)]));
        for (int r = 0; r < rows_; ++r) {
          llvm::Value* from = at(a_rows[static_cast<std::size_t>(r)], k, a.back());
          llvm::Value* x = b_.CreateVectorSplat(static_cast<unsigned>(lanes_),
                                                b_.CreateAlignedLoad(frame_.f32(), from, llvm::Align(4)));
          for (int v = 0; v < kVectors; ++v) {
            auto& total = s[static_cast<std::size_t>(r * kVectors + v)];
            total = frame_.multiply_add(x, weights[static_cast<std::size_t>(v)], total);
          }
        }
      });
      auto position = place;
      position.resize(place.size() + 2);
      for (int r = 0; r < rows_; ++r) {
        position[place.size()] = b_.CreateAdd(row, frame_.number(r));
        frame_.branch(
            b_.CreateICmpSLT(position[place.size()], row_count),
            [&]() -> Values {
              for (int v = 0; v < kVectors; ++v) {
                position.back() = b_.CreateAdd(j, frame_.number(v * lanes_));
                epilogue_.store(position, sums[static_cast<std::size_t>(r * kVectors + v)], lanes_,
                                masks[static_cast<std::size_t>(v)]);
              }
              return {};
            },
            []() -> Values { return {}; });
      }
    });
  }

  llvm::Value* lane_numbers() {
    std::vector<llvm::Constant*> numbers;
    for (int i = 0; i < lanes_; ++i) numbers.push_back(b_.getInt64(static_cast<uint64_t>(i)));
    return llvm::ConstantVector::get(numbers);
  }
  llvm::Value* splat(llvm::Value* x) { return b_.CreateVectorSplat(static_cast<unsigned>(lanes_), x); }
  llvm::Value* live(llvm::Value* first, llvm::Value* end) {
    return b_.CreateICmpSLT(b_.CreateAdd(splat(first), lane_numbers()), splat(end));
  }
  llvm::Value* load(llvm::Value* place, const Dim& stride, llvm::Value* mask) {
    auto* type = frame_.vector_type(lanes_);
    auto* zero = llvm::Constant::getNullValue(type);
    if (stride == Dim(1)) return b_.CreateMaskedLoad(type, place, llvm::Align(4), mask, zero);
    llvm::Value* offsets = b_.CreateMul(lane_numbers(), splat(b_.CreateMul(frame_.size(stride), frame_.number(4))));
    return b_.CreateMaskedGather(type, b_.CreateGEP(b_.getInt8Ty(), place, offsets), llvm::Align(4), mask, zero);
  }

  static constexpr int kVectors = 2;
  KernelFrame frame_;
  llvm::IRBuilder<>& b_;
  const Problem& problem_;
  std::span<const Storage> storages_;
  Epilogue epilogue_;
  int lanes_, rows_;
};

Status check(const Problem& problem) {
  if (problem.operands.size() != 2 || problem.result.dims.size() < 2) return refused("matmul wants a and b");
  for (const Type* t : {&problem.operands[0], &problem.operands[1], &problem.result}) {
    if (t->dtype != DType::f32) return refused("only f32 is multiplied");
    if (t->dims.size() < 2) return refused("matmul wants matrices");
  }
  return {};
}

void tactics(const CpuFeatures& cpu, const Kernel& kernel, std::vector<Tactic>& found, std::string& why_not) {
  const Problem& problem = *kernel.anchor;
  if (const auto fits = check(problem); !fits) {
    why_not = fits.error().what;
    return;
  }
  const auto& b = problem.operands[1].dims;
  if (b.back().is_constant() && b[b.size() - 2].is_constant() && b.back() != Dim(0) && b[b.size() - 2] != Dim(0)) {
    why_not = "all sizes are known";
    return;
  }
  why_not = Epilogue::unsupported(kernel);
  if (!why_not.empty()) return;
  double sums = static_cast<double>(likely(problem.operands[0].dims.back()));
  for (const Dim& d : problem.result.dims) sums *= static_cast<double>(likely(d));
  Tactic t;
  t.name = "any sizes";
  t.seconds = seconds_of(sums / (cpu.vector_bytes() / 4) * 1.5 + 500);
  t.why = fmt::format("{:.0f} sums", sums);
  for (const Type& type : problem.operands) t.ports.push_back({Format::plain(DType::f32, type.rank()), true});
  for (auto& port : nest_ports(kernel, Format::plain(DType::f32, problem.result.rank()))) t.ports.push_back(port);
  found.push_back(std::move(t));
}

Result<Emitted> emit(const CpuFeatures& cpu, const Kernel& kernel, const Tactic&, std::span<const Storage> storages) {
  TRY(check(*kernel.anchor));
  KernelModule module(cpu);
  return AnyEmitter(module, kernel, storages).run();
}

}  // namespace

const Family kMatmulAny = {"matmul any", "matmul", tactics, emit};

}  // namespace burnish
