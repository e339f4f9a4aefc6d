#include "kernels/cpu/gather.h"

#include <llvm/IR/Constants.h>

#include "base/checked.h"

namespace burnish {

std::vector<llvm::Value*> split_number(KernelFrame& frame, llvm::Value* flat, std::span<const Dim> extents) {
  auto& b = frame.builder();
  std::vector<llvm::Value*> digits(extents.size());
  for (std::size_t i = extents.size(); i-- > 0;) {
    if (i == 0) {
      digits[0] = flat;
    } else if (extents[i].constant() == 1) {
      digits[i] = frame.number(0);
    } else {
      llvm::Value* extent = frame.size(extents[i]);
      digits[i] = b.CreateURem(flat, extent);
      flat = b.CreateUDiv(flat, extent);
    }
  }
  return digits;
}

void place_pixel(KernelFrame& frame, const Contraction& contraction, llvm::Value* pixel, bool flat,
                 std::vector<llvm::Value*>& position) {
  const auto& pixels = contraction.pixels;
  if (pixels.empty()) return;
  if (flat) {
    position[static_cast<std::size_t>(pixels.back().axis)] = pixel;
    return;
  }
  std::vector<Dim> extents;
  for (const auto& p : pixels) extents.push_back(p.extent);
  const auto digits = split_number(frame, pixel, extents);
  for (std::size_t i = 0; i < digits.size(); ++i) position[static_cast<std::size_t>(pixels[i].axis)] = digits[i];
}

Gather::Gather(KernelFrame& frame, const Contraction& contraction) : frame_(frame), c_(contraction) {
  const auto& sums = c_.sums;
  run_from_ = sums.size();
  if (sums.empty()) return;
  const auto& last = sums.back();
  strided_ = last.a_stride.constant() != 1;
  run_from_ = sums.size() - 1;
  run_ = last.extent;
  const bool masks = frame.cpu().level >= 3;
  if (strided_) return;
  range_ = last.spatial >= 0;
  // Runs shorter than two vectors are worth joining with the sum around them when memory goes on.
  const int lanes = frame.cpu().vector_bytes() / 4;
  while (run_from_ > 0 && !range_) {
    const auto& outer = sums[run_from_ - 1];
    const bool joins = outer.a_stride == Dim(run_) && (outer.spatial < 0 || (masks && run_ < 2 * lanes));
    if (!joins) break;
    --run_from_;
    run_ *= outer.extent;
    range_ = outer.spatial >= 0;
  }
  if (range_ && !masks) {  // vectors without masks: element by element
    strided_ = true;
    run_from_ = sums.size() - 1;
    run_ = last.extent;
    range_ = false;
  }
}

int64_t Gather::zero_bytes() const {
  for (const auto& s : c_.spatials)
    if (s.bounded) return strided_ ? 64 : round_up(run_ * 4, 64);
  return 0;
}

void Gather::prepare(llvm::Value* zeros) {
  zeros_ = zeros;
  const int64_t bytes = zero_bytes();
  if (bytes == 0) return;
  auto& b = frame_.builder();
  auto* type = frame_.vector_type(4);
  frame_.loop("zero", frame_.number(0), frame_.number(bytes / 4), 4, [&](llvm::Value* i) {
    b.CreateAlignedStore(llvm::Constant::getNullValue(type), frame_.advance(zeros_, i), llvm::Align(16));
  });
}

llvm::Value* Gather::inside(const Contraction::Spatial& spatial, llvm::Value* index) {
  return frame_.builder().CreateICmpULT(index, frame_.size(spatial.size));  // negative is large
}

void Gather::rows(llvm::Value* base, llvm::Value* first, llvm::Value* count, llvm::Value* panel, int64_t row_elements) {
  auto& b = frame_.builder();
  std::vector<Dim> extents;
  for (const auto& p : c_.pixels) extents.push_back(p.extent);
  frame_.loop("gather", frame_.number(0), count, 1, [&](llvm::Value* r) {
    const auto digits = split_number(frame_, b.CreateAdd(first, r), extents);
    Row row;
    row.origin.resize(c_.spatials.size());
    llvm::Value* offset = frame_.number(0);
    for (std::size_t i = 0; i < digits.size(); ++i) {
      const auto& p = c_.pixels[i];
      if (p.spatial < 0) {
        offset = b.CreateAdd(offset, b.CreateMul(digits[i], frame_.size(p.a_stride)));
        continue;
      }
      const auto& s = c_.spatials[static_cast<std::size_t>(p.spatial)];
      llvm::Value* at = b.CreateSub(b.CreateMul(digits[i], frame_.number(s.stride)), frame_.number(s.pad));
      row.origin[static_cast<std::size_t>(p.spatial)] = at;
      offset = b.CreateAdd(offset, b.CreateMul(at, frame_.size(s.a_stride)));
    }
    // Image dims that no pixel counts (extent 1, dropped) still start at -pad.
    for (std::size_t s = 0; s < c_.spatials.size(); ++s) {
      if (row.origin[s]) continue;
      row.origin[s] = frame_.number(-c_.spatials[s].pad);
      offset = b.CreateAdd(offset, b.CreateMul(row.origin[s], frame_.size(c_.spatials[s].a_stride)));
    }
    row.base = frame_.advance(base, offset);
    row.panel = frame_.advance(panel, b.CreateMul(r, frame_.number(row_elements)));
    sum(row, 0, row.base, row.panel, nullptr);
  });
}

// Walks the sums outside the run; `valid` (null: always) tells whether the taps so far lie in the image.
void Gather::sum(const Row& row, std::size_t depth, llvm::Value* from, llvm::Value* to, llvm::Value* valid) {
  auto& b = frame_.builder();
  if (depth == run_from_) {
    if (strided_) copy_strided(row, from, to, valid);
    else if (range_) copy_range(row, from, to, valid);
    else copy(from, to, valid, run_);
    return;
  }
  const auto& s = c_.sums[depth];
  int64_t inner = 1;
  for (std::size_t i = depth + 1; i < c_.sums.size(); ++i) inner *= c_.sums[i].extent;
  auto step = [&](llvm::Value* i) {
    llvm::Value* tap_valid = valid;
    if (s.spatial >= 0) {
      const auto& spatial = c_.spatials[static_cast<std::size_t>(s.spatial)];
      if (spatial.bounded) {
        llvm::Value* at = b.CreateAdd(row.origin[static_cast<std::size_t>(s.spatial)],
                                      b.CreateMul(i, frame_.number(spatial.dilation)));
        llvm::Value* in = inside(spatial, at);
        tap_valid = valid ? b.CreateAnd(valid, in) : in;
      }
    }
    sum(row, depth + 1, frame_.advance(from, b.CreateMul(i, frame_.size(s.a_stride))),
        frame_.advance(to, b.CreateMul(i, frame_.number(inner))), tap_valid);
  };
  // Few taps of few vectors are written out.
  if (s.extent <= 8 && s.extent * inner <= 64 * (frame_.cpu().vector_bytes() / 4) && s.spatial >= 0) {
    for (int64_t i = 0; i < s.extent; ++i) step(frame_.number(i));
  } else {
    frame_.loop("tap", frame_.number(0), frame_.number(s.extent), 1, step, true);
  }
}

void Gather::copy(llvm::Value* from, llvm::Value* to, llvm::Value* valid, int64_t count) {
  auto& b = frame_.builder();
  if (valid) from = b.CreateSelect(valid, from, zeros_);
  const int64_t lanes = frame_.cpu().vector_bytes() / 4;
  auto move = [&](llvm::Value* at, int64_t n) {
    auto* type = frame_.vector_type(static_cast<int>(n));
    llvm::Value* x = b.CreateAlignedLoad(type, frame_.advance(from, at), llvm::Align(4));
    b.CreateAlignedStore(x, frame_.advance(to, at), llvm::Align(4));
  };
  int64_t done = 0;
  if (count / lanes > 8) {
    done = count / (4 * lanes) * (4 * lanes);
    frame_.loop(
        "copy", frame_.number(0), frame_.number(done), 4 * lanes,
        [&](llvm::Value* i) {
          for (int64_t u = 0; u < 4; ++u) move(b.CreateAdd(i, frame_.number(u * lanes)), lanes);
        },
        true);
  }
  for (int64_t n = lanes; n > 0; n /= 2)
    for (; done + n <= count; done += n) move(frame_.number(done), n);
}

// A run over the taps of one image dim: elements [low, high) of it lie in the image.
void Gather::copy_range(const Row& row, llvm::Value* from, llvm::Value* to, llvm::Value* valid) {
  const auto& s = c_.sums[run_from_];
  const auto& spatial = c_.spatials[static_cast<std::size_t>(s.spatial)];
  auto& b = frame_.builder();
  if (!spatial.bounded) return copy(from, to, valid, run_);
  const int64_t unit = run_ / s.extent;
  llvm::Value* origin = row.origin[static_cast<std::size_t>(s.spatial)];
  llvm::Value* low = b.CreateMul(b.CreateNeg(origin), frame_.number(unit));
  llvm::Value* high = b.CreateMul(b.CreateSub(frame_.size(spatial.size), origin), frame_.number(unit));
  if (valid) high = b.CreateSelect(valid, high, frame_.number(0));
  auto clamp = [&](llvm::Value* x) {  // fits 32 bits; outside of [0, run) all the same
    x = b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x, frame_.number(0));
    x = b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, frame_.number(run_));
    return b.CreateTrunc(x, b.getInt32Ty());
  };
  low = clamp(low);
  high = clamp(high);
  const int64_t full = frame_.cpu().vector_bytes() / 4;
  for (int64_t done = 0; done < run_; done += full) {
    // Rows of the panel have room for a whole last vector, and the next run overwrites what is too much.
    auto* type = frame_.vector_type(static_cast<int>(full));
    std::vector<llvm::Constant*> numbers;
    for (int64_t i = 0; i < full; ++i) numbers.push_back(b.getInt32(static_cast<uint32_t>(done + i)));
    llvm::Value* lane = llvm::ConstantVector::get(numbers);
    auto splat = [&](llvm::Value* x) { return b.CreateVectorSplat(static_cast<unsigned>(full), x); };
    llvm::Value* mask = b.CreateAnd(b.CreateICmpSGE(lane, splat(low)), b.CreateICmpSLT(lane, splat(high)));
    llvm::Value* x = b.CreateMaskedLoad(type, frame_.advance(from, frame_.number(done)), llvm::Align(4), mask,
                                        llvm::Constant::getNullValue(type));
    b.CreateAlignedStore(x, frame_.advance(to, frame_.number(done)), llvm::Align(4));
  }
}

void Gather::copy_strided(const Row& row, llvm::Value* from, llvm::Value* to, llvm::Value* valid) {
  auto& b = frame_.builder();
  const auto& s = c_.sums.back();
  frame_.loop(
      "element", frame_.number(0), frame_.number(s.extent), 1,
      [&](llvm::Value* i) {
        llvm::Value* ok = valid;
        if (s.spatial >= 0 && c_.spatials[static_cast<std::size_t>(s.spatial)].bounded) {
          const auto& spatial = c_.spatials[static_cast<std::size_t>(s.spatial)];
          llvm::Value* at = b.CreateAdd(row.origin[static_cast<std::size_t>(s.spatial)],
                                        b.CreateMul(i, frame_.number(spatial.dilation)));
          llvm::Value* in = inside(spatial, at);
          ok = ok ? b.CreateAnd(ok, in) : in;
        }
        llvm::Value* place = frame_.advance(from, b.CreateMul(i, frame_.size(s.a_stride)));
        if (ok) place = b.CreateSelect(ok, place, zeros_);
        b.CreateStore(b.CreateLoad(frame_.f32(), place), frame_.advance(to, i));
      },
      true);
}

}  // namespace burnish
