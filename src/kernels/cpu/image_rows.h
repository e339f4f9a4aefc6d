#pragma once
// Rows of the image that a convolution gives, within the kernel of a window that reads them: they are kept near.

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codegen/cpu/frame.h"
#include "kernels/cpu/contraction.h"
#include "kernels/cpu/family.h"
#include "loop/kernel.h"

namespace burnish {

// Of the second cache: the shares that what is made with rows of an image, and all weights, may take; bytes a cycle of weights
// from there.
inline constexpr double kImageShare = 0.25, kWeightShare = 0.5, kWeightBytes = 40;
// The most rows of a task; the fewest tasks where an image is made.
inline constexpr int64_t kMostRows = 32, kFewTasks = 4;

class ImageRows {
 public:
  virtual ~ImageRows() = default;
  // Once per call of the whole kernel: takes what it needs of the scratch, of which `taken` bytes belong to others.
  virtual void prepare(int64_t& taken) = 0;
  // Rows [begin, end) over all images; they lie in one. The frame's operands are those of the kernel (KernelFrame::Within).
  virtual void emit(llvm::Value* begin, llvm::Value* end) = 0;
};

// Ways to give rows of the image of a convolution or of a separable one: those of its tactics that need no more than rows, for
// each format of its own image the best.
std::vector<Tactic> row_tactics(const CpuFeatures& cpu, const Kernel& kernel);
// `storages`, one per operand; at most `rows` are asked for at once. The kernel must stay.
Result<std::unique_ptr<ImageRows>> image_rows(KernelFrame& frame, const Kernel& kernel, const Tactic& tactic,
                                              std::vector<Storage> storages, int64_t rows);
// Of a convolution, and of a separable one.
Result<std::unique_ptr<ImageRows>> convolution_rows(KernelFrame& frame, const Kernel& kernel, const Tactic& tactic,
                                                    std::vector<Storage> storages);
Result<std::unique_ptr<ImageRows>> separable_rows(KernelFrame& frame, const Kernel& kernel, const Tactic& tactic,
                                                  std::vector<Storage> storages, int64_t rows);
// What separable rows keep of images that are made on the way.
int64_t separable_kept_bytes(const Kernel& kernel, int64_t rows);

// Of contractions without outer dims: `width` pixels a row. `filler`, where there is one, must stay.
class ContractionRows : public ImageRows {
 public:
  ContractionRows(KernelFrame& frame, Contraction contraction, ContractionTile tile, int64_t width,
                  const Kernel& kernel, std::vector<Storage> storages, PanelFiller filler = nullptr);
  ~ContractionRows() override;
  void prepare(int64_t& taken) override;
  void emit(llvm::Value* begin, llvm::Value* end) override;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The image [N, C, H, W] of a window, which the kernel `first` gives.
struct MadeShape {
  const Kernel* first = nullptr;
  Window window;
  int64_t rows = 0;  // of one result
  int64_t height = 0, width = 0, channels = 0;

  static Result<MadeShape> of(const Kernel& first, const Window& window, const Dims& result);
  // Rows of the image that so many of the result read; what is kept near for them: of this image and of others on the way, and
  // what making a row needs.
  int64_t image_rows(int64_t count) const;
  int64_t image_bytes(int64_t count) const { return image_rows(count) * width * channels * 4; }
  int64_t kept_bytes(int64_t count) const;
  int64_t weight_bytes() const;  // of the convolution that ends with this image
  // For so many tasks of so many rows of the result: cycles beside `own`, which making all of the image once takes, and
  // `others`, which the work on it does.
  double more_cycles(const CpuFeatures& cpu, int64_t count, double own, double others, int64_t tasks) const;
};

class MadeImage {
 public:
  // `tactic` is that of the kernel, `storages` those of its operands but the result; at most `rows` of the window's result are
  // asked for at once.
  static Result<std::unique_ptr<MadeImage>> make(KernelFrame& frame, const MadeShape& shape, const Tactic& tactic,
                                                 std::vector<Storage> storages, int64_t rows);
  static Storage storage(const MadeShape& shape);
  void prepare(int64_t& taken);
  // Makes what rows [begin, end) of the result read. The frame's operands begin with those of the kernel. Gives the place where
  // the image would begin if all of it were there.
  llvm::Value* rows(llvm::Value* begin, llvm::Value* end);

 private:
  MadeImage(KernelFrame& frame, const MadeShape& shape) : frame_(frame), shape_(shape) {}

  KernelFrame& frame_;
  const MadeShape shape_;
  std::unique_ptr<ImageRows> rows_;
  int64_t kept_bytes_ = 0;
  llvm::Value* kept_ = nullptr;
};

// The parameters of a kernel hold those of the one that gives its image.
AttributeMap with_first(AttributeMap parameters, const Tactic& first);
Tactic first_of(const AttributeMap& parameters);

}  // namespace burnish
