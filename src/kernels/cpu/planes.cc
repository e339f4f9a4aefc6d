#include "kernels/cpu/planes.h"

#include <llvm/IR/Constants.h>

#include "kernels/cpu/gather.h"

namespace burnish {
namespace {

constexpr int64_t kMostTaps = 32, kMostPlaces = int64_t{1} << 30;

}  // namespace

bool reads_planes(const CpuFeatures& cpu, const Contraction& c) {
  if (cpu.level < 3 || c.sums.empty() || c.pixels.empty()) return false;  // vectors need masks
  const int row = c.pixels.back().spatial;
  if (row < 0 || c.sums.back().spatial != row) return false;
  const auto& s = c.spatials[static_cast<std::size_t>(row)];
  // Taps are written out, and places in a row are counted in 32 bits.
  if (c.sums.back().extent > kMostTaps || s.size.range().high > kMostPlaces) return false;
  return s.a_stride == Dim(1) && s.stride <= 2 &&
         std::ranges::none_of(c.sums.begin(), c.sums.end() - 1, [&](const auto& sum) { return sum.spatial == row; });
}

void Planes::fill(llvm::Value* base, llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t k_elements) {
  auto& b = frame_.builder();
  std::vector<Dim> extents;
  for (const auto& p : c_.pixels) extents.push_back(p.extent);
  const auto row = static_cast<std::size_t>(c_.pixels.back().spatial);
  // Pixels up to the end of their image row, then those of the next one.
  auto* function = frame_.function();
  llvm::BasicBlock* before = b.GetInsertBlock();
  auto* head = llvm::BasicBlock::Create(frame_.context(), "piece", function);
  auto* after = llvm::BasicBlock::Create(frame_.context(), "pieces", function);
  b.CreateBr(head);
  b.SetInsertPoint(head);
  auto* done = b.CreatePHI(b.getInt64Ty(), 2);
  done->addIncoming(frame_.number(0), before);
  const auto digits = split_number(frame_, b.CreateAdd(first, done), extents);
  Piece piece;
  piece.origin.resize(c_.spatials.size());
  llvm::Value* offset = frame_.number(0);
  for (std::size_t i = 0; i + 1 < digits.size(); ++i) {
    const auto& p = c_.pixels[i];
    if (p.spatial < 0) {
      offset = b.CreateAdd(offset, b.CreateMul(digits[i], frame_.size(p.a_stride)));
      continue;
    }
    const auto& s = c_.spatials[static_cast<std::size_t>(p.spatial)];
    piece.origin[static_cast<std::size_t>(p.spatial)] =
        b.CreateSub(b.CreateMul(digits[i], frame_.number(s.stride)), frame_.number(s.pad));
  }
  // Image dims that no pixel counts (extent 1, dropped) still start at -pad.
  for (std::size_t s = 0; s < c_.spatials.size(); ++s) {
    if (s == row) continue;
    if (!piece.origin[s]) piece.origin[s] = frame_.number(-c_.spatials[s].pad);
    offset = b.CreateAdd(offset, b.CreateMul(piece.origin[s], frame_.size(c_.spatials[s].a_stride)));
  }
  const auto& s = c_.spatials[row];
  piece.base = frame_.advance(base, offset);
  piece.start = b.CreateSub(b.CreateMul(digits.back(), frame_.number(s.stride)), frame_.number(s.pad));
  piece.count = b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, b.CreateSub(count, done),
                                        b.CreateSub(frame_.size(c_.pixels.back().extent), digits.back()));
  piece.panel = frame_.advance(panel, done);
  this->piece(piece, k_elements);
  llvm::Value* next = b.CreateAdd(done, piece.count);
  done->addIncoming(next, b.GetInsertBlock());
  b.CreateCondBr(b.CreateICmpSLT(next, count), head, after);
  b.SetInsertPoint(after);
}

void Planes::piece(const Piece& piece, int64_t k_elements) {
  auto& b = frame_.builder();
  const auto& row = c_.spatials[static_cast<std::size_t>(c_.pixels.back().spatial)];
  const int lanes = frame_.cpu().vector_bytes() / 4;
  auto* type = frame_.vector_type(lanes);
  std::vector<llvm::Constant*> numbers;
  std::vector<int> even;
  for (int i = 0; i < lanes; ++i) {
    numbers.push_back(b.getInt32(static_cast<uint32_t>(i)));
    even.push_back(2 * i);
  }
  llvm::Value* lane = llvm::ConstantVector::get(numbers);
  const auto splat = [&](llvm::Value* x) { return b.CreateVectorSplat(static_cast<unsigned>(lanes), x); };
  frame_.loop(
      "vector", frame_.number(0), piece.count, lanes,
      [&](llvm::Value* i) {
        for (int64_t tap = 0; tap < c_.sums.back().extent; ++tap) {
          llvm::Value* at = b.CreateAdd(b.CreateAdd(piece.start, b.CreateMul(i, frame_.number(row.stride))),
                                        frame_.number(tap * row.dilation));
          // What pixels behind the last would read may lie outside, too.
          std::vector<llvm::Value*> masks;
          for (int64_t part = 0; part < row.stride; ++part) {
            llvm::Value* index =
                b.CreateAdd(splat(b.CreateTrunc(b.CreateAdd(at, frame_.number(part * lanes)), b.getInt32Ty())), lane);
            masks.push_back(b.CreateICmpULT(index, splat(b.CreateTrunc(frame_.size(row.size), b.getInt32Ty()))));
          }
          llvm::Value* to = frame_.advance(piece.panel, b.CreateAdd(i, frame_.number(tap * k_elements)));
          taps(
              piece, 0, frame_.advance(piece.base, at), to, nullptr,
              [&](llvm::Value* from, llvm::Value* to, llvm::Value* valid) {
                Values parts;
                for (int64_t part = 0; part < row.stride; ++part) {
                  llvm::Value* mask = masks[static_cast<std::size_t>(part)];
                  if (valid) mask = b.CreateAnd(mask, splat(valid));
                  parts.push_back(b.CreateMaskedLoad(type, frame_.advance(from, frame_.number(part * lanes)),
                                                     llvm::Align(4), mask, llvm::Constant::getNullValue(type)));
                }
                llvm::Value* x = parts.size() == 1 ? parts[0] : b.CreateShuffleVector(parts[0], parts[1], even);
                b.CreateAlignedStore(x, to, llvm::Align(4));
              },
              k_elements);
        }
      },
      true);
}

// Walks all sums but the last.
void Planes::taps(const Piece& piece, std::size_t depth, llvm::Value* from, llvm::Value* to, llvm::Value* valid,
                  const std::function<void(llvm::Value*, llvm::Value*, llvm::Value*)>& body, int64_t k_elements) {
  if (depth + 1 == c_.sums.size()) return body(from, to, valid);
  auto& b = frame_.builder();
  const auto& s = c_.sums[depth];
  int64_t inner = k_elements;
  for (std::size_t i = depth + 1; i < c_.sums.size(); ++i) inner *= c_.sums[i].extent;
  const auto step = [&](llvm::Value* i) {
    llvm::Value* still = valid;
    if (s.spatial >= 0 && c_.spatials[static_cast<std::size_t>(s.spatial)].bounded) {
      const auto& spatial = c_.spatials[static_cast<std::size_t>(s.spatial)];
      llvm::Value* at = b.CreateAdd(piece.origin[static_cast<std::size_t>(s.spatial)],
                                    b.CreateMul(i, frame_.number(spatial.dilation)));
      llvm::Value* in = b.CreateICmpULT(at, frame_.size(spatial.size));
      still = valid ? b.CreateAnd(valid, in) : in;
    }
    taps(piece, depth + 1, frame_.advance(from, b.CreateMul(i, frame_.size(s.a_stride))),
         frame_.advance(to, b.CreateMul(i, frame_.number(inner))), still, body, k_elements);
  };
  if (s.extent <= 3) {
    for (int64_t i = 0; i < s.extent; ++i) step(frame_.number(i));
  } else {
    frame_.loop("tap", frame_.number(0), frame_.number(s.extent), 1, step, true);
  }
}

}  // namespace burnish
