#pragma once
// A kernel's text as it grows: lines with their indentation, and the sizes that it is given when it is launched.

#include <string>
#include <string_view>
#include <vector>

#include "ir/dim.h"

namespace burnish {

class CudaText {
 public:
  // One line, or several: after one that ends in '{' the next are further in, those that begin with '}' are out again.
  void line(std::string_view text);
  // A size as a number of 64 bits: a literal, or a parameter.
  std::string number(const Dim& dim);
  // As an index: of 32 bits unless `wide`.
  std::string index(const Dim& dim);
  std::string_view index_type() const { return wide_ ? "long long" : "int"; }

  void begin(bool wide);
  // What was written since begin().
  std::string take();
  // Of the parameters, in their order.
  const std::vector<Dim>& sizes() const { return sizes_; }
  // Those that were used as indices of 32 bits since begin(), in increasing order.
  const std::vector<int>& narrow() const { return narrow_; }

 private:
  int parameter(const Dim& dim);
  std::string lines_;
  int depth_ = 1;
  bool wide_ = false;
  std::vector<Dim> sizes_;
  std::vector<int> narrow_;
};

}  // namespace burnish
