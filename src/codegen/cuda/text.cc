#include "codegen/cuda/text.h"

#include <algorithm>

#include <fmt/format.h>

namespace burnish {

void CudaText::begin(bool wide) {
  lines_.clear();
  narrow_.clear();
  depth_ = 1;
  wide_ = wide;
}

std::string CudaText::take() { return std::move(lines_); }

void CudaText::line(std::string_view text) {
  if (text.starts_with('}')) --depth_;
  if (!text.starts_with('#')) lines_.append(static_cast<std::size_t>(depth_) * 2, ' ');
  lines_.append(text);
  lines_ += '\n';
  if (text.ends_with('{')) ++depth_;
}

int CudaText::parameter(const Dim& dim) {
  const auto n = static_cast<int>(std::find(sizes_.begin(), sizes_.end(), dim) - sizes_.begin());
  if (static_cast<std::size_t>(n) == sizes_.size()) sizes_.push_back(dim);
  return n;
}

std::string CudaText::number(const Dim& dim) {
  if (!dim.is_constant()) return fmt::format("n{}", parameter(dim));
  const std::string digits = fmt::format("{}ll", dim.value());
  return dim.value() < 0 ? "(" + digits + ")" : digits;
}

std::string CudaText::index(const Dim& dim) {
  if (wide_) return number(dim);
  if (dim.is_constant()) return dim.value() < 0 ? fmt::format("({})", dim.value()) : fmt::format("{}", dim.value());
  const int n = parameter(dim);
  const auto at = std::lower_bound(narrow_.begin(), narrow_.end(), n);
  if (at == narrow_.end() || *at != n) narrow_.insert(at, n);
  return fmt::format("m{}", n);
}

}  // namespace burnish
