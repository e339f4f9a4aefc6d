#include "tests/kernels/window_problem.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace burnish::test {
namespace {

int64_t pick(std::mt19937& random, int64_t low, int64_t high) {
  return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
}

}  // namespace

Problem WindowProblem::problem() const {
  auto named = [&](std::size_t i, int64_t value) {
    return symbols.empty() || symbols[i].empty() ? Dim(value) : Dim::symbol(symbols[i], {1, 1 << 20});
  };
  Dims x = {named(0, batch), channels}, y = {named(0, batch), mode.empty() ? outputs : channels};
  Dims w = {outputs, channels / groups};
  for (std::size_t d = 0; d < image.size(); ++d) {
    x.push_back(named(d + 1, image[d]));
    w.push_back(kernel[d]);
    const int64_t reach = begins[d] + ends[d] - dilations[d] * (kernel[d] - 1) - 1;
    y.push_back(floordiv(x.back() + Dim(reach), Dim(strides[d])) + Dim(1));
  }
  Problem p;
  p.result = Type::tensor(DType::f32, y);
  p.operands = {Type::tensor(DType::f32, x)};
  Ints pads = begins;
  pads.insert(pads.end(), ends.begin(), ends.end());
  p.attributes = {{"strides", Ints(strides)}, {"dilations", Ints(dilations)}, {"pads", pads}};
  if (mode.empty()) {
    p.family = "convolution";
    p.operands.push_back(Type::tensor(DType::f32, w));
    p.attributes["groups"] = groups;
  } else {
    p.family = "pool";
    p.attributes["mode"] = mode;
    p.attributes["kernel"] = Ints(kernel);
    p.attributes["count_include_pad"] = count_include_pad;
  }
  return p;
}

Array WindowProblem::expected(std::vector<Array>& operands) const {
  std::vector<int64_t> dims = {batch, mode.empty() ? outputs : channels};
  for (std::size_t d = 0; d < image.size(); ++d) dims.push_back(extent(d));
  Array y(dims);
  const int64_t per_group = channels / groups;
  each(dims, [&](const std::vector<int64_t>& out) {
    double sum = mode == "max" ? -INFINITY : 0;
    int64_t counted = 0;
    each(kernel, [&](const std::vector<int64_t>& tap) {
      std::vector<int64_t> in = {out[0], out[1]}, weight = {out[1], 0};
      bool inside = true, counts = true;
      for (std::size_t d = 0; d < image.size(); ++d) {
        const int64_t i = out[d + 2] * strides[d] - begins[d] + tap[d] * dilations[d];
        inside &= i >= 0 && i < image[d];
        counts &= i < image[d] + ends[d];
        in.push_back(i);
        weight.push_back(tap[d]);
      }
      counted += count_include_pad ? counts : inside;
      if (!inside) return;
      if (mode == "max") sum = std::max(sum, operands[0].at(in));
      else if (mode == "average") sum += operands[0].at(in);
      else
        for (int64_t c = 0; c < per_group; ++c) {
          in[1] = out[1] / (outputs / groups) * per_group + c;
          weight[1] = c;
          sum += operands[0].at(in) * operands[1].at(weight);
        }
    });
    y.at(out) = mode == "average" ? sum / static_cast<double>(std::max<int64_t>(counted, 1)) : sum;
  });
  return y;
}

std::string WindowProblem::text() const {
  return fmt::format("{} n{} c{} o{} g{} image [{}] kernel [{}] strides [{}] dilations [{}] pads [{}] [{}]",
                     mode.empty() ? "convolution" : mode, batch, channels, outputs, groups, fmt::join(image, ","),
                     fmt::join(kernel, ","), fmt::join(strides, ","), fmt::join(dilations, ","), fmt::join(begins, ","),
                     fmt::join(ends, ","));
}

SymbolTable WindowProblem::numbers() const {
  SymbolTable table;
  for (std::size_t i = 0; i < symbols.size(); ++i)
    if (!symbols[i].empty()) table[symbols[i]] = i == 0 ? batch : image[i - 1];
  return table;
}

WindowProblem random_window(std::mt19937& random, std::size_t rank) {
  WindowProblem p;
  p.batch = pick(random, 1, 3);
  for (std::size_t d = 0; d < rank; ++d) {
    p.kernel.push_back(pick(random, 1, rank > 2 ? 3 : 5));
    p.strides.push_back(pick(random, 1, 3));
    p.dilations.push_back(random() % 3 ? 1 : pick(random, 1, 3));
    const bool padded = random() % 2;
    const int64_t reach = (p.kernel[d] - 1) * p.dilations[d];
    p.begins.push_back(padded ? pick(random, 0, std::min(reach, p.kernel[d] - 1)) : 0);
    p.ends.push_back(padded ? pick(random, 0, std::min(reach, p.kernel[d] - 1)) : 0);
    p.image.push_back(pick(random, reach + 1, reach + (rank == 1 ? 60 : rank == 2 ? 20 : 6)));
  }
  return p;
}

}  // namespace burnish::test
