#include "ops/support/windows.h"

namespace burnish {

// How far a kernel, stride, dilation or pad can go; keeps all arithmetic on them exact.
constexpr int64_t kMostWindow = int64_t{1} << 24;

Dim Windows::count(std::size_t d, const Dim& size) const {
  if (const auto number = size.constant()) return count(d, *number);
  const Dim room = size + Dim(before[d] + after[d] - extent(d));
  if (!ceil) return max(Dim(0), floordiv(room, Dim(strides[d])) + 1);
  // A window that would start in the padding behind the axis is left out.
  const Dim rounded = ceildiv(room, Dim(strides[d])) + 1;
  return max(Dim(0), min(rounded, ceildiv(size + Dim(before[d]), Dim(strides[d]))));
}

int64_t Windows::count(std::size_t d, int64_t size) const {
  const int64_t room = size + before[d] + after[d] - extent(d);
  if (!ceil) return std::max<int64_t>(0, floor_div(room, strides[d]) + 1);
  return std::max<int64_t>(0, std::min(ceil_div(room, strides[d]) + 1, ceil_div(size + before[d], strides[d])));
}

Result<Windows> read_windows(const NodeView& c, Ints kernel) {
  const std::size_t n = kernel.size();
  const Ints& pads = c.ints("pads");
  Windows w{std::move(kernel), c.ints("strides"), c.ints("dilations"), {}, {}, false};
  if (w.strides.size() != n || w.dilations.size() != n || pads.size() != 2 * n)
    return c.error("strides and dilations need " + std::to_string(n) + " numbers and pads " + std::to_string(2 * n));
  w.before.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(n));
  w.after.assign(pads.begin() + static_cast<std::ptrdiff_t>(n), pads.end());
  for (std::size_t d = 0; d < n; ++d) {
    const auto inside = [](int64_t v, int64_t low) { return v >= low && v <= kMostWindow; };
    if (!inside(w.kernel[d], 1)) return c.error("kernel size " + std::to_string(w.kernel[d]) + " is out of range");
    if (!inside(w.strides[d], 1)) return c.error("stride " + std::to_string(w.strides[d]) + " is out of range");
    if (!inside(w.dilations[d], 1)) return c.error("dilation " + std::to_string(w.dilations[d]) + " is out of range");
    if (!inside(w.before[d], 0) || !inside(w.after[d], 0)) return c.error("pads [" + text(pads) + "] are out of range");
  }
  return w;
}

Result<Ints> kernel_of(const NodeView& c, const Type& weights) {
  Ints kernel;
  for (std::size_t d = 2; d < weights.dims.size(); ++d) {
    const auto size = weights.dims[d].constant();
    if (!size) return c.error("the kernel's size must be known, not " + weights.dims[d].text());
    kernel.push_back(*size);
  }
  return kernel;
}

}  // namespace burnish
