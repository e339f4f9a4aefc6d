#pragma once
// Convolution along one image dim with fewer multiplications (Winograd, as Toom and Cook build it): `outputs` neighbouring
// results of a kernel of `taps` cost `points` = outputs + taps - 1 multiplications instead of outputs * taps:
//
//   y = A^T [(G g) * (B^T d)]        d: the `points` inputs, g: the taps, *: element by element
//
// Along two dims the transforms nest. Points of evaluation are 0, pairs +-p and infinity; p were chosen for the least error
// in f32 against f64 (points other than small integers lose less: Barabasz et al., arXiv 1803.10986).

#include <cstdint>
#include <vector>

#include "codegen/cpu/frame.h"

namespace burnish {

class WinogradForm {
 public:
  // One output and one tap: nothing is transformed.
  WinogradForm() = default;
  // taps >= 2 and points 4, 6, 8 or 10.
  WinogradForm(int outputs, int taps);
  static bool exists(int outputs, int taps);

  int outputs() const { return outputs_; }
  int taps() const { return taps_; }
  int points() const { return outputs_ + taps_ - 1; }
  bool identity() const { return points() == 1; }

  // G g: `taps` numbers `stride` apart become `points` at to, `to_stride` apart. In double.
  void weights(const double* g, int64_t stride, double* to, int64_t to_stride) const;
  // B^T d and A^T m on vectors.
  KernelFrame::Values inputs(KernelFrame& frame, const KernelFrame::Values& d) const;
  KernelFrame::Values results(KernelFrame& frame, const KernelFrame::Values& m) const;
  // Vector instructions of each.
  int input_cost() const;
  int result_cost() const;

 private:
  int outputs_ = 1, taps_ = 1;
  std::vector<double> pairs_;  // p of the pairs
  // Coefficients of M(x) / (x - point) by power of x, and of M itself (its last entry is 1), with M the product over the
  // finite points.
  std::vector<std::vector<double>> input_rows_;
  std::vector<std::vector<double>> weight_rows_;  // G
};

}  // namespace burnish
