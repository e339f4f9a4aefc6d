#include "kernels/cpu/image_rows.h"

#include <algorithm>

#include "base/checked.h"

namespace burnish {
namespace {

constexpr std::string_view kFirst = "first.";
constexpr double kFarBehind = 2;    // times the best estimate
constexpr int64_t kLeastWidth = 8;  // a narrower row leaves the multipliers idle

bool is_separable(const Kernel& kernel) { return kernel.anchor->family == kSeparable.problem; }

}  // namespace

AttributeMap with_first(AttributeMap parameters, const Tactic& first) {
  for (const auto& [name, value] : first.parameters) parameters[std::string(kFirst) + name] = value;
  return parameters;
}

Tactic first_of(const AttributeMap& parameters) {
  Tactic first;
  first.name = "of an image";
  for (const auto& [name, value] : parameters)
    if (name.starts_with(kFirst)) first.parameters[name.substr(kFirst.size())] = value;
  return first;
}

std::vector<Tactic> row_tactics(const CpuFeatures& cpu, const Kernel& kernel) {
  std::vector<Tactic> all, found;
  std::string why;
  (is_separable(kernel) ? kSeparable : kConvolution).tactics(cpu, kernel, all, why);
  std::ranges::stable_sort(all, {}, &Tactic::seconds);
  for (Tactic& t : all) {
    const bool rows = is_separable(kernel) || integer(t.parameters, "packed", 0) != 0;
    const bool known =
        std::ranges::any_of(found, [&](const Tactic& f) { return f.ports[0].format == t.ports[0].format; });
    if (rows && !known && t.seconds < kFarBehind * all[0].seconds) found.push_back(t);
  }
  return found;
}

Result<std::unique_ptr<ImageRows>> image_rows(KernelFrame& frame, const Kernel& kernel, const Tactic& tactic,
                                              std::vector<Storage> storages, int64_t rows) {
  if (is_separable(kernel)) return separable_rows(frame, kernel, tactic, std::move(storages), rows);
  return convolution_rows(frame, kernel, tactic, std::move(storages));
}

Result<MadeShape> MadeShape::of(const Kernel& first, const Window& window, const Dims& result) {
  const Dims& image = first.operand_type(first.operand_count() - 1).dims;
  if (window.rank() != 2 || !result[2].is_constant() || !result[3].is_constant() ||
      !std::all_of(image.begin() + 1, image.end(), [](const Dim& d) { return d.is_constant(); }))
    return refused("rows of an image that is made need channels and two dims of known size");
  MadeShape s{&first, window, result[2].value(), image[2].value(), image[3].value(), image[1].value()};
  if (std::min({s.rows, s.height, s.channels, result[3].value()}) < 1) return refused("there is no pixel");
  if (s.width < kLeastWidth) return refused("the rows of the image that is made are short");
  return s;
}

int64_t MadeShape::image_rows(int64_t count) const {
  return std::min(height, (count - 1) * window.strides[0] + (window.kernel[0] - 1) * window.dilations[0] + 1);
}

int64_t MadeShape::weight_bytes() const {
  int64_t count = 4;
  for (const Dim& d : first->anchor->operands.back().dims) count *= likely(d);
  return count;
}

int64_t MadeShape::kept_bytes(int64_t count) const {
  if (is_separable(*first)) return image_bytes(count) + separable_kept_bytes(*first, image_rows(count));
  // Windows of more than a pixel are copied to a panel, row by row.
  const Dims& w = first->anchor->operands[1].dims;
  const bool copies = std::any_of(w.begin() + 2, w.end(), [](const Dim& d) { return d != Dim(1); });
  return image_bytes(count) + (copies ? width * (weight_bytes() / channels) : 0);
}

double MadeShape::more_cycles(const CpuFeatures& cpu, int64_t count, double own, double others, int64_t tasks) const {
  // Neighbours make some rows twice, and each row takes all weights, from the second cache if the first does not hold them.
  const auto made = static_cast<double>(ceil_div(rows, count) * image_rows(count));
  const double images = static_cast<double>(tasks) / static_cast<double>(ceil_div(rows, count));
  const bool near = weight_bytes() < cpu.l1_bytes / 2;
  const double weights = near ? 0 : images * made * static_cast<double>(weight_bytes()) / kWeightBytes;
  const double uneven = static_cast<double>(round_up(tasks, 2)) / static_cast<double>(tasks);
  return own * (made / static_cast<double>(height) * uneven - 1) + others * (uneven - 1) + weights;
}

Storage MadeImage::storage(const MadeShape& shape) {
  const Dims& dims = shape.first->operand_type(shape.first->operand_count() - 1).dims;
  return dense_storage(Format::channels_last(DType::f32, static_cast<int64_t>(dims.size())), dims);
}

Result<std::unique_ptr<MadeImage>> MadeImage::make(KernelFrame& frame, const MadeShape& shape, const Tactic& tactic,
                                                   std::vector<Storage> storages, int64_t rows) {
  auto made = std::unique_ptr<MadeImage>(new MadeImage(frame, shape));
  storages.push_back(storage(shape));
  made->kept_bytes_ = shape.image_bytes(rows);
  made->rows_ = TRY(image_rows(frame, *shape.first, tactic, std::move(storages), shape.image_rows(rows)));
  return made;
}

void MadeImage::prepare(int64_t& taken) {
  kept_ = frame_.advance(frame_.scratch(), frame_.number(taken), 1);
  taken += round_up(kept_bytes_, 64);
  rows_->prepare(taken);
}

llvm::Value* MadeImage::rows(llvm::Value* begin, llvm::Value* end) {
  auto& b = frame_.builder();
  const auto number = [&](int64_t x) { return frame_.number(x); };
  const Window& w = shape_.window;
  const auto start = [&](llvm::Value* row) {
    return b.CreateSub(b.CreateMul(row, number(w.strides[0])), number(w.begins[0]));
  };
  const auto within = [&](llvm::Value* x) {
    x = b.CreateBinaryIntrinsic(llvm::Intrinsic::smax, x, number(0));
    return b.CreateBinaryIntrinsic(llvm::Intrinsic::smin, x, number(shape_.height));
  };
  llvm::Value* image = b.CreateMul(b.CreateUDiv(begin, number(shape_.rows)), number(shape_.height));
  llvm::Value* first = b.CreateURem(begin, number(shape_.rows));
  llvm::Value* last = b.CreateAdd(first, b.CreateSub(end, b.CreateAdd(begin, number(1))));
  const int64_t span = (w.kernel[0] - 1) * w.dilations[0] + 1;
  llvm::Value* low = b.CreateAdd(image, within(start(first)));
  // No rows need none: where they begin behind the last one, that would be the next image.
  llvm::Value* high = b.CreateSelect(b.CreateICmpSLT(begin, end),
                                     b.CreateAdd(image, within(b.CreateAdd(start(last), number(span)))), low);
  llvm::Value* origin = frame_.advance(kept_, b.CreateNeg(b.CreateMul(low, number(shape_.width * shape_.channels))));
  std::vector<llvm::Value*> operands;
  for (std::size_t i = 0; i + 1 < shape_.first->operand_count(); ++i)
    operands.push_back(frame_.pointer(static_cast<int>(i)));
  operands.push_back(origin);
  const KernelFrame::Within scope(frame_, std::move(operands));
  rows_->emit(low, high);
  return origin;
}

}  // namespace burnish
