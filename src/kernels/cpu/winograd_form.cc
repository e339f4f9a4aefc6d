#include "kernels/cpu/winograd_form.h"

#include <cmath>

#include <llvm/IR/Constants.h>

namespace burnish {
namespace {

using Values = KernelFrame::Values;
using Polynomial = std::vector<long double>;  // by power

std::size_t idx(int i) { return static_cast<std::size_t>(i); }

Polynomial times(const Polynomial& a, long double root) {  // a * (x - root)
  Polynomial product(a.size() + 1, 0);
  for (std::size_t i = 0; i < a.size(); ++i) {
    product[i + 1] += a[i];
    product[i] -= root * a[i];
  }
  return product;
}

std::vector<double> pairs_for(int points) {
  switch (points) {
    case 4: return {1};
    case 6: return {0.65, 1.5};
    case 8: return {0.6, 1, 1.8};
    case 10: return {0.4, 0.9, 1.25, 2};
    default: return {};
  }
}

// Sums of products of vectors with numbers.
class Terms {
 public:
  explicit Terms(KernelFrame& frame) : frame_(frame), b_(frame.builder()) {}

  // The sum over coefficients[first], [first + 2] ..., or over all with step 1; null when all are 0.
  llvm::Value* sum(const std::vector<double>& coefficients, const Values& d, std::size_t first, std::size_t step) {
    llvm::Value* total = nullptr;
    // Coefficients of 1 first: they start the sum without a product.
    for (const bool ones : {true, false})
      for (std::size_t i = first; i < coefficients.size() && i < d.size(); i += step) {
        const double c = coefficients[i];
        if (c == 0 || (c == 1) != ones) continue;
        if (total == nullptr) total = ones ? d[i] : b_.CreateFMul(d[i], number(c, d[i]));
        else total = ones ? b_.CreateFAdd(total, d[i]) : frame_.multiply_add(d[i], number(c, d[i]), total);
      }
    return total;
  }
  llvm::Value* number(double value, llvm::Value* like) { return llvm::ConstantFP::get(like->getType(), value); }
  // a + c * b
  llvm::Value* add(llvm::Value* a, double c, llvm::Value* x) {
    if (a == nullptr) return c == 1 ? x : b_.CreateFMul(x, number(c, x));
    if (x == nullptr) return a;
    if (c == 1) return b_.CreateFAdd(a, x);
    if (c == -1) return b_.CreateFSub(a, x);
    return frame_.multiply_add(x, number(c, x), a);
  }

 private:
  KernelFrame& frame_;
  llvm::IRBuilder<>& b_;
};

}  // namespace

bool WinogradForm::exists(int outputs, int taps) {
  return outputs >= 2 && taps >= 2 && !pairs_for(outputs + taps - 1).empty();
}

WinogradForm::WinogradForm(int outputs, int taps)
    : outputs_(outputs), taps_(taps), pairs_(pairs_for(outputs + taps - 1)) {
  CHECK(exists(outputs, taps), "no such Winograd form");
  std::vector<long double> finite = {0};
  for (const double p : pairs_) {
    finite.push_back(p);
    finite.push_back(-static_cast<long double>(p));
  }
  Polynomial all = {1};
  for (const long double p : finite) all = times(all, p);
  const auto to_double = [](const Polynomial& p) { return std::vector<double>(p.begin(), p.end()); };
  for (std::size_t i = 0; i < finite.size(); ++i) {
    Polynomial rest = {1};
    long double scale = 1;
    for (std::size_t k = 0; k < finite.size(); ++k) {
      if (k == i) continue;
      rest = times(rest, finite[k]);
      scale *= finite[i] - finite[k];
    }
    input_rows_.push_back(to_double(rest));
    std::vector<double> row;
    for (int j = 0; j < taps; ++j) row.push_back(static_cast<double>(std::pow(finite[i], j) / scale));
    weight_rows_.push_back(std::move(row));
  }
  input_rows_.push_back(to_double(all));
  std::vector<double> infinity(idx(taps), 0.0);
  infinity.back() = 1;
  weight_rows_.push_back(std::move(infinity));
}

void WinogradForm::weights(const double* g, int64_t stride, double* to, int64_t to_stride) const {
  if (identity()) {
    to[0] = g[0];
    return;
  }
  for (std::size_t i = 0; i < weight_rows_.size(); ++i) {
    double sum = 0;
    for (std::size_t j = 0; j < weight_rows_[i].size(); ++j)
      sum += weight_rows_[i][j] * g[static_cast<std::int64_t>(j) * stride];
    to[static_cast<std::int64_t>(i) * to_stride] = sum;
  }
}

// The rows of +-p share their even and their odd part.
Values WinogradForm::inputs(KernelFrame& frame, const Values& d) const {
  if (identity()) return d;
  Terms terms(frame);
  Values result = {terms.sum(input_rows_[0], d, 0, 2)};
  for (std::size_t i = 1; i + 1 < input_rows_.size(); i += 2) {
    // M / (x - p) = (x + p) x Q(x^2): the part times x is shared as it is, the part times p without its factor.
    const double p = pairs_[(i - 1) / 2];
    std::vector<double> shared = input_rows_[i];
    for (double& c : shared) c /= p;
    llvm::Value *even = terms.sum(input_rows_[i], d, 0, 2), *odd = terms.sum(shared, d, 1, 2);
    result.push_back(terms.add(even, p, odd));
    result.push_back(terms.add(even, -p, odd));
  }
  result.push_back(terms.sum(input_rows_.back(), d, 1, 2));
  return result;
}

Values WinogradForm::results(KernelFrame& frame, const Values& m) const {
  if (identity()) return m;
  Terms terms(frame);
  auto& b = frame.builder();
  Values sums, differences, result;
  for (std::size_t i = 1; i + 1 < m.size(); i += 2) {
    sums.push_back(b.CreateFAdd(m[i], m[i + 1]));
    differences.push_back(b.CreateFSub(m[i], m[i + 1]));
  }
  for (int j = 0; j < outputs_; ++j) {
    llvm::Value* y = j == 0 ? m[0] : j == outputs_ - 1 ? m.back() : nullptr;
    for (std::size_t k = 0; k < pairs_.size(); ++k)
      y = terms.add(y, std::pow(pairs_[k], j), j % 2 == 0 ? sums[k] : differences[k]);
    result.push_back(y);
  }
  return result;
}

int WinogradForm::input_cost() const {
  const int pairs = static_cast<int>(pairs_.size());
  return identity() ? 0 : 2 * pairs * pairs + 2 * pairs + 2 * pairs;
}
int WinogradForm::result_cost() const {
  const int pairs = static_cast<int>(pairs_.size());
  return identity() ? 0 : pairs * (outputs_ + 2);
}

}  // namespace burnish
